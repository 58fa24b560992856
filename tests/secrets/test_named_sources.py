"""Programs that print a secret and files of age, which only the project file defines."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

import pyrage  # type: ignore[import-untyped]  # it ships no types
import pytest

from reconciler.secrets import Age, Command, Places, Policy, Resolver, SecretUnavailable
from reconciler.secrets.command import CommandSource
from reconciler.values import Secret

VALUE = "canary-named-77e1"
NAMED = Secret(source="named", name="lake-key")
IDENTITY = Secret(source="env", name="AGE_IDENTITY")


def resolver(root: Path, source: Command | Age, **environ: str) -> Resolver:
    return Resolver(environ, root, Policy(named=frozenset({"lake-key"})), Places(named={"lake-key": source}))


def printing(code: str) -> Command:
    return Command(words=(sys.executable, "-c", code))


def reason(opened: Resolver, secret: Secret = NAMED) -> str:
    with pytest.raises(SecretUnavailable) as missing:
        opened.reveal(secret)
    told = traceback.TracebackException.from_exception(missing.value, capture_locals=True)
    assert VALUE not in "".join(told.format())
    return str(missing.value)


# ---------------------------------------------------------------------------------------------- commands


def test_what_a_command_prints_is_revealed_without_one_trailing_line_break(tmp_path: Path) -> None:
    opened = resolver(tmp_path, printing("import os; print(os.environ['IN'] + '\\n')"), IN=VALUE)

    assert opened.reveal(NAMED) == f"{VALUE}\n"


def test_a_command_runs_in_the_project_without_input_and_once(tmp_path: Path) -> None:
    code = "import sys; open('ran', 'a').write('x'); print(repr(sys.stdin.read()))"
    opened = resolver(tmp_path, printing(code))
    found = [opened.reveal(NAMED), opened.reveal(NAMED)]

    assert found == ["''", "''"]
    assert (tmp_path / "ran").read_text() == "x"


def test_no_shell_reads_the_words_of_a_command(tmp_path: Path) -> None:
    command = Command(words=(sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME; echo a"))

    assert resolver(tmp_path, command, HOME=VALUE).reveal(NAMED) == "$HOME; echo a"


def test_an_entry_of_what_a_command_prints_is_chosen(tmp_path: Path) -> None:
    opened = resolver(tmp_path, printing(f"print({json.dumps({'key': VALUE})!r})"))

    assert opened.reveal(Secret(source="named", name="lake-key", key="key")) == VALUE


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Command(words=("no-such-program-anywhere",)), "the command of `lake-key` cannot be run (No such file or dire"),
        (
            printing("import os, sys; print(os.environ['IN']); print(os.environ['IN'], file=sys.stderr); sys.exit(3)"),
            "the command of `lake-key` ended with exit code 3; run it by hand to see why",
        ),
        (
            printing("import os, sys; sys.stdout.buffer.write(os.environ['IN'].encode() + bytes([255]))"),
            "the command of `lake-key` printed no UTF-8 text; have it print the secret as text",
        ),
        (printing("print()"), "`{named: lake-key}` is empty; store the secret there"),
    ],
)
def test_a_command_that_gives_no_secret_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: Command, message: str
) -> None:
    said = reason(resolver(tmp_path, command, IN=VALUE))

    assert said.startswith(message)
    assert capfd.readouterr() == ("", "")


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    source = CommandSource(tmp_path, {}, longest=0.3)
    with pytest.raises(SecretUnavailable, match=r"did not end within 0\.3 seconds; run it by hand"):
        source.read(NAMED, printing("import time; time.sleep(30)"))


def test_a_name_that_the_project_file_does_not_define_is_not_run(tmp_path: Path) -> None:
    opened = resolver(tmp_path, printing("open('ran', 'w')"))
    said = reason(opened, Secret(source="named", name="other"))

    assert said.startswith("no source of secrets is called `other` here; there are `lake-key`")
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------------------------------------------------- age


@pytest.fixture(scope="module")
def identity() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def encrypted(root: Path, identity: pyrage.x25519.Identity, content: bytes = f"{VALUE}\n".encode()) -> Age:
    (root / "lake.age").write_bytes(pyrage.encrypt(content, [identity.to_public()]))
    return Age(path="lake.age", identity=IDENTITY)


def test_a_file_of_age_is_revealed_without_one_trailing_line_break(
    tmp_path: Path, identity: pyrage.x25519.Identity
) -> None:
    age = encrypted(tmp_path, identity)
    file = f"# created: 2026-11-01\n# public key: {identity.to_public()}\n{identity}\n"
    found = [resolver(tmp_path, age, AGE_IDENTITY=each).reveal(NAMED) for each in (str(identity), file)]

    assert found == [VALUE, VALUE]


def test_the_identity_is_hidden_like_the_secret(tmp_path: Path, identity: pyrage.x25519.Identity) -> None:
    told: set[str] = set()
    age = encrypted(tmp_path, identity)
    policy = Policy(named=frozenset({"lake-key"}))
    environ = {"AGE_IDENTITY": str(identity)}
    Resolver(environ, tmp_path, policy, Places(named={"lake-key": age}), hide=told.add).reveal(NAMED)

    assert told == {VALUE, str(identity)}


def test_a_file_of_age_that_cannot_be_opened_is_said(tmp_path: Path, identity: pyrage.x25519.Identity) -> None:
    age = encrypted(tmp_path, identity)
    stranger = str(pyrage.x25519.Identity.generate())
    said = [reason(resolver(tmp_path, age, AGE_IDENTITY=each)) for each in (stranger, "nonsense", "")]
    said.append(reason(resolver(tmp_path, encrypted(tmp_path, identity, b"\xff"), AGE_IDENTITY=str(identity))))
    (tmp_path / "lake.age").unlink()
    said.append(reason(resolver(tmp_path, age, AGE_IDENTITY=str(identity))))

    assert [each.partition(";")[0] for each in said] == [
        "the file `lake.age` cannot be opened with the identity in `{env: AGE_IDENTITY}`, or holds no text",
        "`{env: AGE_IDENTITY}` holds no identity of age",
        "the environment variable `AGE_IDENTITY` is empty",
        "the file `lake.age` cannot be opened with the identity in `{env: AGE_IDENTITY}`, or holds no text",
        "the file `lake.age` cannot be read (No such file or directory)",
    ]
