"""Everything that a server may do wrong, on purpose or not, one function each."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hostile_server import Act, Turn

ELSEWHERE = "https://elsewhere.example/collect"
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class Trick:
    """
    One of them.

    `believable` says that the answer holds what the vendor said, only wrapped strangely: it may be taken for what it
    is. `slow` tricks cost a timeout, `heavy` ones memory or processor time, `written` ones matter to writes too.
    """

    name: str
    act: Act = field(repr=False)
    believable: bool = False
    slow: bool = False
    heavy: bool = False
    written: bool = False

    def __str__(self) -> str:
        return self.name


TRICKS: list[Trick] = []


def trick(**words: bool) -> Callable[[Act], Act]:
    """Register the function under its own name."""

    def register(act: Act) -> Act:
        TRICKS.append(Trick(getattr(act, "__name__", "").replace("_", " "), act, **words))
        return act

    return register


def _fixed(
    name: str,
    body: bytes | object,
    *,
    written: bool = False,
    heavy: bool = False,
    **words: Any,  # noqa: ANN401 - as of `answer`
) -> None:
    """A trick that always answers the same."""
    TRICKS.append(Trick(name, lambda turn: turn.answer(body, **words), written=written, heavy=heavy))


# --- what is no JSON ---

_PAGE = b"<!doctype html><title>Sign in</title><h1>Please sign in</h1>"
_fixed("a web page", _PAGE, headers=[("Content-Type", "text/html")], written=True)
_fixed("a web page that says it is JSON", _PAGE)
_fixed("nothing at all", b"", written=True)
_fixed("only spaces", b" \r\n\t ")
_fixed("a lone brace", b"{", written=True)
_fixed("bytes that are no text", b'{"items": ["\xff\xfe\xc3"], "data": [], "access_token": "\x80"}')
_fixed("UTF-16", '{"items": [], "data": [], "total": 0}'.encode("utf-16"))
_fixed("not a number", b'{"items": [], "data": [], "total": NaN}')
_fixed("infinity", b'{"items": [], "data": [], "total": 0, "x": -Infinity}')
_fixed("a number beyond numbers", b'{"items": [], "data": [], "total": 0, "x": 1e999}')
_fixed("a number of 5,000 digits", b'{"items": [], "data": [], "total": 0, "x": ' + b"9" * 5000 + b"}")
_fixed("a number of 300 digits", b'{"items": [], "data": [], "total": 0, "x": ' + b"9" * 300 + b"}")
_fixed("lists in lists in lists", b"[" * 100_000 + b"]" * 100_000)
_fixed("900 lists in lists", b'{"items": [], "data": [], "total": 0, "x": ' + b"[" * 900 + b"]" * 900 + b"}")
_fixed("a list that never closes", b"[" * 1_000_000)
_fixed("a key that comes twice", b'{"items": [], "items": [], "data": [], "data": [], "total": 0, "total": 0}')
_fixed("comments", b'{"items": [], "data": [], "total": 0 /* all of them */}')
_fixed("a web page and status 500", _PAGE, status=500, written=True)


@trick(written=True)
def half_a_document(turn: Turn) -> bool:
    body = turn.honest().body
    return turn.pass_on(body=body[: len(body) // 2])


@trick(written=True)
def garbage_behind_the_document(turn: Turn) -> bool:
    return turn.pass_on(body=turn.honest().body + b"}]garbage")


@trick()
def two_documents(turn: Turn) -> bool:
    return turn.pass_on(body=turn.honest().body * 2)


@trick()
def empty_lists_written_before_the_true_ones(turn: Turn) -> bool:
    body = turn.honest().body
    return turn.pass_on(body=b'{"items": [], "data": [],' + body.lstrip()[1:])


# --- JSON of another shape ---

_SHAPES: Mapping[str, object] = {
    "null": None,
    "true": True,
    "a number": 7,
    "a text": "no",
    "an empty list": [],
    "an empty object": {},
    "a list of nulls": [None],
    "a list of lists": [[]],
    "a list of texts": ["a", "b"],
    "items null": {"items": None, "data": None},
    "items an object": {"items": {}, "data": {}},
    "items a text": {"items": "none", "data": "none", "total": "0"},
    "a total that is a text": {"items": ["x"], "data": [], "total": "0"},
    "a total below zero": {"items": [7], "data": [], "total": -1},
    "an error and status 200": {"error": "forbidden", "message": "no", "code": 403},
}
for _name, _document in _SHAPES.items():
    _fixed(_name, _document, written=_name in ("null", "a list of nulls", "an empty object", "a text"))


def _changed(turn: Turn, change: Callable[[Any], Any]) -> bool:
    """The honest answer, changed."""
    return turn.pass_on(body=json.dumps(change(turn.honest().document)).encode())


def _each_row(document: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - JSON
    """The document with each of its objects changed: those of a list, or the one that it is."""
    if isinstance(document, list):
        return [change(each) for each in document]
    for key in ("items", "data"):
        if isinstance(document, dict) and isinstance(document.get(key), list):
            return {**document, key: [change(each) for each in document[key]]}
    return change(document)


@trick(written=True)
def an_object_in_a_list(turn: Turn) -> bool:
    return _changed(turn, lambda document: [document])


@trick()
def a_list_in_an_object(turn: Turn) -> bool:
    return _changed(turn, lambda document: {"result": document})


@trick()
def numbers_as_texts(turn: Turn) -> bool:
    def texts(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {key: texts(each) for key, each in value.items()}
        if isinstance(value, list):
            return [texts(each) for each in value]
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    return _changed(turn, texts)


def _of_id(id: object) -> Act:
    def act(turn: Turn) -> bool:
        def change(row: Any) -> Any:  # noqa: ANN401 - JSON
            if not isinstance(row, dict):
                return row
            return {**row, **{key: id for key in ("id", "exportId") if key in row}}

        return _changed(turn, lambda document: _each_row(document, change))

    return act


for _name, _id in {
    "ids that are empty": "",
    "ids that climb": "../../../sessions",
    "ids with two dots": "..",
    "ids with slashes": "a/b",
    "ids with escaped slashes": "..%2f..%2fsessions",
    "ids with line breaks": "a\r\nX-Evil: 1",
    "ids of another query": "a?b=c#d",
    "ids of 100,000 letters": "a" * 100_000,
    "ids that are numbers": 7,
    "ids that are null": None,
    "ids that are lists": ["a"],
    "ids with a zero byte": "a\0b",
}.items():
    TRICKS.append(Trick(_name, _of_id(_id), written=_name in ("ids that climb", "ids with line breaks")))


@trick()
def every_object_twice(turn: Turn) -> bool:
    def twice(document: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(document, list):
            return document * 2
        for key in ("items", "data"):
            if isinstance(document.get(key), list):
                return {**document, key: document[key] * 2}
        return document

    return _changed(turn, twice)


@trick()
def every_object_once_more_and_different(turn: Turn) -> bool:
    def twice(document: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(document, list):
            return [*document, *({**each, "name": "other", "bucket": "other"} for each in document)]
        for key in ("items", "data"):
            if isinstance(document.get(key), list):
                return {**document, key: [*document[key], *({**each, "name": "other"} for each in document[key])]}
        return document

    return _changed(turn, twice)


@trick()
def a_page_shorter_than_its_total(turn: Turn) -> bool:
    def short(document: Any) -> Any:  # noqa: ANN401 - JSON
        for key in ("items", "data"):
            if isinstance(document, dict) and isinstance(document.get(key), list) and document[key]:
                total = len(document[key])
                info = {"pageInfo": {**document["pageInfo"], "total": total}} if "pageInfo" in document else {}
                return {**document, "total": total, **info, key: document[key][:-1]}
        return document[:-1] if isinstance(document, list) else document

    return _changed(turn, short)


@trick()
def the_same_page_again_and_again(turn: Turn) -> bool:
    def again(document: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(document, dict):
            return document
        links = {"next": {"href": "/x?continuationToken=again"}}
        info = {"pageInfo": {"hasNext": True}} if "pageInfo" in document else {}
        return {**document, "_links": links, "total": 1000, **info}

    return _changed(turn, again)


@trick()
def empty_pages_for_ever(turn: Turn) -> bool:
    links = {"next": {"href": f"/x?continuationToken=t{turn.nth}"}}
    return turn.answer({"items": [], "data": [], "total": 1000, "_links": links, "pageInfo": {"hasNext": True}})


@trick()
def a_next_page_elsewhere(turn: Turn) -> bool:
    return _changed(
        turn,
        lambda document: (
            {**document, "_links": {"next": {"href": ELSEWHERE}}, "total": 1000}
            if isinstance(document, dict)
            else [*document, {"next": ELSEWHERE}]
        ),
    )


# --- status and headers ---

for _status in (301, 302, 303, 307, 308):
    _fixed(f"a redirect {_status}", b"", status=_status, headers=[("Location", ELSEWHERE)], written=True)
for _status in (201, 202, 204, 206, 300, 304, 400, 404, 405, 409, 410, 418, 451, 500, 502, 503, 599, 999):
    _fixed(f"status {_status} and nothing else", b"", status=_status, written=_status in (202, 204, 206, 304, 502, 999))


@trick(written=True)
def a_redirect_to_itself(turn: Turn) -> bool:
    return turn.answer(b"", status=307, headers=[("Location", turn.asked.target)])


@trick(written=True)
def early_hints_and_nothing_more(turn: Turn) -> bool:
    turn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    return False


@trick(written=True)
def a_switch_of_protocols(turn: Turn) -> bool:
    turn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")
    return False


@trick(believable=True)
def a_thousand_times_continue(turn: Turn) -> bool:
    turn.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
    return turn.pass_on()


def _at_once(status: int, *headers: tuple[str, str]) -> Act:
    return lambda turn: turn.answer({"message": "later"}, status=status, headers=[_JSON, *headers])


for _after in (
    "-5",
    "315360000",
    "9" * 400,
    "1e9",
    "soon",
    "Mon, 01 Jan 1990 00:00:00 GMT",
    "Mon, 01 Jan 99999999999999 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 2020 00:00:00 +9999999999",
):
    _label = _after if len(_after) < 50 else "of 400 digits"
    TRICKS.extend(
        Trick(f"{each}, Retry-After {_label}", _at_once(each, ("Retry-After", _after))) for each in (429, 503)
    )


@trick(believable=True)
def a_rate_limit_of_5_000_digits(turn: Turn) -> bool:
    return turn.pass_on(("RateLimit", f"limit=1, remaining={'9' * 5000}, reset={'9' * 5000}"))


@trick(believable=True)
def cookies(turn: Turn) -> bool:
    return turn.pass_on(("Set-Cookie", "session=evil; Path=/"), ("Set-Cookie", "track=me; Domain=example"))


@trick(believable=True)
def a_date_beyond_time(turn: Turn) -> bool:
    return turn.pass_on(("Date", "Mon, 01 Jan 99999999999999 00:00:00 GMT"), ("Age", "-1"))


@trick(believable=True)
def etags_of_nonsense(turn: Turn) -> bool:
    return turn.pass_on(("ETag", 'W/"\\"\'; DROP'), ("ETag", ""), ("Last-Modified", "never"))


@trick(believable=True)
def the_wrong_content_type(turn: Turn) -> bool:
    honest = turn.honest()
    return turn.answer(honest.body, status=honest.status, headers=[("Content-Type", "text/html; charset=ebcdic")])


@trick(believable=True)
def a_byte_order_mark(turn: Turn) -> bool:
    return turn.pass_on(body=b"\xef\xbb\xbf" + turn.honest().body) if turn.honest().body else turn.pass_on()


@trick()
def a_header_of_100_000_letters(turn: Turn) -> bool:
    return turn.pass_on(("X-Long", "x" * 100_000))


@trick()
def a_thousand_headers(turn: Turn) -> bool:
    return turn.pass_on(*(("X-Many", str(number)) for number in range(1000)))


@trick(written=True)
def no_http_at_all(turn: Turn) -> bool:
    turn.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    return False


@trick()
def an_empty_status_line(turn: Turn) -> bool:
    turn.send(b"\r\n\r\n")
    return False


# --- framing and encoding ---


def _framed(head: str, body: Callable[[bytes], bytes] = lambda body: body) -> Act:
    def act(turn: Turn) -> bool:
        content = turn.honest().body
        turn.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".format(length=len(content)).encode() + body(content))
        return False

    return act


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


for _name, _act in {
    "a length below zero": _framed("Content-Length: -1", lambda body: b""),
    "two lengths": _framed("Content-Length: {length}\r\nContent-Length: 5"),
    "a length too long": _framed("Content-Length: 99999"),
    "a length too short": _framed("Content-Length: 9"),
    "a piece that is too long": _framed("Transfer-Encoding: chunked", lambda body: b"fffff\r\n" + body + b"\r\n"),
    "a piece whose size is no number": _framed("Transfer-Encoding: chunked", lambda body: b"xyz\r\n" + body),
    "a piece of a size below zero": _framed("Transfer-Encoding: chunked", lambda body: b"-5\r\n" + body),
    "pieces without an end": _framed("Transfer-Encoding: chunked", _chunk),
    "gzip that is none": _framed("Content-Length: {length}\r\nContent-Encoding: gzip"),
    "brotli that is none": _framed("Content-Length: {length}\r\nContent-Encoding: br", lambda body: b"\x0b\x02\x80"),
    "half of a gzip": _framed("Content-Encoding: gzip", lambda body: gzip.compress(body)[:-9]),
}.items():
    TRICKS.append(Trick(_name, _act, written=_name in ("a length too long", "pieces without an end", "half of a gzip")))

for _name, _act in {
    "no length": _framed("Connection: close"),
    "pieces": _framed("Transfer-Encoding: chunked", lambda body: _chunk(body) + b"0\r\n\r\n"),
    "gzip": _framed("Content-Encoding: gzip", gzip.compress),
    "gzip of gzip": _framed("Content-Encoding: gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
}.items():
    TRICKS.append(Trick(f"{_name}, honestly", _act, believable=True))


@trick(written=True)
def another_answer_behind_the_first(turn: Turn) -> bool:
    evil = b'HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n{"items": [], "data": [], "total": 0}'
    honest = turn.honest()
    turn.send(
        f"HTTP/1.1 {honest.status} OK\r\nContent-Length: {len(honest.body)}\r\n\r\n".encode() + honest.body + evil
    )
    return True


# --- time ---


@trick(written=True)
def a_reset_before_the_answer(turn: Turn) -> bool:
    return turn.reset()


@trick(written=True)
def a_reset_in_the_answer(turn: Turn) -> bool:
    turn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"items": [')
    return turn.reset()


@trick(believable=True)
def a_reset_after_the_answer(turn: Turn) -> bool:
    turn.pass_on()
    time.sleep(0.02)
    return turn.reset()


@trick(slow=True, written=True)
def silence(turn: Turn) -> bool:
    time.sleep(0.6)
    return False


@trick(slow=True)
def silence_in_the_answer(turn: Turn) -> bool:
    turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    time.sleep(0.6)
    return False


def _dripping(turn: Turn, content: bytes) -> bool:
    with contextlib.suppress(OSError):
        for each in content:
            turn.send(bytes([each]))
            time.sleep(0.05)
    return False


@trick(slow=True, written=True)
def headers_byte_by_byte(turn: Turn) -> bool:
    return _dripping(turn, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000)


@trick(slow=True)
def a_body_byte_by_byte(turn: Turn) -> bool:
    turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    return _dripping(turn, b" " * 1000)


@trick(slow=True)
def continue_for_ever(turn: Turn) -> bool:
    with contextlib.suppress(OSError):
        while True:
            turn.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
            time.sleep(0.01)
    return False


# --- size ---


def _endless(turn: Turn, head: str, piece: bytes, *, most: int = 20_000) -> bool:
    """More than anybody could want; ends when the other side has gone."""
    with contextlib.suppress(OSError):
        turn.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        for _ in range(most):
            turn.send(piece)
    return False


_MEGABYTE = b'"' + b"x" * (2**20 - 2) + b'"'


@trick(heavy=True)
def a_body_without_end(turn: Turn) -> bool:
    return _endless(turn, "Connection: close", _MEGABYTE)


@trick(heavy=True)
def a_body_of_ten_gigabytes(turn: Turn) -> bool:
    return _endless(turn, "Content-Length: 10000000000", _MEGABYTE)


@trick(heavy=True)
def pieces_for_ever(turn: Turn) -> bool:
    return _endless(turn, "Transfer-Encoding: chunked", _chunk(_MEGABYTE))


@trick(heavy=True)
def a_piece_whose_size_never_ends(turn: Turn) -> bool:
    return _endless(turn, "Transfer-Encoding: chunked", b"0" * 2**20)


@trick(heavy=True)
def a_header_that_never_ends(turn: Turn) -> bool:
    return _endless(turn, "X-Long: x", b"x" * 2**20)


def _bomb(levels: int) -> bytes:
    """Four gigabytes of spaces, packed so many times; a gzip may consist of several, one behind the other."""
    packed = gzip.compress(b" " * 2**26) * 64
    for _ in range(levels - 1):
        packed = gzip.compress(packed)
    return packed


_BOMBS: dict[int, bytes] = {}


def _bombing(levels: int) -> Act:
    def act(turn: Turn) -> bool:
        if levels not in _BOMBS:
            _BOMBS[levels] = _bomb(levels)
        return turn.answer(_BOMBS[levels], headers=[_JSON, ("Content-Encoding", ", ".join(["gzip"] * levels))])

    return act


TRICKS.append(Trick("a gzip bomb of four gigabytes", _bombing(1), heavy=True))
TRICKS.append(Trick("a gzip bomb in a gzip", _bombing(2), heavy=True))
_fixed("ten million empty lists", b"[" + b"[]," * 9_999_999 + b"[]]", heavy=True)
_fixed("three million empty objects", b'{"items": [' + b"{}," * 2_999_999 + b"{}]}", heavy=True)
_fixed("a text of 30 megabytes", b'{"items": "' + b"x" * 30_000_000 + "🚀".encode() + b'"}', heavy=True)


BY_NAME: Mapping[str, Trick] = {each.name: each for each in TRICKS}
