"""The ledger's newest record, signed by a real key and checked by the real program."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audit_stage import LAKE
from hypothesis import given
from hypothesis import strategies as st
from world import Status, World

from reconciler.history.signatures import CannotSign, sign, signer, statement
from reconciler.operations import history
from reconciler.operations.failures import Failure
from reconciler.operations.history import Verified

ENVIRON = {"PATH": "/usr/bin:/bin"}

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="`ssh-keygen` is not installed")


def new_key(folder: Path, name: str, *words: str) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name), *words]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return folder / name


def allowed(folder: Path, **keys: Path) -> Path:
    lines = [f"{name}@example.com {key.with_suffix('.pub').read_text(encoding='utf-8')}" for name, key in keys.items()]
    (folder / "signers").write_text("".join(lines), encoding="utf-8")
    return folder / "signers"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path, "ana")


@pytest.fixture
def signers(tmp_path: Path, key: Path) -> Path:
    return allowed(tmp_path, ana=key)


@pytest.fixture
def shop(world_of: Callable[..., World], key: Path) -> World:
    """Two records, both signed."""
    world = world_of("didomi")
    world.settings["ledger"] = {"signingKey": {"file": str(key)}}
    world.apply(LAKE)
    world.apply(LAKE.replace("  config:", "  description: Blue\n  config:"))
    return world


def verified(world: World, signers: Path | None) -> Verified:
    with world.workspace() as workspace:
        return history.verify(workspace, signers=signers)


def stored(world: World, folder: str) -> list[Path]:
    return sorted((world.folder / ".reconciler/state/shop/default" / folder).iterdir())


# ------------------------------------------------------------------------------------------------------ signatures


def test_who_has_signed_is_told(key: Path, signers: Path) -> None:
    signature = sign(b"this", key, ENVIRON)

    assert signer(b"this", signature, signers, ENVIRON) == "ana@example.com"
    assert signer(b"that", signature, signers, ENVIRON) is None


def test_a_key_that_is_not_allowed_is_nobody(tmp_path: Path, signers: Path) -> None:
    assert signer(b"this", sign(b"this", new_key(tmp_path, "ben"), ENVIRON), signers, ENVIRON) is None


def test_a_signature_for_another_purpose_is_none(key: Path, signers: Path, tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(b"this")
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", "email", str(tmp_path / "mail")]
    subprocess.run(command, check=True, capture_output=True)

    assert signer(b"this", (tmp_path / "mail.sig").read_bytes(), signers, ENVIRON) is None


def test_nonsense_is_no_signature(signers: Path) -> None:
    assert signer(b"this", b"nonsense", signers, ENVIRON) is None


def test_without_the_program_there_is_a_sentence(key: Path, signers: Path) -> None:
    with pytest.raises(CannotSign, match="the program `ssh-keygen` is not installed"):
        sign(b"this", key, {"PATH": "/nonexistent"})
    with pytest.raises(CannotSign, match="the program `ssh-keygen` is not installed"):
        signer(b"this", b"", signers, {"PATH": "/nonexistent"})


def test_a_key_with_a_passphrase_asks_nobody(key: Path) -> None:
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "long enough", "-f", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(CannotSign, match="passphrase"):
        sign(b"this", key, ENVIRON)


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotSign, match="No such file"):
        sign(b"this", tmp_path / "nobody", ENVIRON)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An agent of our own, which holds no key yet."""
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as process:
        environ = {**ENVIRON, "SSH_AUTH_SOCK": str(socket)}
        for _ in range(100):
            asked = subprocess.run(["ssh-add", "-l"], env=environ, capture_output=True, check=False)
            if asked.returncode == 1:  # it answers that it has no keys
                break
        yield environ
        process.terminate()


def test_an_agent_signs_for_a_public_key(key: Path, signers: Path, agent: dict[str, str]) -> None:
    subprocess.run(["ssh-add", "-q", str(key)], env=agent, check=True, capture_output=True)
    key.unlink()
    signature = sign(b"this", key.with_suffix(".pub"), agent)

    assert signer(b"this", signature, signers, ENVIRON) == "ana@example.com"


_NAMES = st.text("abc-", min_size=1, max_size=5)
_STATEMENTS = st.tuples(_NAMES, _NAMES, st.integers(1, 99), st.text("0123456789abcdef", min_size=4, max_size=4))


