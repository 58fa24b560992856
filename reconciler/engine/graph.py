"""
Dependencies between addresses. The only file that knows networkx, which is loaded when a question needs it.

An edge leads from an address to what it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from reconciler.values import Address

Needs: TypeAlias = Mapping[Address, Iterable[Address]]


def in_order(needs: Needs) -> tuple[Address, ...]:
    """
    Every address after what it needs, ties by address; addresses that are only pointed at are left out.

    Raises `ValueError` when there is a cycle; `cycle` names it.
    """
    known = set(needs)
    sorter = TopologicalSorter({address: sorted(known.intersection(needs[address])) for address in sorted(known)})
    try:
        return tuple(sorter.static_order())
    except CycleError:
        raise ValueError("the dependencies form a cycle") from None


def cycle(edges: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """One cycle as a path back to its beginning, starting at its smallest name; empty when there is none."""
    import networkx as nx  # noqa: PLC0415 - heavy, and only refused plans come here

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from((start, end) for start in sorted(edges) for end in sorted(edges[start]))
    try:
        found = [start for start, _ in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        return ()
    first = found.index(min(found))
    return (*found[first:], *found[:first], found[first])


def upstream(needs: Needs, of: Iterable[Address]) -> frozenset[Address]:
    """The given addresses and everything they need, at any distance."""
    return _reach({address: frozenset(each) for address, each in needs.items()}, of)


def downstream(needs: Needs, of: Iterable[Address]) -> frozenset[Address]:
    """The given addresses and everything that needs them, at any distance."""
    users: dict[Address, set[Address]] = {}
    for address, each in needs.items():
        for needed in each:
            users.setdefault(needed, set()).add(address)
    return _reach(users, of)


def _reach(edges: Mapping[Address, Iterable[Address]], start: Iterable[Address]) -> frozenset[Address]:
    found: set[Address] = set()
    waiting = list(start)
    while waiting:
        address = waiting.pop()
        if address not in found:
            found.add(address)
            waiting.extend(edges.get(address, ()))
    return frozenset(found)


def reduced(needs: Needs) -> Mapping[Address, tuple[Address, ...]]:
    """The same reachability with the fewest edges, for pictures. Raises `ValueError` when there is a cycle."""
    import networkx as nx  # noqa: PLC0415 - heavy, and only pictures need it

    graph: nx.DiGraph[Address] = nx.DiGraph()
    graph.add_nodes_from(sorted(needs))
    graph.add_edges_from((address, needed) for address, each in needs.items() for needed in each)
    try:
        result = nx.transitive_reduction(graph)
    except nx.NetworkXError:
        raise ValueError("the dependencies form a cycle") from None
    return {address: tuple(sorted(result.successors(address))) for address in sorted(graph.nodes)}
