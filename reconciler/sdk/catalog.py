"""The vendors that are at hand, each loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

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
            self._traits[type] = self.kind(type).traits(type.partition("/")[0])
        return self._traits[type]
