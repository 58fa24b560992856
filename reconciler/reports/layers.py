"""
Where the boxes of a picture of dependencies go: layers by longest path, order by barycentres, then coordinates.

Deterministic, and quick enough for some thousand nodes; every part that hangs together is laid out by itself and the
parts are set side by side in rows.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)

_SWEEPS = 8
_THREAD = 8.0
"""The width kept free for an edge that passes between two boxes."""


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distances in pixels; `row` is where a row of parts that do not hang together ends."""

    height: float = 40.0
    beside: float = 18.0
    between: float = 46.0
    parts: float = 40.0
    row: float = 1200.0


_USUAL = Spacing()


@dataclass(slots=True)
class Layout(Generic[Node]):
    """
    Centres of boxes, and for each edge the points it runs through, from the lower edge of a box downwards.

    An edge that would close a cycle runs the other way round: its points lead from the bottom to the top.
    """

    centres: dict[Node, tuple[float, float]] = field(default_factory=dict)
    edges: dict[tuple[Node, Node], list[tuple[float, float]]] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


@dataclass(slots=True)
class _Cell(Generic[Node]):
    """A box, or with `node` absent the place where a long edge passes a layer."""

    node: Node | None
    width: float
    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)
    x: float = 0.0


def lay_out_graph(
    needs: Mapping[Node, Sequence[Node]], widths: Mapping[Node, float], spacing: Spacing = _USUAL
) -> Layout[Node]:
    """
    Places every node of `needs`; each edge leads down, from a node to what it needs.

    Nodes are taken in the order of the mapping, which decides between equals. Every needed node must be a key.
    """
    whole: Layout[Node] = Layout()
    x = y = tallest = 0.0
    for part in _parts(needs):
        laid = _lay_out_part({node: needs[node] for node in part}, widths, spacing)
        if x and x + laid.width > spacing.row:
            x, y, tallest = 0.0, y + tallest + spacing.parts, 0.0
        for node, (cx, cy) in laid.centres.items():
            whole.centres[node] = (cx + x, cy + y)
        for edge, points in laid.edges.items():
            whole.edges[edge] = [(px + x, py + y) for px, py in points]
        tallest = max(tallest, laid.height)
        whole.width, whole.height = max(whole.width, x + laid.width), max(whole.height, y + laid.height)
        x += laid.width + spacing.parts
    return whole


def _parts(needs: Mapping[Node, Sequence[Node]]) -> list[list[Node]]:
    """What hangs together, larger parts first, each in the order of the mapping."""
    rank = {node: position for position, node in enumerate(needs)}
    near: dict[Node, list[Node]] = {node: [] for node in needs}
    for node, needed in needs.items():
        for each in needed:
            near[node].append(each)
            near[each].append(node)
    seen: set[Node] = set()
    parts: list[list[Node]] = []
    for start in needs:
        if start in seen:
            continue
        seen.add(start)
        part, todo = [start], [start]
        while todo:
            for each in near[todo.pop()]:
                if each not in seen:
                    seen.add(each)
                    part.append(each)
                    todo.append(each)
        parts.append(sorted(part, key=rank.__getitem__))
    return sorted(parts, key=lambda part: (-len(part), rank[part[0]]))


def _downward(needs: Mapping[Node, Sequence[Node]]) -> tuple[dict[Node, list[Node]], set[tuple[Node, Node]]]:
    """The edges with those that would close a cycle turned round, and which these are."""
    down: dict[Node, list[Node]] = {node: [] for node in needs}
    turned: set[tuple[Node, Node]] = set()
    state: dict[Node, int] = {}
    for start in needs:
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(dict.fromkeys(needs[start])))]
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node] = 2
                stack.pop()
            elif following == node:
                continue
            elif state.get(following) == 1:
                turned.add((node, following))
                down[following].append(node)
            else:
                down[node].append(following)
                if following not in state:
                    state[following] = 1
                    stack.append((following, iter(dict.fromkeys(needs[following]))))
    return {node: list(dict.fromkeys(each)) for node, each in down.items()}, turned


def _depths(down: Mapping[Node, Sequence[Node]]) -> dict[Node, int]:
    """The layer of each node: one below the lowest of those that need it; the longest path decides."""
    waiting = dict.fromkeys(down, 0)
    for needed in down.values():
        for each in needed:
            waiting[each] += 1
    depth = dict.fromkeys(down, 0)
    ready = [node for node, number in waiting.items() if not number]
    for node in ready:
        for each in down[node]:
            depth[each] = max(depth[each], depth[node] + 1)
            waiting[each] -= 1
            if not waiting[each]:
                ready.append(each)
    for node in reversed(ready):  # who needs only deep things moves down to them: shorter edges
        if down[node]:
            depth[node] = min(depth[each] for each in down[node]) - 1
    return depth


def _lay_out_part(needs: Mapping[Node, Sequence[Node]], widths: Mapping[Node, float], spacing: Spacing) -> Layout[Node]:
    down, turned = _downward(needs)
    depth = _depths(down)
    layers: list[list[_Cell[Node]]] = [[] for _ in range(max(depth.values()) + 1)]
    position: dict[Node, int] = {}
    for node in needs:
        position[node] = len(layers[depth[node]])
        layers[depth[node]].append(_Cell(node, widths[node]))
    for node, needed in down.items():
        for each in needed:
            _thread(layers, (depth[node], position[node]), (depth[each], position[each]))
    _order(layers)
    _place(layers, spacing)
    return _measured(layers, needs, turned, spacing)


