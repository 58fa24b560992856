"""What a plan may touch: all there is, or what its options name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.engine.graph import downstream, upstream
from reconciler.values import Address, Options, Problem, Record, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """
    The addresses that a plan may touch.

    `anew` and `resend` are those that the options name for `--replace` and `--resend-secrets`; `partial` says that
    something was left out.
    """

    chosen: frozenset[Address]
    anew: frozenset[Address]
    resend: frozenset[Address]
    partial: bool
    problems: tuple[Problem, ...]


def select(
    wanted: Mapping[Address, Resource],
    records: Mapping[Address, Record],
    needs: Mapping[Address, tuple[Address, ...]],
    options: Options,
) -> Selection:
    """
    The targets and what they need (when destroying: what needs them), or all there is, less the excludes.

    `needs` says for every address what it points at. A problem for every name that means nothing.
    """
    found = _Selector(wanted, records, options)
    anew, resend = found.named(options.replace), found.named(options.resend)
    chosen = everything = found.everything
    if options.targets or options.labels:
        named = found.named(options.targets)
        labelled = {each for each in everything if options.labels and found.has_labels(each)}
        closure = downstream if options.destroy else upstream
        chosen = closure(needs, named | labelled) & everything
    chosen -= found.named(options.excludes)
    return Selection(
        chosen=chosen, anew=anew, resend=resend, partial=chosen != everything, problems=tuple(found.problems)
    )


class _Selector:
    def __init__(self, wanted: Mapping[Address, Resource], records: Mapping[Address, Record], options: Options) -> None:
        self._wanted = wanted
        self._records = records
        self._options = options
        self.everything = frozenset({*wanted, *records})
        self.problems: list[Problem] = []

    def named(self, addresses: Iterable[Address]) -> frozenset[Address]:
        """These addresses, a composite's as its parts."""
        found: set[Address] = set()
        for address in sorted(addresses):
            parts = {each for each in self.everything if each == address or self._known(each).origin == address}
            if not parts:
                message = "no manifest and no record has this address"
                self.problems.append(Problem(code="unknown-address", message=message, address=address))
            found |= parts
        return frozenset(found)

    def has_labels(self, address: Address) -> bool:
        """Whether it carries every label that the options ask for."""
        labels = self._known(address).labels
        return all(labels.get(key) == value for key, value in self._options.labels.items())

    def _known(self, address: Address) -> Resource | Record:
        """What is wanted under the address, or else what is remembered."""
        resource = self._wanted.get(address)
        return resource if resource is not None else self._records[address]
