"""The vendors that are at hand, each loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from reconciler.sdk.handlers import Provider
from reconciler.sdk.kinds import Kind
from reconciler.values import Traits


class Catalog:
    """
    Providers by name and their kinds by type (`vendor/Kind`).

    `load` is called at most once per name, with one of `names`.
    """

    def __init__(self, names: Iterable[str], load: Callable[[str], Provider]) -> None:
        self.names = tuple(sorted(names))
        self._load = load
        self._providers: dict[str, Provider] = {}
        self._traits: dict[str, Traits] = {}
        self._settle: dict[str, float] = {}

    def settles_within(self, vendor: str, seconds: float) -> None:
        """From now on the vendor's kinds have this settle time, whatever they say themselves."""
        self._settle[vendor] = seconds
        self._traits = {type: each for type, each in self._traits.items() if not type.startswith(f"{vendor}/")}

    def provider(self, name: str) -> Provider:
        """The provider; raises `KeyError` for a name that is not at hand."""
        if name not in self._providers:
            if name not in self.names:
                raise KeyError(name)
            self._providers[name] = self._load(name)
        return self._providers[name]

    def kinds(self, vendor: str) -> Mapping[str, Kind]:
        """The vendor's kinds by name, composites included. Raises `KeyError` for an unknown vendor."""
        return {each.name: each for each in self.provider(vendor).kinds}

    def kind(self, type: str) -> Kind:
        """The kind `vendor/Kind`. Raises `KeyError` when there is none."""
        vendor, _, name = type.partition("/")
        return self.kinds(vendor)[name]

    def traits(self, type: str) -> Traits:
        """The traits of `vendor/Kind`, derived once. Raises `KeyError` when there is none."""
        if type not in self._traits:
            vendor = type.partition("/")[0]
            traits = self.kind(type).traits(vendor)
            seconds = self._settle.get(vendor, traits.settle_seconds)
            self._traits[type] = replace(traits, settle_seconds=seconds)
        return self._traits[type]
