"""What `verify` prints on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from reconciler.engine.delivery import size
from reconciler.reports.escape import clip, columns, pad, plain, plural, wrap
from reconciler.reports.paint import Style, paint
from reconciler.reports.verify_words import by_address, checked, span, summary
from reconciler.values import Content, Finding, Verdict, Verification

_STYLES = {
    Verdict.DELIVERED: Style.GOOD,
    Verdict.AWAITED: Style.FAINT,
    Verdict.IN_PROGRESS: Style.ACTIVE,
    Verdict.EXPIRED: Style.FAINT,
    Verdict.UNKNOWN: Style.CHANGED,
    Verdict.LATE: Style.CHANGED,
}
_WORD = max(len(each.value) for each in Verdict)
_NAME = 37
"""Columns for names: two moments of a range, and ids of runs."""
_FOLDED = frozenset({Verdict.DELIVERED, Verdict.EXPIRED})


def render_verification(
    verification: Verification, *, colour: bool = False, width: int = 80, every: bool = False
) -> str:
    """
    Each object with its deliveries, and a last line that counts them.

    Deliveries in a row that need nobody are one line, unless `every`.
    """
    lines = [f"Deliveries from {span(verification)}", ""]
    for address, findings in by_address(verification.findings):
        lines.append(paint(plain(str(address)), Style.STRONG, colour=colour))
        for place, at_place in groupby(sorted(findings, key=_place), key=_place):
            if place:
                lines.append(f"  at {plain(place)}")
            lines += _deliveries(list(at_place), colour=colour, width=width, every=every)
        lines += _unknown(findings, width)
        lines.append("")
    for address in verification.silent:
        lines += wrap(plain(f"{address}: nothing is expected in this time"), width, rest="  ")
    if verification.silent:
        lines.append("")
    lines.append(paint(summary(verification), Style.STRONG, colour=colour))
    return "\n".join(lines)


def _place(finding: Finding) -> str:
    return finding.expectation.place or ""


def _deliveries(findings: Sequence[Finding], *, colour: bool, width: int, every: bool) -> Iterator[str]:
    yield from _exposed(findings, colour=colour, width=width)
    groups = [[each] for each in findings] if every else _folded(findings)
    names = max(columns(_name(each)) for each in groups)
    for group in groups:
        verdict = group[0].verdict
        first = f"  {pad(_name(group), names)}  "
        word = paint(pad(verdict.value, _WORD), _STYLES.get(verdict, Style.BAD), colour=colour)
        rest = " " * (len(first) + _WORD + 2)
        sentences = [_sum(group)] if len(group) > 1 else _sentences(group[0])
        lines = [line for each in sentences for line in wrap(plain(each), width, first=rest, rest=rest)]
        yield f"{first}{word}  {lines[0].strip() if lines else ''}".rstrip()
        yield from lines[1:]
        lying = group[0].lying
        if len(group) == 1 and lying is not None and lying.content is not None:
            yield from _content(lying.content, rest, width)


def _exposed(findings: Sequence[Finding], *, colour: bool, width: int) -> Iterator[str]:
    """Who else may read a place is said once, and not of each delivery there."""
    said = dict.fromkeys(
        (each.text, each.help) for finding in findings for each in finding.remarks if each.verdict is Verdict.EXPOSED
    )
    for text, help in said:
        for line in wrap(plain(text), width, first="  ! ", rest="    "):
            yield paint(line, Style.BAD, colour=colour)
        if help is not None:
            yield from wrap(plain(f"help: {help}"), width, first="    ", rest="    ")


def _folded(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Deliveries in a row of which there is nothing to say but that they are there, or no longer."""
    groups: list[list[Finding]] = []
    for each in findings:
        last = groups[-1][0] if groups else None
        if (
            last is not None
            and _alone(each) in _FOLDED
            and _alone(each) is _alone(last)
            and each.verdict is last.verdict
        ):
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _alone(finding: Finding) -> Verdict | None:
    """The one thing to say of a delivery, apart from its place; `None` when there is more."""
    lying = finding.lying
    content = lying.content if lying is not None else None
    verdicts = [each.verdict for each in finding.remarks if each.verdict is not Verdict.EXPOSED]
    return verdicts[0] if len(verdicts) == 1 and (content is None or not content.broken) else None


def _name(group: Sequence[Finding]) -> str:
    first, last = plain(group[0].expectation.name), plain(group[-1].expectation.name)
    return clip(first if len(group) == 1 else f"{first} … {last}", _NAME)


def _sum(group: Sequence[Finding]) -> str:
    text = plural(len(group), "delivery", "deliveries")
    stocks = [each.lying for each in group if each.lying is not None]
    if _alone(group[0]) is Verdict.DELIVERED:
        text += (
            f", {plural(sum(len(each.files) for each in stocks), 'file')}, {size(sum(each.size for each in stocks))}"
        )
        contents = [each.content for each in stocks if each.content is not None]
        if contents:
            text += f", {plural(sum(each.records for each in contents), 'record')} read"
    return text


def _sentences(finding: Finding) -> list[str]:
    lines = []
    for remark in finding.remarks:
        if remark.verdict is not Verdict.EXPOSED:
            begins = f"{remark.verdict.value}: " if remark.verdict not in (finding.verdict, _alone(finding)) else ""
            lines.append(f"{begins}{remark.text}")
            if remark.help is not None:
                lines.append(f"help: {remark.help}")
    return lines


def _content(content: Content, margin: str, width: int) -> Iterator[str]:
    yield from wrap(plain(checked(content)), width, first=margin, rest=margin)
    for broken in content.broken:
        level = "" if broken.level == "error" else f" ({broken.level})"
        line = plain(f"{broken.rule}: {plural(broken.total, 'time')}{level}")
        yield from wrap(line, width, first=margin, rest=margin + "  ")
        for example in content.examples:
            if example.rule != broken.rule:
                continue
            file = example.object.rpartition("/")[2]
            place = f"{file}:{example.line}" if example.line is not None else file
            parts = [place, example.path, example.message, f"({example.value})" if example.value else ""]
            text = plain(" ".join(each for each in parts if each))
            yield from wrap(text, width, first=margin + "  ", rest=margin + "    ")


def _unknown(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """What nobody can say, each once and for how many deliveries."""
    said: dict[str, int] = {}
    for each in findings:
        for text in each.unknown:
            said[text] = said.get(text, 0) + 1
    for text, count in said.items():
        of = f" ({count} of {plural(len(findings), 'delivery', 'deliveries')})" if count < len(findings) else ""
        yield from wrap(plain(f"not known: {text}{of}"), width, first="  ", rest="    ")
