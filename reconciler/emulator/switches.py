"""Every point a vendor leaves open is a switch: a name, the positions it may take, and what it means."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


class UnknownSwitch(ValueError):
    """A switch or a position that does not exist; the message names the ones that do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """
    One open point of a vendor's documents.

    `positions` are the ones worth testing, the default first. When `other` is set, every value that matches
    this regular expression is accepted too (a number of seconds, say), and `positions` are only samples.
    """

    name: str
    positions: tuple[str, ...]
    meaning: str
    other: str | None = None

    @property
    def default(self) -> str:
        """The position a fresh world starts in."""
        return self.positions[0]

    @property
    def enumerable(self) -> bool:
        """Whether `positions` are all there is."""
        return self.other is None

    def check(self, position: str) -> str:
        """The position itself when it is allowed, else `UnknownSwitch`."""
        if position in self.positions or (self.other is not None and re.fullmatch(self.other, position)):
            return position
        allowed = ", ".join(f"`{known}`" for known in self.positions)
        pattern = f", or anything like `{self.other}`" if self.other is not None else ""
        raise UnknownSwitch(f"`{position}` is no position of the switch `{self.name}`: use {allowed}{pattern}")


class Switches(Mapping[str, str]):
    """The present position of every switch, readable like a mapping."""

    def __init__(self, known: Mapping[str, Switch], start: Mapping[str, str] | None = None) -> None:
        self.known = known
        self._start = {name: switch.default for name, switch in known.items()}
        self._start = self._checked(start or {})
        self._now = dict(self._start)

    def __getitem__(self, name: str) -> str:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    def on(self, name: str) -> bool:
        """Whether a switch stands at `true`."""
        return self._now[name] == "true"

    def number(self, name: str) -> int:
        """The position of a switch that holds a whole number."""
        return int(self._now[name])

    def set(self, changes: Mapping[str, str]) -> None:
        """Move switches, all or none. Raises `UnknownSwitch`."""
        self._now = self._checked(changes, self._now)

    def reset(self) -> None:
        """Put every switch back to where this world started."""
        self._now = dict(self._start)

    def _checked(self, changes: Mapping[str, str], start: Mapping[str, str] | None = None) -> dict[str, str]:
        result = dict(self._start if start is None else start)
        for name, position in changes.items():
            if name not in self.known:
                names = ", ".join(f"`{known}`" for known in sorted(self.known))
                raise UnknownSwitch(f"there is no switch `{name}`: use one of {names}")
            result[name] = self.known[name].check(position)
        return result
