from __future__ import annotations

import os
import pickle
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.secrets import Policy, Resolver, SecretUnavailable
from reconciler.secrets.file import LARGEST
from reconciler.values import Secret, Severity

CANARY = "canary-7f3a"
ENV = Secret(source="env", name="RECONCILER_SECRET_S3")
FILE = Secret(source="file", name="keys/s3")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys/s3"
    path.parent.mkdir()
    path.write_text(f"{CANARY}\n")
    path.chmod(0o600)
    return path


def resolver(root: Path, **environ: str) -> Resolver:
    return Resolver(environ, root, Policy(file_roots=("keys",)))


def reason(root: Path, secret: Secret, **environ: str) -> str:
    with pytest.raises(SecretUnavailable) as missing:
        resolver(root, **environ).reveal(secret)
    return str(missing.value)


# ------------------------------------------------------------------------------------------- environment


def test_a_variable_is_revealed_as_it_is(tmp_path: Path) -> None:
    assert resolver(tmp_path, RECONCILER_SECRET_S3=" a\n").reveal(ENV) == " a\n"


def test_a_variable_that_is_not_set_is_unavailable(tmp_path: Path) -> None:
    assert reason(tmp_path, ENV) == (
        "the environment variable `RECONCILER_SECRET_S3` is not set; set it where this command runs, for example as a "
        "masked variable of the CI job"
    )


def test_an_empty_variable_is_unavailable(tmp_path: Path) -> None:
    assert reason(tmp_path, ENV, RECONCILER_SECRET_S3="").startswith(
        "the environment variable `RECONCILER_SECRET_S3` is empty; set it"
    )


# -------------------------------------------------------------------------------------------------- file


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"key", "key"),
        (b"key\n", "key"),
        (b"key\r\n", "key"),
        (b"key\n\n", "key\n"),
        (b" key \n", " key "),
        (b"key\r", "key\r"),
        (b"two\nlines\n", "two\nlines"),
        ("schlüssel".encode(), "schlüssel"),
        (b"k" * LARGEST, "k" * LARGEST),
    ],
)
def test_a_file_is_revealed_without_one_trailing_line_break(
    tmp_path: Path, file: Path, content: bytes, value: str
) -> None:
    file.write_bytes(content)

    assert resolver(tmp_path).reveal(FILE) == value


def test_a_file_is_read_once_so_that_what_was_planned_is_what_is_sent(tmp_path: Path, file: Path) -> None:
    opened = resolver(tmp_path)
    before = opened.reveal(FILE)
    file.write_text("rotated")
    during = opened.reveal(FILE)
    opened.forget()

    assert (before, during, opened.reveal(FILE)) == (CANARY, CANARY, "rotated")


def test_a_file_behind_links_within_the_folder_is_revealed(tmp_path: Path, file: Path) -> None:
    """As Kubernetes mounts secrets."""
    (file.parent / "..2026").mkdir()
    (file.parent / "..2026/s3").write_text("linked")
    (file.parent / "..data").symlink_to("..2026")
    file.unlink()
    file.symlink_to("..data/s3")

    assert resolver(tmp_path).reveal(FILE) == "linked"


def remove(file: Path) -> None:
    file.unlink()


def leave(file: Path) -> None:
    outside = file.parent.parent / "outside"
    file.rename(outside)
    file.symlink_to(outside)


