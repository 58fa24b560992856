"""The result of `verify` as Markdown, for a comment or a page of CI."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.reports.escape import plain, plural
from reconciler.reports.verify_words import ORDER, checked, span, summary, texts
from reconciler.values import Finding, Verification

_SPECIAL = re.compile(r"([\\*_{}\[\]<>()#+!|~&@])")
_MOST = 200


def render_markdown(verification: Verification) -> str:
    """The counts, then everything that somebody has to look at; the rest is only counted."""
    lines = [f"### {summary(verification)}", "", f"`{verification.project}` / `{verification.environment}`, "]
    lines[-1] += f"{span(verification)}."
    wanted = sorted(
        (each for each in verification.findings if not each.verdict.is_well),
        key=lambda each: ORDER.index(each.verdict),
    )
    if wanted:
        lines += ["", "| verdict | delivery | of | what is known |", "| --- | --- | --- | --- |"]
        lines += [_row(each) for each in wanted[:_MOST]]
        if len(wanted) > _MOST:
            lines += ["", f"… and {len(wanted) - _MOST} more."]
    lines += list(_broken(verification))
    for problem in verification.problems:
        lines += ["", f"**Not looked at:** `{problem.address}`: {_safe(problem.message)}"]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    expectation = finding.expectation
    known = "<br>".join(_safe(text) for text, _ in texts(finding))
    cells = [f"**{finding.verdict.value}**", _safe(expectation.name), f"`{expectation.address}`", known]
    return f"| {' | '.join(cells)} |"


def _broken(verification: Verification) -> Iterator[str]:
    for finding in verification.findings:
        content = finding.lying.content if finding.lying is not None else None
        if content is None or not content.broken:
            continue
        title = f"{finding.expectation.address} {finding.expectation.name}: {checked(content)}"
        yield from ("", "<details>", f"<summary>{_safe(title)}</summary>", "")
        yield from ("| rule | times | level | first seen |", "| --- | ---: | --- | --- |")
        for each in content.broken:
            first = next((example for example in content.examples if example.rule == each.rule), None)
            place = "" if first is None else f"{first.object.rpartition('/')[2]}:{first.line or ''} {first.path}"
            yield f"| {_safe(each.rule)} | {each.total} | {each.level} | {_safe(place.rstrip(': '))} |"
        yield from ("", f"{plural(len(content.examples), 'example')} kept.", "</details>")


def _safe(text: str) -> str:
    """Words of strangers as words: no markup, no link, nobody mentioned."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[1])};", plain(text)).replace("`", "&#96;")
