"""Pictures of dependencies: DOT, Mermaid and SVG. An arrow leads from a resource to what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import pairwise

from reconciler.reports.actions import LOOKS
from reconciler.reports.escape import columns, plain, shorten
from reconciler.reports.layers import Layout, Spacing, lay_out_graph
from reconciler.values import Action, Address

_LETTER = 7.3
"""The width of a monospace letter at 12 pixels, rounded up."""
_SPACING = Spacing()
_MARGIN = 16.0
_LABEL = 40

# Colours that keep a contrast of at least 3:1 on white and on GitHub's dark grey.
_NEUTRAL = "#768390"
_COLOURS: Mapping[Action, str] = {
    Action.DELETE: "#d1383d",
    Action.REPLACE: "#c4562a",
    Action.DISABLE: "#c4562a",
    Action.RETIRE: "#a57706",
    Action.FORGET: "#a57706",
    Action.RUN: "#2f81c7",
    Action.UPDATE: "#a57706",
    Action.CREATE: "#2c974b",
    Action.IMPORT: "#2f81c7",
    Action.RECOVER: "#2f81c7",
    Action.BLOCKED: "#d1383d",
}


def to_dot(nodes: Mapping[Address, Action | None], edges: Mapping[Address, Iterable[Address]]) -> str:
    """Graphviz text. `edges` maps an address to what it needs; an address that only an edge names is drawn too."""
    everything, needs = _closed(nodes, edges)
    lines = ["digraph dependencies {", '  node [shape=box, style=rounded, fontname="monospace"];']
    for each, action in everything.items():
        attributes = [f"label={_dot(_label(each, action))}"]
        if action and action in _COLOURS:
            attributes.append(f'color="{_COLOURS[action]}"')
        lines.append(f"  {_dot(str(each))} [{', '.join(attributes)}];")
    lines += [f"  {_dot(str(each))} -> {_dot(str(needed))};" for each in needs for needed in needs[each]]
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(nodes: Mapping[Address, Action | None], edges: Mapping[Address, Iterable[Address]]) -> str:
    """Mermaid text, as code hosts draw it in comments; arguments as for `to_dot`."""
    everything, needs = _closed(nodes, edges)
    names = {each: f"n{number}" for number, each in enumerate(everything)}
    lines = ["flowchart TD"]
    lines += [f'  {names[each]}["{_mermaid(_label(each, action))}"]' for each, action in everything.items()]
    lines += [f"  {names[each]} --> {names[needed]}" for each in needs for needed in needs[each]]
    for action in LOOKS:
        members = [names[each] for each, its in everything.items() if its is action]
        if members and action in _COLOURS:
            word = action.value.replace("-", "")
            lines.append(f"  classDef {word} stroke:{_COLOURS[action]},stroke-width:2px")
            lines.append(f"  class {','.join(members)} {word}")
    return "\n".join(lines) + "\n"


def to_svg(
    nodes: Mapping[Address, Action | None],
    edges: Mapping[Address, Iterable[Address]],
    *,
    title: str = "Dependencies",
    styled: bool = True,
) -> str:
    """
    A picture that stands by itself, readable on light and dark ground; arguments as for `to_dot`.

    What needs others stands above what it needs. `title` is what a screen reader says. Without `styled` the page that
    it becomes a part of says how `.box`, `.name` and `.kind` look.
    """
    everything, needs = _closed(nodes, edges)
    widths = {each: _box_width(each, action) for each, action in everything.items()}
    layout = lay_out_graph(needs, widths, _SPACING)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    count = sum(len(each) for each in needs.values())
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(width)}" height="{_number(height)}" '
        f'viewBox="0 0 {_number(width)} {_number(height)}" role="img" aria-labelledby="title description" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="12">'
    )
    description = (
        f"{len(everything)} resources and {count} dependencies; an arrow leads from a resource to what it needs"
    )
    lines = [
        opening,
        f'<title id="title">{_xml(title)}</title>',
        f'<desc id="description">{description}</desc>',
        *((_STYLE,) if styled else ()),
        f'<g transform="translate({_number(_MARGIN)} {_number(_MARGIN)})">',
    ]
    lines += [_path(each, layout) for each in sorted(layout.edges)]
    lines += [_box(each, action, layout, widths[each]) for each, action in everything.items()]
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


_STYLE = (
    "<style>.box{fill:#ffffff}.name{fill:#1f2328}.kind{fill:#656d76}"
    "@media (prefers-color-scheme:dark){.box{fill:#22272e}.name{fill:#e6edf3}.kind{fill:#9198a1}}</style>"
)


def _closed(
    nodes: Mapping[Address, Action | None], edges: Mapping[Address, Iterable[Address]]
) -> tuple[dict[Address, Action | None], dict[Address, tuple[Address, ...]]]:
    """All addresses in order, those that only edges name included, and for each what it needs, in order."""
    needs = {each: set(needed) - {each} for each, needed in edges.items()}
    everything = sorted({*nodes, *needs, *(each for needed in needs.values() for each in needed)})
    return (
        {each: nodes.get(each) for each in everything},
        {each: tuple(sorted(needs.get(each, ()))) for each in everything},
    )


def _sign(action: Action | None) -> str:
    return LOOKS[action].sign.strip() if action else ""


def _label(address: Address, action: Action | None) -> str:
    # The action comes last: Mermaid takes a label that begins with a hyphen for a list and refuses it.
    return f"{address} · {action.value}" if action else str(address)


def _dot(text: str) -> str:
    return '"' + plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mermaid(text: str) -> str:
    # Mermaid takes entities without the ampersand: #34; is a double quote (its documentation, "Entity codes").
    return "".join(each if each.isalnum() or each in " /-_." else f"#{ord(each)};" for each in plain(text))


def _xml(text: str) -> str:
    return escape(plain(text))


def _name(address: Address, action: Action | None) -> str:
    return f"{_sign(action)} {shorten(plain(address.name), _LABEL)}".strip()


def _type(address: Address) -> str:
    return shorten(plain(address.type), _LABEL)


def _box_width(address: Address, action: Action | None) -> float:
    return max(columns(_name(address, action)) * _LETTER, columns(_type(address)) * _LETTER * 10 / 12, 60.0) + 20


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _box(address: Address, action: Action | None, layout: Layout[Address], width: float) -> str:
    x, y = layout.centres[address]
    left, top = x - width / 2, y - _SPACING.height / 2
    colour = _COLOURS.get(action, _NEUTRAL) if action else _NEUTRAL
    said = f"{address}: {action.value}" if action else str(address)
    name = escape(_name(address, action))
    return (
        f"<g><title>{_xml(said)}</title>"
        f'<rect class="box" x="{_number(left)}" y="{_number(top)}" width="{_number(width)}" '
        f'height="{_number(_SPACING.height)}" rx="6" fill="#ffffff" stroke="{colour}" '
        f'stroke-width="{"2" if action in _COLOURS else "1"}"/>'
        f'<text class="kind" x="{_number(x)}" y="{_number(top + 15)}" text-anchor="middle" font-size="10" '
        f'fill="#656d76">{escape(_type(address))}</text>'
        f'<text class="name" x="{_number(x)}" y="{_number(top + 31)}" text-anchor="middle" '
        f'fill="#1f2328">{name}</text></g>'
    )


def _path(edge: tuple[Address, Address], layout: Layout[Address]) -> str:
    points = layout.edges[edge]
    x, y = points[-1]
    up = -1 if y < points[0][1] else 1
    stop = y - 6 * up  # the line ends where the arrow's head begins
    text = f"M{_number(points[0][0])} {_number(points[0][1])}"
    for position, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        end = stop if position == len(points) - 2 else y2
        half = (y1 + end) / 2
        if x1 == x2:
            text += f"V{_number(end)}"
        else:
            text += f"C{_number(x1)} {_number(half)} {_number(x2)} {_number(half)} {_number(x2)} {_number(end)}"
    head = f"{_number(x - 3.5)},{_number(stop)} {_number(x + 3.5)},{_number(stop)} {_number(x)},{_number(y)}"
    dashes = ' stroke-dasharray="4 3"' if up < 0 else ""
    return (
        f"<g><title>{_xml(f'{edge[0]} needs {edge[1]}')}</title>"
        f'<path d="{text}" fill="none" stroke="{_NEUTRAL}"{dashes}/>'
        f'<polygon points="{head}" fill="{_NEUTRAL}"/></g>'
    )
