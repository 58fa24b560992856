from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from report_samples import address, expect

from reconciler.reports.graph import to_dot, to_mermaid, to_svg
from reconciler.reports.layers import Spacing, lay_out_graph
from reconciler.values import Action, Address

SVG = "{http://www.w3.org/2000/svg}"
NODES: Mapping[Address, Action | None] = {
    address("adobe/Dataflow/orders"): Action.UPDATE,
    address("adobe/SourceConnection/orders"): Action.REPLACE,
    address("adobe/TargetConnection/orders"): None,
    address("didomi/Destination/old-lake"): Action.DELETE,
    address("domo/DatasetExport/sales"): Action.RUN,
}
EDGES = {
    address("adobe/Dataflow/orders"): (
        address("adobe/SourceConnection/orders"),
        address("adobe/TargetConnection/orders"),
        address("adobe/BaseConnection/lake"),
    ),
    address("adobe/TargetConnection/orders"): (address("adobe/BaseConnection/lake"),),
}


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text, not a stranger's


EVIL = Address("x", 'K"<b>&\\', 'a"]; end\n\x1b[2J')


@st.composite
def graphs(draw: st.DrawFn) -> dict[int, list[int]]:
    count = draw(st.integers(1, 25))
    return {each: draw(st.lists(st.integers(0, count - 1), max_size=4)) for each in range(count)}


def test_the_picture_is_drawn_like_this() -> None:
    expect("graph.svg", to_svg(NODES, EDGES))


def test_dot_is_written_like_this() -> None:
    expect("graph-dot.txt", to_dot(NODES, EDGES))


def test_mermaid_is_written_like_this() -> None:
    expect("graph-mermaid.txt", to_mermaid(NODES, EDGES))


def test_the_order_of_the_input_does_not_matter() -> None:
    nodes = dict(reversed(tuple(NODES.items())))
    edges = {each: needed[::-1] for each, needed in reversed(tuple(EDGES.items()))}

    assert to_svg(nodes, edges) == to_svg(NODES, EDGES)
    assert to_dot(nodes, edges) == to_dot(NODES, EDGES)
    assert to_mermaid(nodes, edges) == to_mermaid(NODES, EDGES)


def test_names_cannot_leave_their_place() -> None:
    svg, dot, mermaid = (write({EVIL: None}, {}) for write in (to_svg, to_dot, to_mermaid))

    assert parsed(svg).find(f".//{SVG}b") is None
    assert '\\"' in dot
    assert mermaid.count('"') == 2
    assert all(each.isprintable() for each in (svg + dot + mermaid).replace("\n", ""))


def test_the_picture_says_what_it_is() -> None:
    root = parsed(to_svg(NODES, EDGES, title="Exports of example & co"))

    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Exports of example & co"
    assert root.findtext(f"{SVG}desc", "").startswith("6 resources and 4 dependencies")


def test_nothing_is_a_picture_too() -> None:
    assert parsed(to_svg({}, {})).tag == f"{SVG}svg"


def test_a_mermaid_label_does_not_begin_like_a_list() -> None:
    assert '["-' not in to_mermaid({EVIL: Action.DELETE, address("a/B/c"): Action.DELETE}, {})


@settings(deadline=None)
@given(needs=graphs(), width=st.lists(st.floats(40, 300), min_size=25, max_size=25))
def test_boxes_never_overlap(needs: dict[int, list[int]], width: list[float]) -> None:
    spacing = Spacing()
    laid = lay_out_graph(needs, dict(enumerate(width)), spacing)
    boxes = [(x - width[each] / 2, x + width[each] / 2, y) for each, (x, y) in laid.centres.items()]

    assert set(laid.centres) == set(needs)
    for at, (left, right, y) in enumerate(boxes):
        assert left >= -0.001
        assert right <= laid.width + 0.001
        for other_left, other_right, other_y in boxes[:at]:
            beside = right + spacing.beside <= other_left + 0.001 or other_right + spacing.beside <= left + 0.001
            assert beside or abs(y - other_y) >= spacing.height + spacing.parts - 0.001


@settings(deadline=None)
@given(needs=graphs())
def test_edges_go_down_and_through_no_box(needs: dict[int, list[int]]) -> None:
    forest = {each: [other for other in needed if other < each] for each, needed in needs.items()}
    laid = lay_out_graph(forest, dict.fromkeys(forest, 80.0))

    assert set(laid.edges) == {(each, other) for each, needed in forest.items() for other in needed}
    for (start, end), points in laid.edges.items():
        heights = [y for _, y in points]
        assert heights == sorted(heights)
        assert points[0][0] == laid.centres[start][0]
        assert points[-1][0] == laid.centres[end][0]
        for x, y in points[1:-1]:
            assert all(abs(x - cx) > 40 or abs(y - cy) > 20.001 for cx, cy in laid.centres.values())


@settings(deadline=None)
@given(needs=graphs())
def test_cycles_are_drawn_too(needs: dict[int, list[int]]) -> None:
    laid = lay_out_graph(needs, dict.fromkeys(needs, 80.0))

    assert set(laid.edges) == {(each, other) for each, needed in needs.items() for other in needed if other != each}
