from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.stores import Exclusive, Held, Store, StoreError, open_store
from reconciler.stores.local import LocalStore, _is_at

PRELUDE = """
import sys
from pathlib import Path
from reconciler.stores import AlreadyThere, Held, NotThere, StoreError
from reconciler.stores.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore(folder)


def start(folder: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script, str(folder), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


HOLD = """
with store.exclusive("shop/lock", b"me"):
    print("held", flush=True)
    sys.stdin.read()
"""


# ------------------------------------------------------------------------------------------ durability


@pytest.mark.parametrize("name", ["", "/etc/passwd", "a/../b", "../a", "a//b", "a/", ".hidden", "a/.b", "a b", "a\n"])
def test_a_name_that_is_none_is_a_mistake_of_the_program(store: LocalStore, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of an object"):
        store.create(name, b"")


@pytest.mark.parametrize("prefix", ["/", "..", "a/../", ".a"])
def test_a_prefix_that_is_none_is_a_mistake_of_the_program(store: LocalStore, prefix: str) -> None:
    with pytest.raises(ValueError, match="is no beginning of a name"):
        store.list(prefix)


def test_files_and_folders_are_for_their_owner_alone(store: LocalStore, folder: Path) -> None:
    store.create("shop/prod/a", b"x")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "shop/prod", folder / "shop/prod/a")]

    assert modes == [0o700, 0o700, 0o600]


def test_only_the_object_is_left_in_its_folder(store: LocalStore, folder: Path) -> None:
    store.create("a/b", b"x")

    assert os.listdir(folder / "a") == ["b"]  # noqa: PTH208 - hidden files count


def test_names_that_begin_with_a_dot_are_not_listed(store: LocalStore, folder: Path) -> None:
    store.create("a/b", b"x")
    (folder / "a/.DS_Store").touch()
    (folder / ".snapshot").mkdir()
    (folder / ".snapshot/c").touch()

    assert store.list("") == ["a/b"]


def test_a_writer_killed_at_any_moment_leaves_no_half_written_object(store: LocalStore, folder: Path) -> None:
    script = """
body = sys.argv[2].encode() * 50_000
number = len(store.list("s/"))
print("ready", flush=True)
while True:
    store.create(f"s/{number:012d}", body)
    number += 1
"""
    ends = time.monotonic() + 3
    rounds = 0
    while time.monotonic() < ends or not rounds:
        process = start(folder, script, "0123456789")
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.003 + rounds * 0.0037 % 0.03)
        kill(process)
        rounds += 1
    sizes = {len(store.read(name)) for name in store.list("s/")}

    assert sizes == {500_000}


def test_one_of_two_racing_processes_wins_each_name(folder: Path) -> None:
    script = """
sys.stdin.readline()
won = 0
for number in range(60):
    try:
        store.create(f"r/{number:03d}", sys.argv[2].encode())
        won += 1
    except AlreadyThere:
        pass
print(won)
"""
    racers = [start(folder, script, str(each)) for each in range(2)]
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [int(racer.communicate()[0]) for racer in racers]
    bodies = [LocalStore(folder).read(f"r/{number:03d}") for number in range(60)]

    assert outputs == [bodies.count(b"0"), bodies.count(b"1")]


def test_a_full_disk_leaves_nothing_and_says_what_to_do(folder: Path) -> None:
    script = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.create("a/b", b"x" * 8192)
except StoreError as error:
    print(error)
print(store.list(""))
"""
    output, _ = start(folder, script).communicate()
    message, listed = output.splitlines()

    assert re.fullmatch(r"cannot write `.*/state/a/b`: the file would be larger than .*; raise the limit .*", message)
    assert listed == "[]"
    assert list((folder / "a").iterdir()) == []


def test_a_folder_without_permission_says_what_to_do(folder: Path) -> None:
    script = """
import os
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere, whatever the modes say
try:
    store.create("a/b", b"x")
except StoreError as error:
    print(error)
"""
    folder.mkdir(mode=0o500)
    output, _ = start(folder, script).communicate()

    assert re.fullmatch(r"cannot write `.*/state/a/b`: permission denied; give this user access .*\n", output)


def test_a_place_that_takes_no_files_says_what_to_do() -> None:
    with pytest.raises(StoreError, match=r"cannot write `/proc/self/state/a`: .*; look at the folder and run again"):
        LocalStore(Path("/proc/self/state")).create("a", b"x")


def test_a_file_in_place_of_the_folder_is_an_error_and_not_nothing(folder: Path) -> None:
    folder.touch()

    for listed in ("", "shop/prod/"):
        with pytest.raises(StoreError, match="a part of the path is a file and no folder"):
            LocalStore(folder).list(listed)


def test_a_folder_in_place_of_an_object_is_an_error(store: LocalStore, folder: Path) -> None:
    (folder / "a").mkdir(parents=True)

    with pytest.raises(StoreError, match=r"cannot read `.*/state/a`: a folder is in its place; move it away"):
        store.read("a")


def test_an_error_without_advice_is_told_as_the_system_tells_it(store: LocalStore) -> None:
    with pytest.raises(StoreError, match="File name too long; look at the folder and run again"):
        store.create("a" * 300, b"x")


# ------------------------------------------------------------------------------------------------ lock


