"""Files that mean harm are answered within a second and without filling the memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from specs_stage import LAKE, Stage, said

_DRIVER = """
import json, resource, sys, time
from reconciler.specs.reader import read
content = eval(sys.argv[1])
size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.process_time()
reading = read(content, "f.yaml")
print(json.dumps({
    "seconds": time.process_time() - begun,
    "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size) / 1024,
    "codes": sorted({each.code for each in reading.problems}),
}))
"""
_LAUGHS = (
    'b"a: &a [x,x,x,x,x,x,x,x,x]\\n" + b"".join(b"%c: &%c [%s]\\n" % (98 + i, 98 + i, '
    'b",".join([b"*%c" % (97 + i)] * 9)) for i in range(20))'
)
_STAIRS = 'b"x0: &x0 [1]\\n" + b"".join(b"x%d: &x%d [*x%d]\\n" % (i, i, i - 1) for i in range(1, 5000))'


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        pytest.param(_LAUGHS, ["too-many-values"], id="alias bomb"),
        pytest.param(_STAIRS, ["too-deep"], id="aliases that nest"),
        pytest.param('b"[" * 100_000', ["too-deep"], id="flow lists"),
        pytest.param('b"{a: " * 100_000', ["too-deep"], id="flow mappings"),
        pytest.param('b"- " * 100_000', ["too-deep"], id="block lists"),
        pytest.param('b"? " * 100_000', ["invalid-key", "too-deep"], id="block keys"),
        pytest.param('b"".join(b" " * i + b"a:\\n" for i in range(4000))', ["too-deep"], id="indentation"),
        pytest.param('b"a: " + b"x" * 9_999_997', [], id="plain scalar of 10 MB"),
        pytest.param('b"a: \\"" + b"x" * 9_999_900', ["syntax"], id="open quote of 10 MB"),
        pytest.param('b"a: |\\n" + b" x\\n" * 3_000_000', [], id="block scalar of 9 MB"),
        pytest.param('b"a: " + b"9" * 9_000_000', ["ambiguous-value"], id="number of 9 MB"),
        pytest.param('b"x" * 10_000_001', ["file-too-large"], id="too large"),
        pytest.param('b"- a\\n" * 2_000_000', ["too-many-values"], id="long list"),
        pytest.param('b"---\\n" * 2_400_000', ["too-many-values"], id="many documents"),
        pytest.param('b"- ~\\n" * 2_000_000', ["null-value", "too-many-problems"], id="many problems"),
        pytest.param('b"a: " + b"\\xff" * 9_000_000', ["encoding"], id="bad UTF-8"),
        pytest.param('b"\\0" * 9_000_000', ["hidden-character"], id="NULs"),
        pytest.param('"a: 1".encode("utf-16")', ["encoding"], id="UTF-16"),
        pytest.param('b"&a " * 100_000', ["syntax"], id="anchors"),
        pytest.param('b"!" * 1_000_000', ["tag"], id="tags"),
    ],
)
def test_a_hostile_file_is_answered_quickly_and_cheaply(content: str, codes: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", _DRIVER, content], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)

    assert answer["codes"] == codes
    assert answer["seconds"] < 1
    assert answer["megabytes"] < 100


def test_a_file_full_of_mistakes_is_answered_in_time(stage: Stage) -> None:
    wrong = ", ".join(f"k{i}: 1" for i in range(20_000))
    loaded = stage.load(f"""\
apiVersion: example.reconciler/v1
kind: Export
metadata: {{name: orders}}
spec: {{target: {{id: x}}, datasets: [a], columns: {{{wrong}}}}}
""")

    assert 100 <= len(loaded.problems) <= 20_001


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "outside-project", id="a device"),
        pytest.param(lambda path: path.symlink_to("/etc/passwd"), "outside-project", id="a file elsewhere"),
        pytest.param(lambda path: path.symlink_to(path.name), "outside-project", id="a link to itself"),
    ],
)
def test_what_is_no_file_of_the_project_is_told_and_never_opened(
    stage: Stage, make: Callable[[Path], object], told: str
) -> None:
    stage.write("specs/good.yaml", LAKE)
    make(stage.root / "specs" / "strange.yaml")
    loaded = stage.load()

    assert [(each.code, each.mark and each.mark.file) for each in loaded.problems] == [(told, "specs/strange.yaml")]
    assert len(loaded.desired.resources) == 1


def test_links_in_circles_are_passed_over(stage: Stage) -> None:
    stage.write("specs/good.yaml", LAKE)
    (stage.root / "specs" / "circle").symlink_to("circle")
    (stage.root / "specs" / "again").symlink_to(".")
    loaded = stage.load()

    assert said(loaded.problems) == []
    assert len(loaded.desired.resources) == 1


def test_a_file_whose_name_holds_a_line_break_is_read_and_named_in_one_line(stage: Stage) -> None:
    stage.write("specs/a\nb.yaml", "a: 1\n")

    assert [str(each.mark) for each in stage.load().problems] != []


@pytest.mark.parametrize(
    "line",
    [
        "  login: !!python/object:os.system {}",
        "  login: !!python/object/apply:os.system [id]",
        "  <<: {login: {}}",
        "  __proto__: {polluted: true}",
        "  __class__: {a: b}",
        "  login: {type: bucket, type: bucket}",
        "  login: 1e999",
        "  login: {type: bucket, bucket: example, secretKey: hunter2-inline}",
        "  l\u043egin: {type: bucket}",
    ],
)
def test_a_strange_word_is_refused_at_its_line(stage: Stage, line: str) -> None:
    head = "apiVersion: example.reconciler/v1\nkind: Lake\nmetadata: {name: lake}\nspec:\n"
    stage.write("specs/a.yaml", head + line + "\n")
    problems = stage.load().problems

    assert problems != ()
    assert {each.mark.file for each in problems if each.mark} == {"specs/a.yaml"}
    assert "hunter2" not in " ".join(said(problems))


def test_line_ends_of_windows_change_nothing(stage: Stage) -> None:
    stage.write("specs/a.yaml", LAKE.replace("\n", "\r\n"))
    loaded = stage.load()

    assert said(loaded.problems) == []
    assert len(loaded.desired.resources) == 1