@given(_STATEMENTS, _STATEMENTS)
def test_two_ledgers_never_say_the_same(one: tuple[str, str, int, str], other: tuple[str, str, int, str]) -> None:
    assert (statement(*one) == statement(*other)) == (one == other)


# ------------------------------------------------------------------------------------------------------ the ledger


def test_every_record_is_signed_and_the_newest_proves_all(shop: World, signers: Path) -> None:
    found = verified(shop, signers)

    assert [path.name for path in stored(shop, "signatures")] == ["000000000001.sig", "000000000002.sig"]
    assert (found.troubles, found.notes) == ((), ())
    assert (found.signed, found.signer) == (2, "ana@example.com")


def test_without_a_key_nothing_is_signed(shop: World, signers: Path) -> None:
    shop.settings.clear()
    shop.apply(LAKE)
    found = verified(shop, signers)

    assert len(stored(shop, "signatures")) == 2
    assert (found.signed, found.notes) == (2, ("what came after record 2 is not signed",))


def test_whoever_writes_the_ledger_anew_cannot_sign_it(shop: World, signers: Path, tmp_path: Path) -> None:
    shutil.rmtree(shop.folder / ".reconciler")
    shop.settings["ledger"] = {"signingKey": {"file": str(new_key(tmp_path, "mallory"))}}
    shop.vendor.emulator.reset()
    shop.apply(LAKE)
    found = verified(shop, signers)

    assert verified(shop, None).troubles == ()
    assert (found.signed, found.signer) == (None, None)
    assert found.troubles == (
        f"no record is signed by anybody in `{signers}`",
        f"the signature under record 1 is of nobody in `{signers}`, or not of that record",
    )


def test_a_signature_does_not_hold_for_another_record(shop: World, signers: Path) -> None:
    first, second = stored(shop, "signatures")
    second.write_bytes(first.read_bytes())
    found = verified(shop, signers)

    assert found.signed == 1
    assert found.troubles == (f"the signature under record 2 is of nobody in `{signers}`, or not of that record",)


def test_a_damaged_record_before_a_signed_one_proves_nothing(shop: World, signers: Path) -> None:
    stored(shop, "ledger")[0].write_bytes(b"")
    found = verified(shop, signers)

    assert found.signed is None
    assert found.troubles


def test_a_signature_of_which_the_record_is_gone_is_a_trouble(shop: World, signers: Path) -> None:
    stored(shop, "ledger")[1].unlink()
    found = verified(shop, signers)

    assert found.signed == 1
    assert f"the signature under record 2 is of nobody in `{signers}`, or not of that record" in found.troubles


def test_nothing_is_begun_when_it_could_not_be_signed(shop: World, key: Path) -> None:
    key.unlink()
    shop.vendor.forget_requests()
    run = shop.apply(LAKE, expect=Status.UNREACHABLE)

    assert isinstance(run.error, Failure)
    assert "the ledger cannot be signed: `ssh-keygen` does not sign with" in run.messages
    assert shop.vendor.writes() == ()
    assert len(stored(shop, "ledger")) == 2


def test_an_apply_that_comes_to_nothing_is_signed_too(shop: World, signers: Path) -> None:
    shop.vendor.faults.answer("POST /exports/destinations", 400)
    shop.apply(LAKE.replace("name: lake", "name: sea"), expect=Status.FAILED)

    assert verified(shop, signers).signed == 3


def test_going_on_after_damage_is_signed(shop: World, signers: Path) -> None:
    stored(shop, "ledger")[1].write_bytes(b"")
    with shop.workspace() as workspace:
        history.seal(workspace)

    assert stored(shop, "signatures")[-1].name == "000000000003.sig"


def test_the_program_tells_who_has_signed(shop: World, signers: Path) -> None:
    said = shop.command("history", "verify", "--signers", str(signers)).stdout
    verdict = json.loads(shop.command("history", "verify", "--signers", str(signers), "--format", "json").stdout)

    assert "Records 1 to 2 are unaltered since ana@example.com signed record 2.\n" in said
    assert "2 records, and the state: consistent.\n" in said
    assert "--head" not in said
    assert (verdict["signed_up_to"], verdict["signed_by"]) == (2, "ana@example.com")
    assert max(map(len, said.splitlines())) <= 90  # a digest is wider than a line
