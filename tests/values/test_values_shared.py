from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from reconciler import values
from reconciler.values import Address, Desired, Lifecycle, Mark, Path, Resource, Secret, dotted
from reconciler.values.address import is_name

LONGEST = "a" * 63


# --- addresses ---


@pytest.mark.parametrize(
    "text", ["didomi/Destination/lake", "a/B/0", f"{LONGEST}/K/{LONGEST}", "domo/DatasetExport/orders-to-lake"]
)
def test_an_address_is_read_as_it_is_written(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lake",
        "didomi/lake",
        "didomi/Destination/lake/x",
        "Didomi/Destination/lake",
        "didomi/destination/lake",
        "didomi/Destination/Lake",
        "didomi/Destination/-lake",
        "didomi/Destination/lake-",
        "didomi/Destination/lake\n",
        "didomi/Destination\n/lake",
        "didomi/Desti-nation/lake",
        f"didomi/Destination/{LONGEST}a",
        "didomi/Destination/",
        "//",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address") as refused:
        Address.parse(text)

    assert str(refused.value) == (
        f"`{text}` is not an address; write `vendor/Kind/name`, such as `didomi/Destination/lake`"
    )


def test_an_address_knows_its_type() -> None:
    assert Address("didomi", "Destination", "lake").type == "didomi/Destination"


def test_addresses_are_sorted_by_vendor_kind_and_name() -> None:
    found = [Address("b", "A", "a"), Address("a", "B", "a"), Address("a", "A", "b"), Address("a", "A", "a")]

    assert sorted(found) == found[::-1]


@pytest.mark.parametrize(
    ("text", "name"), [("a", True), ("a-1", True), ("1", True), ("", False), ("A", False), ("a.b", False)]
)
def test_a_name_is_a_dns_label(text: str, name: bool) -> None:
    assert is_name(text) == name


# --- documents ---


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("config", "accountId"), "config.accountId"),
        (("rules", 2, "name"), "rules[2].name"),
        ((0, "a"), "[0].a"),
        (("a", "b.c"), 'a["b.c"]'),
        (("b[0]",), '["b[0]"]'),
        (("b]",), '["b]"]'),
        (('say "x"', "a"), '["say \\"x\\""].a'),
        (("a\\.b",), '["a\\\\.b"]'),
        (("a", ""), 'a[""]'),
    ],
)
def test_a_path_is_written_as_people_write_it(path: Path, text: str) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        (Secret(source="env", name="T"), "{env: T}"),
        (Secret(source="vault", name="p", key="k"), "{vault: p, key: k}"),
        (Secret(source="env", name="T", version="2"), "{env: T, version: 2}"),
        (Secret(source="vault", name="p", key="k", version="2"), "{vault: p, key: k, version: 2}"),
    ],
)
def test_a_secret_is_shown_as_its_reference(secret: Secret, text: str) -> None:
    assert str(secret) == text


def test_a_place_in_a_file_is_written_as_editors_read_it() -> None:
    assert str(Mark("specs/a.yaml", 3, 7)) == "specs/a.yaml:3:7"


def test_places_are_sorted_by_file_line_and_column() -> None:
    found = [Mark("b", 1, 1), Mark("a", 10, 1), Mark("a", 9, 2), Mark("a", 9, 1)]

    assert sorted(found) == found[::-1]


# --- what is wanted ---


def test_what_is_wanted_is_kept_in_the_order_of_addresses() -> None:
    resources = [Resource(address=Address("v", "K", name), attributes={}) for name in "bac"]

    assert [each.name for each in Desired.of(resources).resources] == ["a", "b", "c"]


def test_a_lifecycle_leaves_every_choice_to_the_kind() -> None:
    assert Lifecycle() == Lifecycle(
        prevent_destroy=False, ignore_changes=(), on_removal=None, create_anyway=False, replace=None
    )


# --- all of them ---


@pytest.mark.parametrize("name", [name for name in values.__all__ if dataclasses.is_dataclass(getattr(values, name))])
def test_a_value_is_frozen_and_has_no_room_for_more(name: str) -> None:
    kind = getattr(values, name)

    assert kind.__dataclass_params__.frozen
    assert hasattr(kind, "__slots__")


def test_the_public_names_are_sorted_and_exist() -> None:
    constants, rest = values.__all__[:3], values.__all__[3:-1]

    assert constants == sorted(constants)
    assert rest == sorted(rest)
    assert all(hasattr(values, name) for name in values.__all__)


def test_the_values_need_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, reconciler.values; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'}))"
    )
    ran = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "['reconciler']"
