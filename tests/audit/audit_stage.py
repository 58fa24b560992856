"""
A repository that lives through a story, with applies in between: what its history must tell is known beforehand.

Git's dates are the emulator's and so are the names of everybody, so that every run makes the same commits.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from world import Status, Theatre, World, _ended, _ended_badly

from reconciler.operations.apply import apply

ANA, BEN, CLEO = "Ana Example", "Ben Example", "Cleo Example"
PLAIN = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}

PROJECT = """\
project: shop
vendors:
  didomi:
    baseUrl: ${DIDOMI_URL}
    settleSeconds: 2
    organizationId: example-org
    credentials: {key: {env: DIDOMI_KEY}, secret: {env: DIDOMI_SECRET}}
limits: {maxDeletes: 100, maxDeletePercent: 100}
environments:
  prod:
    values:
      greeting: hello
"""
LAKE = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata:
  name: lake
lifecycle:
  onRemoval: delete
spec:
  typeId: aws-s3-didomi
  config:
    accountId: "111122223333"
"""
DAILY = """\
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata:
  name: daily
spec:
  data:
    users: {enabled: true}
    proofs: {enabled: false}
  destinations: [lake]
"""
TIDY_LAKE = """\
# Read by the warehouse.
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
lifecycle: {onRemoval: delete}
spec:
  config: {accountId: '111122223333'}
  description: 'Read by the warehouse'
  typeId: 'aws-s3-didomi'
"""
ARCHIVE = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata:
  name: archive
lifecycle:
  onRemoval: delete
spec:
  typeId: aws-s3-didomi
  name: Archive
  config:
    accountId: "111122223333"
"""
OVERLAY = """\
apiVersion: didomi.reconciler/v1
kind: ExportConfig
metadata:
  name: daily
spec:
  description: Every morning, for production
