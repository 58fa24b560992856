"""`-C` names a folder that is there: a misspelt one must not mean the project above it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.main import run


@pytest.mark.parametrize("name", ["nowhere", "reconciler.yaml"])
def test_a_folder_that_is_none_is_refused_and_no_project_above_it_is_used(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reconciler.yaml").write_text("project: above\n", encoding="utf-8")
    code = run(["-C", str(tmp_path / name), "state", "list"])

    assert code == 64
    assert name in capsys.readouterr().err


def test_a_folder_within_a_project_means_that_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reconciler.yaml").write_text("project: above\n", encoding="utf-8")
    (tmp_path / "specs").mkdir()
    code = run(["-C", str(tmp_path / "specs"), "state", "list"])

    assert code == 0
    assert "The state has no records." in capsys.readouterr().err
