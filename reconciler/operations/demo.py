"""`demo`: a guided run of everything against vendors on this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.emulator import Clock, Emulator
from reconciler.operations.emulate import make_emulators, serving
from reconciler.operations.failures import Failure

WORLD = Path(__file__).parent / "demo_world"
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step of the guided run: what is said, done behind the program's back, run, and how it must end."""

    says: str
    runs: tuple[str, ...] = ()
    exit: int = 0
    does: Callable[[Path, Mapping[str, Emulator]], None] = lambda _folder, _vendors: None


def _edit(old: str, new: str) -> Callable[[Path, Mapping[str, Emulator]], None]:
    def edit(folder: Path, _vendors: Mapping[str, Emulator]) -> None:
        path = folder / "specs" / "consents.yaml"
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise Failure(f"the demo's manifests do not hold `{old}` any more")
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def _drift(_folder: Path, vendors: Mapping[str, Emulator]) -> None:
    didomi = vendors["didomi"]
    config = next(iter(didomi.objects("configs")))
    didomi.edit("configs", config["id"], {"data": {"users": {"enabled": False}, "proofs": {"enabled": False}}})


def _two_days(_folder: Path, vendors: Mapping[str, Emulator]) -> None:
    vendors["didomi"].world.clock.advance(2 * DAY + 60)


def _without_archive(folder: Path, _vendors: Mapping[str, Emulator]) -> None:
    path = folder / "specs" / "consents.yaml"
    documents = path.read_text(encoding="utf-8").split("---\n")
    kept = [each.replace("[lake, archive]", "[lake]") for each in documents if "name: archive" not in each]
    path.write_text("---\n".join(kept), encoding="utf-8")


SCENES = (
    Scene(says="Three manifests describe two destinations and a daily export. Are they right?", runs=("validate",)),
    Scene(
        says="A slip of the keyboard is found before anything is sent, with its place and a guess at what was meant.",
        does=_edit("destinations: [lake, archive]", "destinations: [lake, archve]"),
        runs=("validate",),
        exit=8,
    ),
    Scene(
        says="Corrected. What would be done? `plan` cannot write.",
        does=_edit("[lake, archve]", "[lake, archive]"),
        runs=("plan",),
    ),
    Scene(says="Do it. What Didomi computed (the bucket, the role) is shown afterwards.", runs=("apply", "-y")),
    Scene(says="Nothing is left to do: exit code 0, not 2.", runs=("plan", "--detailed-exitcode")),
    Scene(says="Is everything well?", runs=("doctor",)),
    Scene(
        says="Somebody switches the users' records off in the vendor's console. The plan sees it.",
        does=_drift,
        runs=("plan", "--detailed-exitcode"),
        exit=2,
    ),
    Scene(says="Why? Every compared field with its verdict.", runs=("explain", "didomi/ExportConfig/daily-consents")),
    Scene(says="And sets it right.", runs=("apply", "-y")),
    Scene(
        says="The account of a bucket cannot be changed in place: the destination is made anew, the export is pointed "
        "at the new one, and only then the old one goes. Save the plan, as a pull request would.",
        does=_edit("accountId: {var: account}", 'accountId: "999988887777"'),
        runs=("plan", "-o", "plan.json"),
    ),
    Scene(says="Apply exactly that plan.", runs=("apply", "plan.json", "-y")),
    Scene(says="Two days later: what has been delivered?", does=_two_days, runs=("runs",)),
    Scene(
        says="The archive's manifest is removed, and its `onRemoval: delete` takes the object along.",
        does=_without_archive,
        runs=("apply", "-y"),
    ),
    Scene(says="Who needs whom?", runs=("graph", "--format", "mermaid")),
    Scene(says="Clean up.", runs=("destroy", "-y")),
    Scene(says="Nothing is left behind.", runs=("state", "list")),
)


def demo(say: Callable[[str], None], environ: Mapping[str, str]) -> None:
    """
    Run every scene in a folder of its own. `say` prints a line; the commands print for themselves.

    Raises `Failure` at the first command that ends otherwise than the scene says.
    """
    with _stage() as (folder, vendors, urls):
        inner = {
            **{name: value for name, value in environ.items() if not name.startswith("RECONCILER_")},
            **_environment(vendors, urls),
        }
        for number, scene in enumerate(SCENES, 1):
            scene.does(folder, vendors)
            say(f"\n# {number}/{len(SCENES)}  {scene.says}\n$ {shlex.join(['reconciler', '-e', 'prod', *scene.runs])}")
            ended = subprocess.run(  # noqa: S603 - this very program
                [sys.executable, "-m", "reconciler", "-C", str(folder), "-e", "prod", *scene.runs],
                cwd=folder,
                env=inner,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            if ended.returncode != scene.exit:
                raise Failure(f"scene {number} ended with exit code {ended.returncode} instead of {scene.exit}")
        left = [each["id"] for name in ("destinations", "configs") for each in vendors["didomi"].objects(name)]
        if left:
            raise Failure(f"objects are left at the vendor: {', '.join(left)}")
        say(f"\nAll {len(SCENES)} scenes went as they should.")


@contextmanager
def _stage() -> Iterator[tuple[Path, Mapping[str, Emulator], Mapping[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as name:
        folder = Path(name)
        shutil.copytree(WORLD, folder, dirs_exist_ok=True)
        vendors = make_emulators(["didomi"], folder=folder / "delivered", clock=Clock())
        with serving(vendors) as urls:
            yield folder, vendors, urls


def _environment(vendors: Mapping[str, Emulator], urls: Mapping[str, str]) -> dict[str, str]:
    didomi = vendors["didomi"].credentials
    return {
        "DEMO_DIDOMI_URL": urls["didomi"],
        "DEMO_DIDOMI_KEY": didomi["key"],
        "DEMO_DIDOMI_SECRET": didomi["secret"],
        "RECONCILER_SECRET_ARCHIVE_KEY": '{"type": "service_account", "project_id": "example-archive"}',
        "RECONCILER_APPLY_ALLOW_LOCAL_STATE": "true",
        "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", ""),
    }
