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
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.emulator import Clock, Emulator
from reconciler.emulator.bucket_drop import BucketDrop
from reconciler.emulator.objects import ObjectStore
from reconciler.operations.emulate import make_emulators, serving
from reconciler.operations.failures import Failure
from reconciler.providers.didomi.emulator import Emulator as Didomi

WORLD = Path(__file__).parent / "demo_world"
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step of the guided run: what is said, done behind the program's back, run, and how it must end."""

    says: str
    runs: tuple[str, ...] = ()
    exit: int = 0
    does: Callable[[Path, Mapping[str, Emulator]], None] = lambda _folder, _vendors: None


def _edit(file: str, old: str, new: str) -> Callable[[Path, Mapping[str, Emulator]], None]:
    def edit(folder: Path, _vendors: Mapping[str, Emulator]) -> None:
        path = folder / "specs" / file
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise Failure(f"the demo's manifests do not hold `{old}` any more")
        path.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def _drift(_folder: Path, vendors: Mapping[str, Emulator]) -> None:
    didomi, adobe = vendors["didomi"], vendors["adobe"]
    config = next(iter(didomi.objects("configs")))
    didomi.edit("configs", config["id"], {"data": {"users": {"enabled": False}, "proofs": {"enabled": False}}})
    flow = next(iter(adobe.objects("flows")))
    adobe.edit("flows", flow["id"], {"name": "Renamed in the UI"})


def _two_days(_folder: Path, vendors: Mapping[str, Emulator]) -> None:
    next(iter(vendors.values())).world.clock.advance(2 * DAY + 60)


def _newer_orders(_folder: Path, vendors: Mapping[str, Emulator]) -> None:
    """A day's new row, as a refresh of the dataset would bring it."""
    domo = vendors["domo"]
    orders = next(each for each in domo.objects("datasets") if each["name"] == "orders_daily")
    domo.edit("datasets", orders["id"], {"append": [[1001, 7, "West", 12.5, "2026-11-21", None]]})


def _import(folder: Path, _vendors: Mapping[str, Emulator]) -> None:
    """A manifest with the file that it names, as a merged pull request brings them."""
    shutil.copytree(folder / "later", folder / "specs", dirs_exist_ok=True)


def _without_archive(folder: Path, _vendors: Mapping[str, Emulator]) -> None:
    path = folder / "specs" / "consents.yaml"
    documents = path.read_text(encoding="utf-8").split("---\n")
    kept = [each.replace("[lake, archive]", "[lake]") for each in documents if "name: archive" not in each]
    path.write_text("---\n".join(kept), encoding="utf-8")


SCENES = (
    Scene(
        says="Five manifests: consents from Didomi, datasets from Adobe, a query of Domo. Are they right?",
        runs=("validate",),
    ),
    Scene(
        says="A slip of the keyboard is found before anything is sent, with its place and a guess at what was meant.",
        does=_edit("consents.yaml", "destinations: [lake, archive]", "destinations: [lake, archve]"),
        runs=("validate",),
        exit=8,
    ),
    Scene(
        says="Corrected. What would be done? `plan` cannot write.",
        does=_edit("consents.yaml", "[lake, archve]", "[lake, archive]"),
        runs=("plan",),
    ),
    Scene(
        says="Do it. What the vendors computed (the bucket, the role, the files) is shown afterwards.",
        runs=("apply", "-y"),
    ),
    Scene(says="Nothing is left to do: exit code 0, not 2.", runs=("plan", "--detailed-exitcode")),
    Scene(says="Is everything well?", runs=("doctor",)),
    Scene(
        says="Somebody switches records off in Didomi's console and renames a dataflow in Adobe's. Who moved?",
        does=_drift,
        runs=("drift", "--detailed-exitcode"),
        exit=2,
    ),
    Scene(says="Why? Every compared field with its verdict.", runs=("explain", "didomi/ExportConfig/daily-consents")),
    Scene(says="The next apply sets it right.", runs=("apply", "-y")),
    Scene(
        says="Another dataset for the export at Adobe. A source connection cannot be changed: it is made anew, the "
        "dataflow is pointed at the new one, and only then the old one goes. Save the plan, as a pull request would.",
        does=_edit("datasets.yaml", "[{name: Customers}]", "[{name: Customers}, {name: Stores}]"),
        runs=("plan", "-o", "plan.json"),
    ),
    Scene(
        says="Apply exactly that plan; the dataflow keeps its id and its schedule.", runs=("apply", "plan.json", "-y")
    ),
    Scene(says="Two days later: what has been delivered?", does=_two_days, runs=("runs", "--limit", "3")),
    Scene(
        says="The dataset at Domo has newer rows: the claim about it is not true any more. That is no change of a "
        "definition, and a check for those may ignore it.",
        does=_newer_orders,
        runs=("plan", "--detailed-exitcode", "--ignore-freshness"),
    ),
    Scene(says="A nightly apply runs the export again.", runs=("apply", "-y")),
    Scene(
        says="Consents that were collected before Didomi: a manifest names a file by its digest. Is the file right?",
        does=_import,
        runs=("events", "validate", "specs/events/loyalty.jsonl"),
    ),
    Scene(
        says="Import them, each once, in their users' order. The same again would send nothing.",
        runs=("events", "import", "didomi/EventImport/loyalty", "-y"),
    ),
    Scene(
        says="The archive's manifest is removed, and its `onRemoval: delete` takes the object along.",
        does=_without_archive,
        runs=("apply", "-y"),
    ),
    Scene(
        says="What was configured: has it arrived? The files are in the object store; every record is read. Didomi's "
        "clock is two days ahead, so the check is made as of then.",
        runs=("verify", "didomi/ExportConfig/daily-consents", "--content", "--at", "{now}"),
    ),
    Scene(says="Who needs whom?", runs=("graph", "--format", "mermaid")),
    Scene(says="Clean up.", runs=("destroy", "-y")),
    Scene(says="Nothing is left behind.", runs=("state", "list")),
)

