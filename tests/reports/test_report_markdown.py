from __future__ import annotations

import re
from dataclasses import replace

from report_samples import CREATE, DELETE, FULL, NOOP, RUN, SMALL, UPDATE, expect, plan_of, resource, traits

from reconciler.reports.plan_markdown import LIMIT, render_plan_markdown
from reconciler.values import Address, Change, FieldChange, Plan, Problem


def markdown(plan: Plan) -> str:
    return render_plan_markdown(plan, traits=traits)


def many(number: int, size: int = 300) -> list[Change]:
    return [
        replace(
            CREATE,
            address=Address("didomi", "ExportConfig", f"c{each}"),
            resource=resource("didomi/ExportConfig/c", {"name": "x" * size}),
        )
        for each in range(number)
    ]


def outside_code(text: str) -> str:
    """What Markdown looks at: the text without blocks of code and inline code."""
    text = re.sub(r"(?ms)^(`{3,})[a-z]*$.*?^\1$", "", text)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


def test_a_plan_with_every_action_reads_like_this() -> None:
    expect("plan-everything.md", markdown(FULL))


def test_a_small_plan_reads_like_this() -> None:
    expect("plan-small.md", markdown(SMALL))


def test_an_empty_plan_reads_like_this() -> None:
    expect("plan-empty.md", markdown(plan_of(replace(NOOP, notes=()))))


def test_a_huge_plan_fits_into_a_comment_and_counts_the_rest() -> None:
    text = markdown(plan_of(*many(2000), DELETE))

    assert LIMIT - 1000 < len(text) <= LIMIT
    assert re.search(r"Not shown here for want of room:\*\* 1\d\d\d to add\.", text)
    assert "didomi/Destination/old-lake" in text


def test_one_huge_change_does_not_hide_the_others() -> None:
    fields = tuple(FieldChange(path=(f"f{each:04}",), before=1, after=2) for each in range(5000))
    text = markdown(plan_of(replace(UPDATE, fields=fields), CREATE, RUN))

    assert len(text) <= LIMIT
    assert "didomi/ExportConfig/consents" in text


def test_many_problems_and_notes_leave_room() -> None:
    problems = tuple(Problem(code="quota", message=f"{each} " + "`" * 3000) for each in range(500))
    plan = replace(plan_of(*many(500)), problems=problems, notes=("n" * 5000,) * 500)

    assert len(markdown(plan)) <= LIMIT
    assert "480 more problems" in markdown(plan)


def test_the_order_of_the_changes_does_not_matter() -> None:
    assert markdown(replace(FULL, changes=FULL.changes[::-1], problems=FULL.problems[::-1])) == markdown(FULL)


def test_nothing_foreign_stands_outside_of_code() -> None:
    evil = "EVIL @octocat #12 <img src=x> ``` </details>\n```\n| [x](javascript:1) ~~~"
    change = replace(
        UPDATE, id=evil, notes=(evil,), fields=(FieldChange(path=(evil,), before=evil, after=evil + "\n```\n"),)
    )
    plan = replace(
        plan_of(change), project=evil, notes=(evil,), problems=(Problem(code=evil, message=evil, help=evil),)
    )
    text = markdown(plan)

    assert "EVIL" in text
    assert "EVIL" not in outside_code(text)
    assert "@" not in outside_code(text)


def test_a_difference_deep_in_a_long_text_stays_visible() -> None:
    before = "a" * 900 + "LEFT" + "b" * 900
    field = FieldChange(path=("description",), before=before, after=before.replace("LEFT", "RIGHT"))
    text = markdown(plan_of(replace(UPDATE, fields=(field,))))

    assert "LEFT" in text
    assert "RIGHT" in text