"""


class Repository:
    """A project under git in a world of one vendor."""

    def __init__(self, folder: Path, theatre: Theatre, vendor: str = "didomi") -> None:
        folder.mkdir(exist_ok=True)
        self.world = World(folder, theatre, [vendor])
        self.folder = folder
        self.theatre = theatre
        stage = self.world.vendor
        self.world.environ["DIDOMI_URL"] = stage.server.url + stage.description.path
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, author: str = ANA) -> str:
        """Git, as one person at the present moment."""
        now = f"{self.world.clock.now():%Y-%m-%dT%H:%M:%S}Z"
        email = f"{author.split(maxsplit=1)[0].lower()}@example.com"
        who = {
            f"GIT_{role}_{word}": text
            for role in ("AUTHOR", "COMMITTER")
            for word, text in (("NAME", author), ("EMAIL", email), ("DATE", now))
        }
        ended = subprocess.run(
            ["git", *words], cwd=self.folder, env={**PLAIN, **who}, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def write(self, name: str, text: str) -> None:
        """One file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """One place in a file, written otherwise."""
        text = (self.folder / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        self.write(name, text.replace(old, new))

    def commit(self, author: str, subject: str) -> str:
        """Everything as it lies there; an hour passes."""
        self.git("add", "-A", ":!.reconciler")
        self.git("commit", "-q", "-m", subject, author=author)
        self.world.later()
        return self.git("rev-parse", "HEAD").strip()

    def apply(self, who: str, expect: Status = Status.DONE) -> None:
        """What the manifests say now; an hour passes."""
        self.world.environ["GITHUB_ACTOR"] = who
        with self.world.workspace() as workspace:
            try:
                run = _ended(apply(workspace))
            except Exception as error:  # noqa: BLE001 - told apart, or raised again, within
                run = _ended_badly(error)
        assert run.status is expect, run.messages
        self.world.later()

    def edit(self, name: str, changes: dict[str, object]) -> None:
        """Somebody at work in the vendor's console."""
        emulator = self.world.vendor.emulator
        (row,) = (each for each in self.world.vendor.objects("destinations") if each["name"] == name)
        emulator.edit("destinations", row["id"], changes)


def live(folder: Path, theatre: Theatre) -> Repository:
    """The whole story: twenty-one commits of three people, nine applies of which one fails, and a change by hand."""
    it = Repository(folder, theatre)
    _as_one_lake(it)
    _under_other_names(it)
    return it


def _as_one_lake(it: Repository) -> None:
    it.write("reconciler.yaml", PROJECT)
    it.write("specs/lake.yaml", LAKE)
    it.commit(ANA, "Begin with a lake")
    it.write("README.md", "Exports of the shop.\n")
    it.commit(ANA, "Say what this is")
    it.write("specs/exports.yaml", DAILY)
    it.commit(BEN, "Deliver consents every day")
    it.apply("ana")  # 1
    it.write("specs/lake.yaml", LAKE.replace("  config:", "  description: Read by the warehouse\n  config:"))
    it.commit(BEN, "Say who reads the lake")
    it.write("specs/lake.yaml", TIDY_LAKE)
    it.commit(CLEO, "Write the lake tidily")
    it.apply("nightly")  # 2
    it.git("mv", "specs/lake.yaml", "specs/destinations.yaml")
    it.commit(ANA, "Name the file after what it holds")
    it.replace("specs/destinations.yaml", "'111122223333'", "{var: account}")
    it.replace("reconciler.yaml", "greeting: hello", 'greeting: hello\n      account: "111122223333"')
    it.commit(CLEO, "Make the account a value")
    it.replace("reconciler.yaml", "111122223333", "210987654321")
    it.commit(BEN, "Move to the new account")
    it.world.vendor.faults.answer("POST /exports/destinations", 400)
    it.world.vendor.faults.answer("PATCH /exports/destinations/*", 400)
    it.apply("nightly", expect=Status.FAILED)  # 3
    it.world.vendor.faults.clear()
    it.apply("ben")  # 4


def _under_other_names(it: Repository) -> None:
    it.replace("specs/destinations.yaml", "{name: lake}", "{name: consent-lake, renamedFrom: lake}")
    it.replace("specs/exports.yaml", "[lake]", "[consent-lake]")
    it.commit(ANA, "Call the lake what it holds")
    it.apply("nightly")  # 5
    it.replace("specs/destinations.yaml", "typeId: 'aws", "typeId: 'aws' [")
    it.commit(CLEO, "Break the lake")
    it.replace("specs/destinations.yaml", "typeId: 'aws' [", "typeId: 'aws")
    it.commit(CLEO, "Mend the lake")
    it.git("checkout", "-q", "-b", "names")
    it.replace("specs/destinations.yaml", "  config:", "  name: Consents\n  config:")
    it.commit(BEN, "Show the lake as Consents")
    it.git("checkout", "-q", "main")
    it.replace("specs/exports.yaml", "spec:", "spec:\n  name: Daily consents")
    it.commit(ANA, "Show the export as what it is")
    it.git("merge", "-q", "--no-ff", "-m", "Merge the names", "names", author=CLEO)
    it.world.later()
    it.apply("nightly")  # 6
    it.write("specs/archive.yaml", ARCHIVE)
    it.commit(ANA, "Add an archive")
    it.replace("specs/exports.yaml", "[consent-lake]", "[archive, consent-lake]")
    it.commit(BEN, "Deliver to the archive too")
    it.apply("nightly")  # 7
    it.git("rm", "-q", "specs/archive.yaml")
    it.replace("specs/exports.yaml", "[archive, consent-lake]", "[consent-lake]")
    it.commit(BEN, "Give the archive up")
    it.apply("nightly")  # 8
    it.write("overlays/prod.yaml", OVERLAY)
    it.replace("reconciler.yaml", "  prod:\n", "  prod:\n    overlays: [overlays/prod.yaml]\n")
    it.commit(CLEO, "Say in production when it comes")
    it.apply("nightly")  # 9
    it.edit("Consents", {"name": "Consents (old)"})
    it.replace("specs/destinations.yaml", ", renamedFrom: lake", "")
    it.commit(ANA, "Forget the former name")
    it.replace("specs/exports.yaml", "proofs: {enabled: false}", "proofs: {enabled: true}")
    it.commit(BEN, "Deliver proofs as well")
    it.replace("specs/exports.yaml", "users: {enabled: true}", "users: {enabled: false}")  # and not committed