def test_a_held_name_is_refused_and_says_what_its_holder_wrote(store: LocalStore) -> None:
    with store.exclusive("shop/lock", b"first"), pytest.raises(Held) as held:
        store.exclusive("shop/lock", b"second").__enter__()

    assert held.value.body == b"first"


def test_a_lock_given_back_leaves_nothing_behind(store: LocalStore) -> None:
    with store.exclusive("shop/lock", b"first"):
        pass
    with store.exclusive("shop/lock", b"second") as left_behind:
        pass

    assert left_behind == b""


def test_a_lock_is_given_back_when_the_block_fails(store: LocalStore) -> None:
    with pytest.raises(KeyError), store.exclusive("shop/lock", b"first"):
        raise KeyError
    look = store.look("shop/lock")

    assert (look.held, look.body) == (False, b"")


def test_the_lock_dies_with_its_process_and_shows_who_died(store: LocalStore, folder: Path) -> None:
    process = start(folder, HOLD)
    assert process.stdout
    process.stdout.readline()
    alive = store.look("shop/lock")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    dead = store.look("shop/lock")
    with store.exclusive("shop/lock", b"next") as left_behind:
        pass

    assert (alive.held, alive.body) == (True, b"me")
    assert (dead.held, dead.body, left_behind) == (False, b"me", b"me")


def test_a_program_started_by_the_holder_does_not_keep_the_lock(store: LocalStore) -> None:
    with ExitStack() as stack:
        stack.enter_context(store.exclusive("shop/lock", b"me"))
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
        stack.pop_all().close()
        look = store.look("shop/lock")
        child.communicate(b"\n")

    assert look.held is False


def test_nobody_holds_what_was_never_held(store: LocalStore, folder: Path) -> None:
    look = store.look("shop/lock")

    assert (look.held, look.body, folder.exists()) == (False, b"", False)


def test_a_lock_is_not_listed_and_its_file_is_for_its_owner_alone(store: LocalStore, folder: Path) -> None:
    with store.exclusive("shop/lock", b"me"):
        listed = store.list("")
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder / "shop").iterdir()]

    assert (listed, modes) == ([], [0o600])


def test_a_shorter_holder_leaves_nothing_of_a_longer_one(store: LocalStore, folder: Path) -> None:
    process = start(folder, HOLD.replace('b"me"', 'b"somebody with a long name"'))
    assert process.stdout
    process.stdout.readline()
    kill(process)
    with store.exclusive("shop/lock", b"me"):
        look = store.look("shop/lock")

    assert look.body == b"me"


def test_a_lock_whose_file_was_removed_is_not_believed(store: LocalStore, folder: Path) -> None:
    with store.exclusive("shop/lock", b"first"):
        (folder / "shop/.lock.lock").unlink()
        with store.exclusive("shop/lock", b"second"):
            look = store.look("shop/lock")

    assert (look.held, look.body) == (True, b"second")


def test_a_lock_file_removed_before_it_was_held_is_seen(folder: Path) -> None:
    folder.mkdir()
    (folder / "lock").touch()
    with (folder / "lock").open("rb") as file:
        (folder / "lock").unlink()
        held = _is_at(file.fileno(), folder / "lock")

    assert held is False


def test_what_a_killed_writer_left_unfinished_is_swept_by_the_next_holder(store: LocalStore, folder: Path) -> None:
    store.create("shop/prod/state/1", b"x")
    (folder / "shop/prod/state/.tmp-0123").write_bytes(b"half")
    with store.exclusive("shop/prod/lock", b"me"):
        left = sorted(path.name for path in (folder / "shop/prod/state").iterdir())

    assert left == ["1"]


# ----------------------------------------------------------------------------------------------- address


def test_a_relative_address_begins_at_the_project(tmp_path: Path) -> None:
    assert open_store("file://.reconciler/state", tmp_path).where("a") == f"{tmp_path}/.reconciler/state/a"


def test_an_absolute_address_is_taken_as_it_is(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}/my%20state", Path("/example")).where("a") == f"{tmp_path}/my state/a"


def test_a_store_is_opened_without_touching_anything(tmp_path: Path) -> None:
    open_store("file://state", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_local_store_can_be_held_alone(tmp_path: Path) -> None:
    opened: Store = open_store("file://state", tmp_path)

    assert isinstance(opened, Exclusive)


KINDS = "`file://folder`, `s3://bucket/prefix` or `gs://bucket/prefix`"
PREFIXES = "a prefix has letters, digits and `._=@+-` between its slashes, and nothing else"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host", f"`ftp://host`: `ftp://` is no kind of store; use {KINDS}"),
        ("s3://B!/prefix", f"`s3://B!/prefix`: `B!` is no name of a bucket; write {KINDS}"),
        ("gs://x", f"`gs://x`: `x` is no name of a bucket; write {KINDS}"),
        ("s3://bucket/../up", f"`s3://bucket/../up`: {PREFIXES}"),
        ("gs://bucket/a?b", f"`gs://bucket/a?b`: {PREFIXES}"),
        ("state", "`state` is no address of a state; write `file://folder`, such as `file://.reconciler/state`"),
        ("file://", "`file://` is no address of a state; write `file://folder`, such as `file://.reconciler/state`"),
    ],
)
def test_another_address_is_refused_with_a_sentence(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(StoreError) as error:
        open_store(url, tmp_path)

    assert str(error.value) == message