_OBJECTS = {
    "adobe": ("connections", "sourceConnections", "targetConnections", "flows"),
    "didomi": ("destinations", "configs"),
}
"""What must be gone at the end. At Domo there is nothing to delete: jobs and files stay."""


def demo(say: Callable[[str], None], environ: Mapping[str, str]) -> None:
    """
    Run every scene in a folder of its own. `say` prints a line; the commands print for themselves.

    Raises `Failure` at the first command that ends otherwise than the scene says.
    """
    with _stage() as (folder, vendors, settings):
        inner = {
            **{
                name: value
                for name, value in environ.items()
                if name == "RECONCILER_LOG_FORMAT" or not name.startswith(("RECONCILER_", "AWS_"))
            },
            **settings,
        }
        for number, scene in enumerate(SCENES, 1):
            scene.does(folder, vendors)
            runs = [each.format(now=_now(vendors)) for each in scene.runs]
            say(f"\n# {number}/{len(SCENES)}  {scene.says}\n$ {shlex.join(['reconciler', '-e', 'prod', *runs])}")
            ended = subprocess.run(  # noqa: S603 - this very program
                [sys.executable, "-m", "reconciler", "-C", str(folder), "-e", "prod", *runs],
                cwd=folder,
                env=inner,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            if ended.returncode != scene.exit:
                raise Failure(f"scene {number} ended with exit code {ended.returncode} instead of {scene.exit}")
        left = [
            f"{vendor} {each['id']}"
            for vendor, collections in _OBJECTS.items()
            for collection in collections
            for each in vendors[vendor].objects(collection)
        ]
        if left:
            raise Failure(f"objects are left at the vendors: {', '.join(left)}")
        say(f"\nAll {len(SCENES)} scenes went as they should.")


@contextmanager
def _stage() -> Iterator[tuple[Path, Mapping[str, Emulator], Mapping[str, str]]]:
    """A folder with manifests, the vendors and an object store; gives the environment variables that lead to them."""
    with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as name, ObjectStore.start() as store:
        folder = Path(name)
        shutil.copytree(WORLD, folder, dirs_exist_ok=True)
        store.guard(store.make_bucket("example-lake", "eu-west-3"))
        vendors = make_emulators(
            ["adobe", "didomi", "domo"], folder=folder / "delivered", clock=Clock(), objects=store.endpoint
        )
        # What Didomi delivers lies where `verify` can read it.
        didomi = vendors["didomi"]
        assert isinstance(didomi, Didomi)
        didomi.deliveries.drop = BucketDrop(store.endpoint, store.administrator)
        with serving(vendors) as urls:
            yield folder, vendors, _environment(vendors, urls, store)


def _now(vendors: Mapping[str, Emulator]) -> str:
    """The vendors' present moment."""
    return next(iter(vendors.values())).world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _environment(vendors: Mapping[str, Emulator], urls: Mapping[str, str], store: ObjectStore) -> dict[str, str]:
    adobe, didomi, domo = (vendors[each].credentials for each in ("adobe", "didomi", "domo"))
    return {
        "DEMO_ADOBE_URL": urls["adobe"],
        "DEMO_ADOBE_CLIENT": adobe["client_id"],
        "DEMO_ADOBE_SECRET": adobe["client_secret"],
        "DEMO_DIDOMI_URL": urls["didomi"],
        "DEMO_DIDOMI_KEY": didomi["key"],
        "DEMO_DIDOMI_SECRET": didomi["secret"],
        "DEMO_DOMO_URL": urls["domo"],
        "DEMO_DOMO_TOKEN": domo["token"],
        "DEMO_S3_URL": store.endpoint,
        "DEMO_AWS_KEY": store.keys.key,
        "DEMO_AWS_SECRET": store.keys.secret,
        "DEMO_ROLE": store.role_arn,
        "DEMO_START": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:00:00Z"),
        "RECONCILER_SECRET_ARCHIVE_KEY": '{"type": "service_account", "project_id": "example-archive"}',
        "RECONCILER_SECRET_EXPORTS": "exampleexampleexampleexampleexampleexamp",
        "RECONCILER_APPLY_ALLOW_LOCAL_STATE": "true",
        "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", ""),
    }
