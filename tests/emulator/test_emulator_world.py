"""The vendor-neutral room: clock, switches, tables, routes, limits, masks, folders."""

import ast
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.emulator import (
    Clock,
    FolderDrop,
    Ids,
    Log,
    Mask,
    Request,
    Router,
    Switch,
    Switches,
    Table,
    UnknownSwitch,
    Window,
    WrongMethod,
)

ROOT = Path(__file__).parents[2] / "reconciler"
MONDAY = datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_a_frozen_clock_moves_only_when_told() -> None:
    clock = Clock.frozen(MONDAY)
    clock.advance(90)

    assert clock.now() == MONDAY + timedelta(seconds=90)


def test_a_clock_follows_real_time_from_its_start() -> None:
    clock = Clock(MONDAY)

    assert MONDAY <= clock.now() < MONDAY + timedelta(seconds=5)


def test_a_clock_that_follows_can_be_moved_forward() -> None:
    clock = Clock(MONDAY)
    clock.advance(3600)

    assert MONDAY + timedelta(hours=1) <= clock.now() < MONDAY + timedelta(hours=1, seconds=5)


def test_a_clock_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        Clock.frozen().advance(-1)


def test_a_clock_can_be_stopped_and_set_going_again() -> None:
    clock = Clock(MONDAY)
    clock.freeze()
    stopped = clock.now()
    assert clock.now() == stopped
    clock.follow()

    assert stopped <= clock.now() < stopped + timedelta(seconds=5)
    assert not clock.stands_still()


def test_subscribers_are_called_after_an_advance() -> None:
    clock = Clock.frozen(MONDAY)
    seen: list[datetime] = []
    clock.subscribe(lambda: seen.append(clock.now()))
    clock.advance_to(MONDAY + timedelta(days=1))

    assert seen == [MONDAY + timedelta(days=1)]


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(datetime(2026, 1, 5))  # noqa: DTZ001 - the mistake under test


def test_switches_move_all_or_none() -> None:
    known = {
        "colour": Switch(name="colour", positions=("red", "blue"), meaning=""),
        "size": Switch(name="size", positions=("1",), other=r"\d+", meaning=""),
    }
    switches = Switches(known)
    with pytest.raises(UnknownSwitch):
        switches.set({"colour": "blue", "size": "large"})

    assert dict(switches) == {"colour": "red", "size": "1"}


def test_switches_reset_to_where_the_world_started() -> None:
    switches = Switches({"colour": Switch(name="colour", positions=("red", "blue"), meaning="")}, {"colour": "blue"})
    switches.set({"colour": "red"})
    switches.reset()

    assert switches["colour"] == "blue"


def test_a_selection_is_filtered_sorted_and_stable() -> None:
    table = Table()
    for id, colour, size in (("a", "red", 2), ("b", "red", 1), ("c", "blue", 1), ("d", "red", 1)):
        table.put({"id": id, "colour": colour, "size": size})
    found = table.select((("colour", ("red",)),), (("size", 1),))

    assert [row["id"] for row in found] == ["b", "d", "a"]


def test_a_selection_sees_later_changes() -> None:
    table = Table()
    table.put({"id": "a", "colour": "red"})
    table.select((("colour", ("red",)),))
    table.put({"id": "b", "colour": "red"})

    assert len(table.select((("colour", ("red",)),))) == 2


def test_a_row_keeps_its_place_when_replaced() -> None:
    table = Table()
    for id in "abc":
        table.put({"id": id})
    table.put({"id": "a", "new": True})

    assert [row["id"] for row in table] == ["a", "b", "c"]


def test_rows_without_the_field_sort_first() -> None:
    table = Table()
    for id, size in (("a", 1), ("b", None), ("c", 0)):
        table.put({"id": id, "size": size})

    assert [row["id"] for row in table.select((), (("size", 1),))] == ["b", "c", "a"]


def test_a_literal_segment_wins_over_one_in_braces() -> None:
    router: Router[type[object]] = Router()
    router.add("GET", "/things/{id}", int)
    router.add("GET", "/things/special", str)
    special, other = router.find("GET", "/things/special"), router.find("GET", "/things/7")

    assert special is not None
    assert special.handler is str
    assert other is not None
    assert other.values == {"id": "7"}


def test_a_known_path_with_another_method_says_which_methods_exist() -> None:
    router: Router[type[object]] = Router()
    router.add("GET", "/things", int)
    with pytest.raises(WrongMethod) as refusal:
        router.find("DELETE", "/things")

    assert refusal.value.allowed == ("GET",)


