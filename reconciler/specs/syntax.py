"""What the YAML parser complains about, in words for people."""

from __future__ import annotations

import yaml

_PLAIN: tuple[tuple[str, str, str | None], ...] = (
    # what the parser says; what is wrong; what to do
    (
        "mapping values are not allowed",
        "a `:` makes a key where none can stand",
        "check the indentation, or quote the text when the `:` belongs to it",
    ),
    (
        "found character that cannot start any token",
        "no value begins with this character",
        "indent with spaces, never tabs, and quote text that begins with `@`, `` ` `` or `%`",
    ),
    ("found a tab character", "a tab stands where spaces are needed", "indent with spaces"),
    (
        "found unknown escape character",
        "YAML knows no such escape",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    ("did not find expected hexdecimal number", "hexadecimal digits are missing in this escape", None),
    ("found invalid Unicode character escape code", "no character has this code", None),
    ("could not find expected ':'", "a `:` is missing behind the key", None),
    ("did not find expected ',' or ']'", "a `,` or the closing `]` is missing", None),
    ("did not find expected ',' or '}'", "a `,` or the closing `}` is missing", None),
    (
        "did not find expected key",
        "this line does not fit the mapping above it",
        "check the indentation and the quotes",
    ),
    ("did not find expected '-' indicator", "this line does not fit the list above it", "check the indentation"),
    ("block sequence entries are not allowed", "a list cannot begin here", "put the `-` on a line of its own"),
    ("block mapping entries are not allowed", "a mapping cannot begin here", None),
    ("did not find expected node content", "a value is missing here", None),
    ("did not find expected <document start>", "a document ends here and another begins without `---`", None),
    ("found undefined tag handle", "the tag's prefix is not declared", "leave the tag out"),
    ("found unexpected document indicator", "the document ends within a quoted text", "close the quote"),
    ("found incompatible YAML document", "this version of YAML is not known", "leave the `%YAML` line out"),
    ("while scanning a simple key", "a `:` is missing behind the key", None),
)


def plain_sentence(error: yaml.MarkedYAMLError) -> tuple[str, str | None, int, int]:
    """What is wrong, what to do about it, and line and column from 0."""
    complaint = str(error.problem or error.context or "")
    where = error.problem_mark or error.context_mark
    if "unexpected end of stream" in complaint and error.context_mark is not None:
        where = error.context_mark
        return "a quote is opened here and never closed", "close the quote", where.line, where.column
    line, column = (where.line, where.column) if where is not None else (0, 0)
    for known, sentence, help in _PLAIN:
        if known in complaint:
            return sentence, help, line, column
    return "this is not YAML", None, line, column