def _thread(layers: list[list[_Cell[Node]]], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Connects two cells through one empty cell for each layer that lies between them."""
    layer, at = start
    for lower in range(layer + 1, end[0] + 1):
        below = end[1] if lower == end[0] else len(layers[lower])
        if lower != end[0]:
            layers[lower].append(_Cell(None, _THREAD))
        layers[lower - 1][at].down.append(below)
        layers[lower][below].up.append(at)
        at = below


def _order(layers: list[list[_Cell[Node]]]) -> None:
    """Sorts each layer by the middle of its neighbours above, then below, some times over; keeps the best order."""
    best = [list(range(len(layer))) for layer in layers]
    orders = [list(each) for each in best]
    fewest = _crossings(layers, orders)
    for sweep in range(_SWEEPS):
        going_down = sweep % 2 == 0
        for index in range(1, len(layers)) if going_down else range(len(layers) - 2, -1, -1):
            near = orders[index - 1 if going_down else index + 1]
            place = {cell: at for at, cell in enumerate(near)}
            cells = layers[index]
            middle = {
                each: _middle([place[other] for other in (cells[each].up if going_down else cells[each].down)], at)
                for at, each in enumerate(orders[index])
            }
            orders[index] = sorted(orders[index], key=middle.__getitem__)
        crossings = _crossings(layers, orders)
        if crossings < fewest:
            fewest, best = crossings, [list(each) for each in orders]
    for index, order in enumerate(best):
        _rearrange(layers, index, order)


def _middle(places: Sequence[int], own: int) -> float:
    return sum(places) / len(places) if places else float(own)


def _crossings(layers: Sequence[Sequence[_Cell[Node]]], orders: Sequence[Sequence[int]]) -> int:
    """How many pairs of edges cross: inversions, counted with a Fenwick tree."""
    total = 0
    for index in range(len(layers) - 1):
        place = {cell: at for at, cell in enumerate(orders[index + 1])}
        ends = [end for cell in orders[index] for end in sorted(place[each] for each in layers[index][cell].down)]
        size = len(place) + 1
        tree = [0] * (size + 1)
        for seen, end in enumerate(ends):
            at, smaller = end + 1, 0
            while at:
                smaller += tree[at]
                at -= at & -at
            total += seen - smaller
            at = end + 1
            while at <= size:
                tree[at] += 1
                at += at & -at
    return total


def _rearrange(layers: list[list[_Cell[Node]]], index: int, order: Sequence[int]) -> None:
    now = {old: new for new, old in enumerate(order)}
    layers[index] = [layers[index][each] for each in order]
    if index:
        for cell in layers[index - 1]:
            cell.down = [now[each] for each in cell.down]
    if index + 1 < len(layers):
        for cell in layers[index + 1]:
            cell.up = [now[each] for each in cell.up]


def _place(layers: Sequence[Sequence[_Cell[Node]]], spacing: Spacing) -> None:
    """Draws every cell towards its neighbours, layer by layer, as far as the cells beside it let it."""
    for layer in layers:
        x = 0.0
        for cell in layer:
            cell.x = x + cell.width / 2
            x += cell.width + spacing.beside
    for sweep in range(2 * _SWEEPS):
        going_down = sweep % 2 == 0
        for index in range(1, len(layers)) if going_down else range(len(layers) - 2, -1, -1):
            near = layers[index - 1 if going_down else index + 1]
            _settle(
                layers[index],
                [
                    _mean([near[each].x for each in (cell.up if going_down else cell.down)], cell.x)
                    for cell in layers[index]
                ],
                spacing,
            )


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _settle(layer: Sequence[_Cell[Node]], wished: Sequence[float], spacing: Spacing) -> None:
    """The places nearest to the wished ones in which no cell overlaps (pool adjacent violators)."""
    offsets = [0.0]
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + spacing.beside)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=True):
        mean, size = wish - offset, 1
        while pools and pools[-1][0] > mean:
            before, count = pools.pop()
            mean, size = (before * count + mean * size) / (count + size), size + count
        pools.append((mean, size))
    places = [mean for mean, size in pools for _ in range(size)]
    for cell, place, offset in zip(layer, places, offsets, strict=True):
        cell.x = place + offset


def _measured(
    layers: Sequence[Sequence[_Cell[Node]]],
    needs: Mapping[Node, Sequence[Node]],
    turned: Collection[tuple[Node, Node]],
    spacing: Spacing,
) -> Layout[Node]:
    left = min(cell.x - cell.width / 2 for layer in layers for cell in layer)
    step = spacing.height + spacing.between
    laid: Layout[Node] = Layout(
        width=max(cell.x + cell.width / 2 for layer in layers for cell in layer) - left,
        height=len(layers) * step - spacing.between,
    )
    for index, layer in enumerate(layers):
        top = index * step
        for cell in layer:
            if cell.node is None:
                continue
            laid.centres[cell.node] = (cell.x - left, top + spacing.height / 2)
            for each in cell.down:
                points = [(cell.x - left, top + spacing.height)]
                lower, at = index + 1, each
                while (end := layers[lower][at].node) is None:
                    x = layers[lower][at].x - left
                    points += [(x, lower * step), (x, lower * step + spacing.height)]
                    lower, at = lower + 1, layers[lower][at].down[0]
                points.append((layers[lower][at].x - left, lower * step))
                if (end, cell.node) in turned:
                    laid.edges[end, cell.node] = points[::-1]
                if end in needs[cell.node]:
                    laid.edges[cell.node, end] = points
    return laid
