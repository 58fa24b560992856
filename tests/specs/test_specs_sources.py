"""Source lines, with what must not be shown masked."""

from __future__ import annotations

import pytest
from specs_stage import Stage, manifest

from reconciler.specs import Sources, excerpt
from reconciler.values import Mark, Problem


def shown(code: str, line: str, column: int) -> str | None:
    return excerpt(Problem(code=code, message="", mark=Mark("f.yaml", 1, column)), line, {"sesame"})


@pytest.mark.parametrize(
    ("code", "line", "column", "expected"),
    [
        ("inline-secret", "  word: hunter2", 9, "  word: …"),
        ("inline-secret", "  a: {word: hunter2, x: y}", 13, "  a: {word: …"),
        ("secret-reference", "  word: {env: A, value: hunter2}", 9, "  word: …"),
        ("unknown-key", "  wrod: hunter2", 3, "  wrod: …"),
        ("unknown-key", "  a: {wrod: hunter2}", 7, "  a: {wrod: …"),
        ("duplicate-key", "  word: hunter2", 3, "  word: …"),
        ("wrong-type", "  retries: 3", 12, "  retries: 3"),
        ("wrong-type", "  x: {secretKye: hunter2, retries: 3}", 36, "  x: {secretKye: …"),
        ("wrong-type", "  sesame: hunter2", 11, "  sesame: …"),
        ("wrong-type", "  'db-password' : hunter2", 3, "  'db-password' : …"),
        ("secret-not-allowed", "  password: {env: HOME}", 19, "  password: {env: HOME}"),
        ("secret-not-allowed", "  l: {password: {file: /etc/x, version: '1'}}", 24, "  l: {password: …"),
        ("secret-not-allowed", "  l: {password: {file: /etc/x}}", 24, "  l: {password: {file: /etc/x}}"),
        ("syntax", "  MIIEpAIBAAKCAQEA7bq3 x", 3, "  … x"),
        ("syntax", '  password: "hunter2', 13, "  password: …"),
        ("hidden-character", "ab\u202ecd", 3, "ab\\u202ecd"),
        ("hidden-character", "a\x1bb\u202ecd", 4, "a\ufffdb\\u202ecd"),
    ],
)
def test_what_a_line_shows(code: str, line: str, column: int, expected: str) -> None:
    assert shown(code, line, column) == expected


def test_a_problem_without_a_line_shows_none() -> None:
    assert shown("x", "one line", 1) == "one line"
    assert excerpt(Problem(code="x", message=""), "text") is None
    assert excerpt(Problem(code="x", message="", mark=Mark("f", 3, 1)), "text") is None


def test_lines_are_counted_as_the_reader_counts(stage: Stage) -> None:
    stage.write("specs/a.yaml", "a\r\nb\rc\nd")
    sources = Sources(stage.root)

    assert [sources.line(Mark("specs/a.yaml", line, 1)) for line in range(6)] == [None, "a", "b", "c", "d", None]
    assert sources.line(Mark("specs/none.yaml", 1, 1)) is None


def test_another_problem_of_the_line_does_not_show_the_secret(stage: Stage) -> None:
    text = manifest("Lake", "lake", "login: {type: bucket, secretKey: hunter2, buket: b}")
    loaded = stage.load(text)

    assert sorted(each.code for each in loaded.problems) == ["inline-secret", "unknown-key"]
    for each in loaded.problems:
        assert each.mark is not None
        assert "hunter2" not in str(loaded.sources.line(each.mark))


@pytest.mark.parametrize(
    "spec",
    [
        "login: {type: bucket, bucket: b, secretKey: hunter2}",
        "login: {type: bukket, bucket: b, secretKey: hunter2}",
        "login: {type: bucket, bucket: b, secretKye: hunter2}",
        "login: {type: bucket, bucket: b, secretKey: [hunter2]}",
        "login: {type: bucket, bucket: b, secretKey: {env: A, value: hunter2}}",
        "login: {type: bucket, bucket: b, secretKey: {hunter2: x}}",
        "login: {type: bucket, bucket: b, secretKey: hunter2, secretKey: hunter2}",
        "login: {type: bucket, bucket: b}\nsecretKey: hunter2",
        "login:\n  type: bucket\n  secretKey: 'hunter2",
        "login:\n  type: bucket\n  secretKey: |\n    hunter2",
        "login: {type: bucket, bucket: b, secretKey: !x hunter2}",
    ],
)
def test_wherever_a_secret_is_written_nothing_repeats_it(stage: Stage, spec: str) -> None:
    loaded = stage.load(manifest("Lake", "lake", spec))
    lines = [loaded.sources.line(each.mark) for each in loaded.problems if each.mark]

    assert loaded.problems
    assert "hunter2" not in repr((loaded.desired, loaded.problems, lines))
