"""What a shell offers: addresses, environments and files, from this machine alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from world import World

from reconciler.operations.completing import addresses, environment_names
from reconciler.operations.init import init

LAKE = """\
apiVersion: didomi.reconciler/v1
kind: Destination
metadata: {name: lake}
spec: {typeId: aws-s3-didomi, config: {accountId: "210987654321"}}
"""
SEA = LAKE.replace("lake", "sea")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "project"
    init(folder)
    (folder / "plan.json").write_text("{}", encoding="utf-8")
    (folder / "specs" / "broken.yaml").write_text("kind: [\n", encoding="utf-8")
    return folder


def environ() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": "/nowhere", "LANG": "C.UTF-8"}


def offered(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    script = (
        'source <(reconciler completion bash)\nCOMP_WORDS=("$@")\nCOMP_CWORD=$(($# - 1))\n'
        '_reconciler_completion "$1" 2> errors\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    ended = subprocess.run(
        ["bash", "-c", script, "bash", "reconciler", *words],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["plan", "--target", "didomi/"], ["didomi/Destination/lake", "didomi/ExportConfig/daily-consents"]),
        (["-e", ""], ["prod", "rehearsal"]),
        (["init", "--vendor", "d"], ["didomi", "domo"]),
    ],
    ids=" ".join,
)
def test_bash_offers_what_the_project_knows(words: list[str], expected: list[str], project: Path) -> None:
    assert offered(project, *words) == expected


def test_another_projects_addresses_are_offered_with_its_folder(project: Path, tmp_path: Path) -> None:
    assert offered(tmp_path, "-C", str(project), "explain", "adobe") == ["adobe/DatasetExport/customers"]


def test_without_a_project_nothing_is_offered_and_nothing_is_said(tmp_path: Path) -> None:
    assert offered(tmp_path, "explain", "") == []
    assert (tmp_path / "errors").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_understand_what_is_printed_for_them(shell: str, project: Path) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"`{shell}` is not installed")
    printed = subprocess.run(["reconciler", "completion", shell], env=environ(), capture_output=True, check=True)
    read = subprocess.run([found, "-n"], input=printed.stdout, capture_output=True, check=False, timeout=60)

    assert (read.returncode, read.stderr) == (0, b"")


def test_what_is_remembered_is_offered_too_when_its_manifest_is_gone(world_of: Callable[..., World]) -> None:
    world = world_of("didomi")
    world.apply(f"{LAKE}---\n{SEA}")
    world.write(LAKE)
    before = world.stored

    assert addresses(world.folder, None) == ("didomi/Destination/lake", "didomi/Destination/sea")
    assert addresses(world.folder, "elsewhere") == ("didomi/Destination/lake",)
    assert world.stored == before


@pytest.mark.parametrize(
    "text",
    [
        "project: shop\nstate: s3://example/state\n",
        "project: shop\nstate: {url: 'file://${FOLDER}'}\n",
        "project: [\n",
        "project: 7\nenvironments: [prod]\n",
        "- shop\n",
        "",
    ],
)
def test_a_project_that_cannot_be_read_offers_what_there_is(text: str, tmp_path: Path) -> None:
    (tmp_path / "reconciler.yaml").write_text(text, encoding="utf-8")

    assert addresses(tmp_path, None) == ()
    assert environment_names(tmp_path) == ()
    assert [each.name for each in tmp_path.iterdir()] == ["reconciler.yaml"]


def test_offering_reads_nothing_but_files(project: Path) -> None:
    script = (
        "import sys, pathlib\nfrom reconciler.operations.completing import addresses\n"
        f"print(len(addresses(pathlib.Path({str(project)!r}), 'prod')))\n"
        "print(sorted({'boto3', 'google', 'urllib3', 'networkx', 'deepdiff', 'rich'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], env=environ(), capture_output=True, text=True, check=True)

    assert ended.stdout.splitlines() == ["4", "[]"]
