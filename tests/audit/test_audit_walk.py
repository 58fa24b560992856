"""The walk from a present version back to the commits that set its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.shape import shape_of
from reconciler.history.blame import UNREADABLE, Blamed, Unreadable, Version, blame
from reconciler.history.fields import Key, leaves, same
from reconciler.history.git import Commit
from reconciler.values import Address, Document, Identity, Ref, Secret, Traits, Value

HERE = Address("harbor", "Cargo", "grain")
THERE = Address("harbor", "Cargo", "wheat")
TRAITS = Traits(type="harbor/Cargo", identity=Identity.DIFFERENCE, keyed={("crates",): "name"})
SHAPE = shape_of(TRAITS)
Said = Document | Unreadable | None


def commit(name: str, *parents: str, ends: bool = False) -> Commit:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Commit(
        id=name, tree="", parents=parents, author="Ana", email="ana@example.com", at=at, subject=name, ends=ends
    )


def version(document: Document, address: Address = HERE, renamed_from: Address | None = None) -> Version:
    return Version(address=address, leaves=leaves(document, SHAPE), renamed_from=renamed_from)


def walked(present: Document | None, commits: Sequence[Commit], said: Mapping[str, Said]) -> Blamed:
    def look(commit: Commit, address: Address) -> Version | Unreadable | None:
        found = said.get(commit.id) if address == HERE else None
        return found if found is None or isinstance(found, Unreadable) else version(found)

    return blame(HERE, version(present) if present is not None else None, commits, look)


def by_path(found: Blamed) -> dict[str, str | None]:
    """Commit of each field by the words of its key."""
    return {
        ".".join(str(step).split("\0")[0] for step in key): setting.commit.id if setting.commit else None
        for key, setting in found.settings.items()
    }


def test_a_field_belongs_to_the_commit_from_which_on_it_has_its_value() -> None:
    history = [commit("c", "b"), commit("b", "a"), commit("a")]
    found = walked({"x": 1, "y": 3}, history, {"c": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "a": {"x": 0, "y": 3}})

    assert by_path(found) == {"x": "b", "y": None}


def test_a_commit_that_cannot_be_read_is_passed_over_and_named() -> None:
    history = [commit("c", "b"), commit("b", "a"), commit("a")]
    found = walked({"x": 1}, history, {"c": {"x": 1}, "b": UNREADABLE, "a": {"x": 1}})

    assert by_path(found) == {"x": "a"}
    assert list(found.unreadable) == ["b"]


def test_a_merge_sets_only_what_neither_side_said() -> None:
    history = [commit("m", "l", "r"), commit("l", "a"), commit("r", "a"), commit("a")]
    said: dict[str, Said] = {
        "m": {"x": 1, "y": 1, "z": 2},
        "l": {"x": 1, "y": 0, "z": 0},
        "r": {"x": 0, "y": 1, "z": 1},
        "a": {"x": 0, "y": 0, "z": 0},
    }

    assert by_path(walked({"x": 1, "y": 1, "z": 2}, history, said)) == {"x": "l", "y": "r", "z": "m"}


def test_a_manifest_that_was_removed_and_came_back_is_set_by_the_return() -> None:
    history = [commit("c", "b"), commit("b", "a"), commit("a")]

    assert by_path(walked({"x": 1}, history, {"c": {"x": 1}, "b": None, "a": {"x": 1}})) == {"x": "c"}


def test_of_a_manifest_that_is_gone_the_last_version_counts() -> None:
    history = [commit("c", "b"), commit("b", "a"), commit("a")]
    found = walked(None, history, {"c": None, "b": {"x": 1, "y": 2}, "a": {"x": 1}})

    assert found.removed is not None
    assert found.removed.id == "c"
    assert by_path(found) == {"x": "a", "y": "b"}


def test_at_the_edge_of_a_shallow_clone_the_history_ends() -> None:
    found = walked({"x": 1}, [commit("b", "a"), commit("a", ends=True)], {"b": {"x": 1}, "a": {"x": 1}})
    (setting,) = found.settings.values()

    assert setting.ends


def test_an_item_keeps_its_commit_when_others_come_before_it() -> None:
    before: Document = {"tags": ("b",), "crates": ({"name": "small", "weight": 1},), "plain": ("x",)}
    after: Document = {
        "tags": ("a", "b"),
        "crates": ({"name": "big", "weight": 2}, {"name": "small", "weight": 1}),
        "plain": ("y", "x"),
    }
    found = by_path(walked(after, [commit("b", "a"), commit("a")], {"b": after, "a": before}))

    assert found == {
        "tags.str a": "b",
        "tags.str b": "a",
        "crates.big.name": "b",
        "crates.big.weight": "b",
        "crates.small.name": "a",
        "crates.small.weight": "a",
        "plain.str y": "b",
        "plain.str x": "a",
    }


def test_a_rename_that_a_manifest_names_is_followed_through_the_commit() -> None:
    said = {"b": version({"x": 1}, HERE, THERE), "a": version({"x": 1}, THERE)}

    def look(commit: Commit, address: Address) -> Version | None:
        return said[commit.id] if said[commit.id].address == address else None

    found = blame(HERE, version({"x": 1}), [commit("b", "a"), commit("a")], look)
    (rename,) = found.renames

    assert by_path(found) == {"x": "a"}
    assert (rename.old, rename.new, rename.commit and rename.commit.id) == (THERE, HERE, "b")


def test_a_rename_that_only_the_ledger_knows_is_followed_unless_the_old_name_stays() -> None:
    said = {"b": {HERE: {"x": 1}}, "a": {THERE: {"x": 1}}}

    def look(commit: Commit, address: Address) -> Version | None:
        found = said[commit.id].get(address)
        return version(found, address) if found is not None else None

    history = [commit("b", "a"), commit("a")]
    followed = blame(HERE, version({"x": 1}), history, look, lambda _: (THERE,))
    said["b"][THERE] = {"x": 1}
    stays = blame(HERE, version({"x": 1}), history, look, lambda _: (THERE,))

    assert by_path(followed) == {"x": "a"}
    assert by_path(stays) == {"x": "b"}


_DOCUMENTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from([0, 1, True]), max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Commit], dict[str, Said]]:
    """Up to eight commits, the newest first, each with parents among those behind it."""
    size = draw(st.integers(1, 8))
    commits = []
    for number in range(size):
        older = list(range(number + 1, size))
        parents = draw(st.lists(st.sampled_from(older), min_size=1, max_size=2, unique=True)) if older else []
        commits.append(commit(str(number), *map(str, parents)))
    return commits, {each.id: draw(st.none() | _DOCUMENTS) for each in commits}


def _says(said: Said, key: Key, value: Value) -> bool:
    found = leaves(said, SHAPE).get(key) if isinstance(said, Mapping) else None
    return found is not None and same(found.value, value)


@given(histories(), _DOCUMENTS)
def test_in_any_history_every_field_is_traced_without_a_break(
    history: tuple[list[Commit], dict[str, Said]], present: Document
) -> None:
    commits, said = history
    by_id = {each.id: each for each in commits}
    found = walked(present, commits, said)
    wanted = leaves(present, SHAPE)

    assert found.settings.keys() == wanted.keys()
    for key, setting in found.settings.items():
        value = wanted[key].value
        reached, waiting = set[str](), [commits[0].id]
        while waiting:
            name = waiting.pop()
            if name not in reached and _says(said[name], key, value):
                reached.add(name)
                waiting += by_id[name].parents
        if setting.commit is None:
            assert not reached
        else:
            assert setting.commit.id in reached
            assert not any(_says(said[each], key, value) for each in setting.commit.parents)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x"])
        | st.just(Ref(HERE)) | st.just(Secret(source="env", name="A")),
        lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.sampled_from(["name", "b"]), inner),
    )
)  # fmt: skip
def test_every_field_of_a_document_is_found_where_it_says(value: Value) -> None:
    found = leaves({"crates": value, "tags": value, "plain": value}, SHAPE)

    for leaf in found.values():
        here: Value = {"crates": value, "tags": value, "plain": value}
        for step in leaf.place:
            here = here[step]  # type: ignore[index]  # a place leads through mappings and lists alone
        assert same(here, leaf.value)
    assert len({leaf.place for leaf in found.values()}) == len(found)