def turn(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def fold(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def plug(file: Path) -> None:
    file.unlink()
    os.mknod(file, stat.S_IFSOCK | 0o600)


def swell(file: Path) -> None:
    file.write_text(CANARY * LARGEST)


def garble(file: Path) -> None:
    file.write_bytes(CANARY.encode() + b"\xff")


def empty(file: Path) -> None:
    file.write_text("\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            remove,
            "the file `keys/s3` cannot be read (No such file or directory); mount it there, or give this user acc",
        ),
        (leave, "the file `keys/s3` is a link that leaves the allowed folders; move the file into an allowed folder"),
        (turn, "the file `keys/s3` cannot be read (its links lead in a circle); mount it there"),
        (fold, "`keys/s3` is no regular file; name the file that holds the secret"),
        (pipe, "`keys/s3` is no regular file; name the file that holds the secret"),
        (plug, "the file `keys/s3` cannot be read (No such device or address); mount it there"),
        (swell, "the file `keys/s3` is no UTF-8 text of at most 64 KiB; name the file that holds the secret"),
        (garble, "the file `keys/s3` is no UTF-8 text of at most 64 KiB; name the file that holds the secret"),
        (empty, "the file `keys/s3` is empty; write the secret into it"),
    ],
)
def test_a_file_that_holds_no_secret_is_unavailable(
    tmp_path: Path, file: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(file)

    assert reason(tmp_path, FILE).startswith(message)


def test_a_file_readable_by_all_is_said_and_used(tmp_path: Path, file: Path) -> None:
    file.chmod(0o644)
    opened = resolver(tmp_path)
    opened.reveal(FILE)
    opened.reveal(FILE)
    warnings = [(each.code, each.message, each.severity) for each in opened.warnings()]

    assert warnings == [
        (
            "secret-file-readable-by-all",
            "the file `keys/s3` can be read by every user of this machine",
            Severity.WARNING,
        )
    ]


def test_a_file_for_its_owner_alone_needs_no_word(tmp_path: Path, file: Path) -> None:
    opened = resolver(tmp_path)
    opened.reveal(FILE)

    assert opened.warnings() == ()


# ------------------------------------------------------------------------------------------------- rules


def test_a_place_that_is_not_allowed_is_not_read(tmp_path: Path) -> None:
    assert reason(tmp_path, Secret(source="env", name="HOME"), HOME=CANARY) == (
        "the environment variable `HOME` is not allowed here; allowed are `RECONCILER_SECRET_…`; allow it under "
        "`secrets` in `reconciler.yaml`, or use another place"
    )


def test_a_key_needs_a_place_with_entries(tmp_path: Path) -> None:
    secret = Secret(source="env", name="RECONCILER_SECRET_S3", key="k")

    assert reason(tmp_path, secret, RECONCILER_SECRET_S3=CANARY) == (
        "`env` has no entries, so `key` cannot choose one; remove `key`"
    )


def test_a_version_only_names_the_value(tmp_path: Path) -> None:
    secret = Secret(source="env", name="RECONCILER_SECRET_S3", version="2")

    assert resolver(tmp_path, RECONCILER_SECRET_S3=CANARY).reveal(secret) == CANARY


# --------------------------------------------------------------------------------------- all at once


def test_every_missing_secret_is_a_problem_of_its_own(tmp_path: Path, file: Path) -> None:
    other = Secret(source="env", name="RECONCILER_SECRET_OTHER")
    problems = resolver(tmp_path).resolve_all([ENV, FILE, other, ENV])

    assert [(each.code, each.message) for each in problems] == [
        ("secret-unavailable", "the environment variable `RECONCILER_SECRET_S3` is not set"),
        ("secret-unavailable", "the environment variable `RECONCILER_SECRET_OTHER` is not set"),
    ]
    assert problems[0].help


def test_what_was_revealed_is_known_until_the_end(tmp_path: Path, file: Path) -> None:
    with resolver(tmp_path, RECONCILER_SECRET_S3="other") as opened:
        opened.reveal(FILE)
        opened.reveal(ENV)
        during = opened.known()

    assert (during, opened.known()) == (frozenset({CANARY, "other"}), frozenset[str]())


def test_what_was_only_looked_at_is_not_kept(tmp_path: Path, file: Path) -> None:
    opened = resolver(tmp_path)
    opened.resolve_all([FILE])

    assert opened.known() == frozenset()


# -------------------------------------------------------------------------------------------- no trace


def test_no_value_shows_in_what_is_printed_of_the_resolver(tmp_path: Path, file: Path) -> None:
    opened = resolver(tmp_path, RECONCILER_SECRET_S3=CANARY)
    opened.reveal(FILE)
    opened.reveal(ENV)
    parts = [opened, opened._files, opened._environment, *opened._kept.values()]

    assert CANARY not in "".join(f"{each!r}{each!s}" for each in parts)


@pytest.mark.parametrize("spoil", [leave, swell, garble])
def test_no_value_shows_in_a_traceback_with_its_local_variables(
    tmp_path: Path, file: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(file)
    opened = resolver(tmp_path, RECONCILER_SECRET_S3=CANARY)
    opened.reveal(ENV)
    with pytest.raises(SecretUnavailable) as missing:
        opened.reveal(FILE)
    told = traceback.TracebackException.from_exception(missing.value, capture_locals=True)

    assert "reveal" in "".join(told.format())
    assert CANARY not in "".join(told.format())


def test_no_value_hides_in_what_led_to_an_error(tmp_path: Path, file: Path) -> None:
    garble(file)
    with pytest.raises(SecretUnavailable) as missing:
        resolver(tmp_path).reveal(FILE)

    assert missing.value.__context__ is None


def test_a_resolver_cannot_be_written_down(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(resolver(tmp_path, RECONCILER_SECRET_S3=CANARY))