def test_an_unknown_path_finds_nothing() -> None:
    router: Router[type[object]] = Router()

    assert router.find("GET", "/things") is None


def test_a_window_reopens_when_its_time_is_over() -> None:
    window = Window()
    allowed = [window.take("a", limit=2, seconds=15, now=now).allowed for now in (0, 1, 2, 15)]

    assert allowed == [True, True, False, True]


def test_a_window_tells_what_is_left() -> None:
    window = Window()
    window.take("a", limit=10, seconds=15, now=100)
    left = window.take("a", limit=10, seconds=15, now=106.5)

    assert (left.remaining, left.reset) == (8, 9)


def test_the_same_seed_gives_the_same_ids() -> None:
    first, second = Ids(7), Ids(7)

    assert [first.short(), first.uuid()] == [second.short(), second.uuid()]


def test_ids_are_short_lower_case_and_alphanumeric() -> None:
    id = Ids(1).short(10)

    assert len(id) == 10
    assert id.isalnum()
    assert id == id.lower()


def test_secrets_are_masked_by_key_at_any_depth() -> None:
    mask = Mask(["secret"])

    assert mask.document({"a": [{"Secret": {"b": 1}, "open": "x"}]}) == {"a": [{"Secret": "***", "open": "x"}]}


def test_registered_values_are_masked_anywhere() -> None:
    mask = Mask()
    mask.register("s_demo_not_real")

    assert mask.text("before s_demo_not_real after") == "before *** after"
    assert mask.headers({"x-note": "s_demo_not_real"}) == {"x-note": "***"}
    assert mask.pairs([("q", "s_demo_not_real")]) == (("q", "***"),)


def test_an_authorization_keeps_only_its_scheme() -> None:
    assert Mask().headers({"authorization": "Bearer abc"}) == {"authorization": "Bearer ***"}


def test_equal_secrets_have_equal_fingerprints() -> None:
    mask = Mask(["key"])
    one, same, other = (mask.fingerprints({"key": key}) for key in ("a", "a", "b"))

    assert one == same
    assert one != other
    assert one["key"].startswith("***")


def test_a_form_is_logged_with_its_secrets_masked() -> None:
    log = Log(Mask(["client_secret"]))
    form = b"grant_type=client_credentials&client_secret=hidden"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    log.begin(Request(method="POST", path="/token", headers=headers, body=form), MONDAY)

    assert log.entries()[0].body == {"grant_type": "client_credentials", "client_secret": "***"}


def test_a_body_that_is_no_json_is_not_kept() -> None:
    log = Log(Mask())
    log.begin(Request(method="POST", path="/x", body=b"secret=1"), MONDAY)

    assert log.entries()[0].body == "8 bytes that are not JSON"


def test_numbers_of_the_log_go_on_after_it_was_cleared() -> None:
    log = Log(Mask())
    log.begin(Request(method="GET", path="/x"), MONDAY)
    log.clear()
    log.begin(Request(method="GET", path="/y"), MONDAY)

    assert [entry.number for entry in log.entries()] == [2]


def test_files_go_below_their_bucket(tmp_path: Path) -> None:
    FolderDrop(tmp_path).put("bucket", "a/b.txt", b"x")

    assert (tmp_path / "bucket/a/b.txt").read_bytes() == b"x"


def test_a_bucket_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves the folder"):
        FolderDrop(tmp_path / "inner").put("../outer", "b.txt", b"x")

    assert list(tmp_path.iterdir()) == []


def test_expired_files_are_gone(tmp_path: Path) -> None:
    drop = FolderDrop(tmp_path)
    drop.put("bucket", "a/b.txt", b"x")
    drop.expire("bucket", "a")

    assert not (tmp_path / "bucket/a").exists()


def imported(folder: Path) -> set[str]:
    names: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names.add(node.module or "")
    return {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


def test_the_room_imports_nothing_else_of_the_house() -> None:
    others = {
        name.partition(".")[0] for name in imported(ROOT / "emulator") if not name.startswith("reconciler.emulator")
    }

    assert others == {"uvicorn", "boto3", "botocore", "moto"}


def test_the_didomi_emulator_shares_nothing_with_its_client() -> None:
    allowed = ("reconciler.emulator", "reconciler.providers.didomi.emulator")

    assert [name for name in imported(ROOT / "providers/didomi/emulator") if not name.startswith(allowed)] == []
