"""What is remembered of a secret, and what it says about the value behind another reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.secrets import (
    FingerprintKey,
    Policy,
    Resolver,
    SecretUnavailable,
    as_written,
    joined,
    rotated,
    same_value,
    stamp_of,
)
from reconciler.secrets.fingerprint import Fingerprint, fingerprint
from reconciler.secrets.stamps import Stamp
from reconciler.values import Secret

KEY, OTHER_KEY = "k" * 32, "o" * 32
A = Secret(source="env", name="RECONCILER_SECRET_A")
B = Secret(source="env", name="RECONCILER_SECRET_B")
LAKE = Secret(source="vault", name="kv/lake", key="password")

WRITTEN = st.none() | st.text("ab1 :-", min_size=1).filter(lambda text: text == text.strip())
STAMPS = st.builds(
    Stamp,
    written=WRITTEN,
    stored=st.none() | st.text(min_size=1, max_size=8),
    fingerprint=st.none()
    | st.builds(Fingerprint, key=st.sampled_from(["k1", "k-2"]), digest=st.text("0f", min_size=32, max_size=32)),
)


def stamp(secret: Secret, *, written: str | None = None, stored: str | None = None, print: str = "") -> Secret:
    """`print` is the key's id and the value, as in `k1=hunter2`."""
    id, _, value = print.partition("=")
    made = fingerprint(value, {"k1": KEY, "k2": OTHER_KEY}[id], id) if print else None
    return Stamp(written=written, stored=stored, fingerprint=made).on(secret)


@given(STAMPS)
def test_a_stamp_is_read_as_it_was_written(stamp: Stamp) -> None:
    secret = stamp.on(LAKE)

    assert stamp_of(secret) == stamp
    assert as_written(secret) == replace(LAKE, version=stamp.written)


def test_a_stamp_is_readable() -> None:
    secret = stamp(LAKE, written="2", stored="7", print="k1=hunter2")

    assert str(secret).startswith("{vault: kv/lake, key: password, version: 2 store:7 hmac:k1:")
    assert "hunter2" not in str(secret)


@pytest.mark.parametrize(
    ("recorded", "present", "same"),
    [
        # fingerprints decide, whatever else is said
        (stamp(A, print="k1=x"), stamp(A, print="k1=x"), True),
        (stamp(A, print="k1=x"), stamp(A, print="k1=y"), False),
        (stamp(A, written="1", print="k1=x"), stamp(A, written="2", print="k1=x"), True),
        (stamp(A, print="k1=x"), stamp(B, print="k1=x"), True),
        (stamp(LAKE, stored="1", print="k1=x"), stamp(LAKE, stored="2", print="k1=x"), True),
        (stamp(LAKE, stored="1", print="k1=x"), stamp(LAKE, stored="1", print="k1=y"), False),
        # a new key says nothing
        (stamp(A, print="k1=x"), stamp(A, print="k2=x"), True),
        (stamp(A, print="k1=x"), stamp(A, print="k2=y"), True),
        (stamp(A, print="k1=x"), stamp(B, print="k2=x"), False),
        (stamp(LAKE, stored="1", print="k1=x"), stamp(LAKE, stored="2", print="k2=y"), False),
        # nor does one that is new or gone
        (A, stamp(A, print="k1=x"), True),
        (stamp(A, print="k1=x"), A, True),
        # then the store's version
        (stamp(LAKE, stored="1"), stamp(LAKE, stored="1"), True),
        (stamp(LAKE, stored="1"), stamp(LAKE, stored="2"), False),
        (stamp(LAKE, written="1", stored="1"), stamp(LAKE, stored="1"), True),
        (stamp(LAKE, stored="1"), LAKE, True),
        (stamp(LAKE, stored="1"), stamp(replace(LAKE, key="other"), stored="1"), False),
        # then the owner's
        (stamp(A, written="1"), stamp(A, written="1"), True),
        (stamp(A, written="1"), stamp(A, written="2"), False),
        (A, B, False),
    ],
)
def test_a_value_is_the_same_unless_something_says_otherwise(recorded: Secret, present: Secret, same: bool) -> None:
    assert same_value(recorded, present) is same


@given(STAMPS, STAMPS)
def test_what_is_proven_to_be_rotated_is_not_the_same(before: Stamp, now: Stamp) -> None:
    recorded, present = before.on(LAKE), now.on(LAKE)

    assert not (rotated(recorded, present) and same_value(recorded, present))


@given(STAMPS, STAMPS)
def test_what_is_joined_is_the_same_as_both_and_joins_no_more(before: Stamp, now: Stamp) -> None:
    recorded, present = before.on(LAKE), now.on(LAKE)
    if not same_value(recorded, present):
        return
    both = joined(recorded, present)

    assert same_value(both, present)
    assert joined(both, present) == both
    assert stamp_of(both).written == now.written


def test_what_cannot_be_told_now_is_remembered_from_before() -> None:
    recorded = stamp(LAKE, stored="7", print="k1=x")

    assert joined(recorded, LAKE) == recorded


@given(st.text(), st.text())
def test_fingerprints_are_equal_exactly_for_equal_values(one: str, other: str) -> None:
    assert (fingerprint(one, KEY, "k1") == fingerprint(other, KEY, "k1")) is (one == other)


@given(st.text(min_size=4))
def test_a_fingerprint_says_nothing_without_its_key(value: str) -> None:
    mine, other = fingerprint(value, KEY, "k1"), fingerprint(value, OTHER_KEY, "k1")

    assert mine.digest != other.digest
    assert value not in mine.digest


# ----------------------------------------------------------------------------------------------- resolver


def resolver(root: Path, key: str = KEY, **environ: str) -> Resolver:
    key_of = FingerprintKey(id="k1", key=Secret(source="env", name="FINGERPRINT_KEY"))
    return Resolver({"FINGERPRINT_KEY": key, **environ}, root, Policy(), fingerprints=key_of)


def test_a_variable_is_stamped_with_its_fingerprint(tmp_path: Path) -> None:
    found = resolver(tmp_path, RECONCILER_SECRET_A="x").stamped(replace(A, version="1"))

    assert found == stamp(A, written="1", print="k1=x")


def test_without_a_key_a_variable_is_not_even_read(tmp_path: Path) -> None:
    assert Resolver({}, tmp_path, Policy()).stamped(A) == A


def test_a_stamped_reference_reveals_what_it_names(tmp_path: Path) -> None:
    assert resolver(tmp_path, RECONCILER_SECRET_A="x").reveal(stamp(A, written="1", print="k1=x")) == "x"


@pytest.mark.parametrize(
    ("key", "said"), [("short", "is shorter than 32 characters"), ("", "`FINGERPRINT_KEY` is empty")]
)
def test_a_key_that_could_be_guessed_or_is_missing_makes_no_fingerprints(tmp_path: Path, key: str, said: str) -> None:
    opened = resolver(tmp_path, key, RECONCILER_SECRET_A="x")
    with pytest.raises(SecretUnavailable, match=said):
        opened.check_fingerprints()
    with pytest.raises(SecretUnavailable, match=said):
        opened.stamped(A)
