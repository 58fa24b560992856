from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import (
    BLOCKED,
    CREATE,
    DELETE,
    DEPOSED,
    EVERYTHING,
    FULL,
    LEFTOVER,
    NOOP,
    QUERY,
    REPLACE,
    REPLACE_DELETE_FIRST,
    ROTATION,
    RUN,
    SMALL,
    TRAITS,
    UPDATE,
    expect,
    plan_of,
    resource,
    traits,
)

from reconciler.reports.counts import summary
from reconciler.reports.plan_text import render_plan
from reconciler.values import Action, Change, FieldChange, Plan, Traits


def text(plan: Plan, *, width: int = 80, verbose: bool = False) -> str:
    return render_plan(plan, colour=False, width=width, verbose=verbose, traits=traits)


def last_line(plan: Plan) -> str:
    return text(plan).rsplit("\n", 1)[-1]


def update(*fields: FieldChange) -> Change:
    return replace(UPDATE, fields=fields, resource=resource("adobe/Dataflow/orders", {"name": "orders"}))


def test_a_plan_with_every_action_reads_like_this() -> None:
    expect("plan-everything.txt", text(FULL))


def test_a_small_plan_reads_like_this() -> None:
    expect("plan-small.txt", text(SMALL))


def test_a_verbose_plan_shortens_nothing() -> None:
    expect("plan-verbose.txt", text(SMALL, verbose=True))


def test_colour_adds_nothing_but_colour() -> None:
    expect("plan-small-colour.txt", render_plan(SMALL, colour=True, traits=traits).replace("\x1b", "ESC"))


def test_an_empty_plan_says_so_and_still_ends_with_the_counts() -> None:
    expect("plan-empty.txt", text(plan_of(replace(NOOP, notes=()))))


def test_an_empty_partial_plan_does_not_speak_of_everything() -> None:
    assert "No changes. Everything that was selected is" in text(replace(plan_of(NOOP), partial=True))


def test_a_plan_that_only_waits_is_not_called_empty() -> None:
    assert "No changes" not in text(plan_of(BLOCKED))


def test_the_sample_holds_every_action() -> None:
    assert {each.action for each in EVERYTHING} == set(Action)


def test_the_last_line_is_the_one_that_people_grep_for() -> None:
    assert last_line(SMALL) == "Plan: 1 to add, 1 to change, 1 to replace, 0 to destroy."


def test_further_counts_are_appended_when_they_are_not_zero() -> None:
    plan = replace(plan_of(RUN, replace(RUN, address=DELETE.address)), retired=1)

    assert last_line(plan) == "Plan: 0 to add, 0 to change, 0 to replace, 0 to destroy, 2 to run, 1 retired."


def test_every_change_is_counted_once() -> None:
    counts = summary(FULL)
    by_action = (
        counts.add + counts.change + counts.replace + counts.destroy + counts.imports + counts.run + counts.forget
    ) + (counts.disable + counts.retire + counts.recover + counts.record + counts.wait + counts.blocked)

    assert by_action + counts.unchanged + 1 == len(EVERYTHING)  # one stays as it is and only sheds a leftover
    assert counts.leftovers == 1


def test_the_most_dangerous_comes_first() -> None:
    shown = text(plan_of(CREATE, UPDATE, REPLACE, DELETE))

    assert shown.index("Delete 1") < shown.index("Replace 1") < shown.index("Change 1") < shown.index("Add 1")


def test_the_order_of_the_changes_does_not_matter() -> None:
    assert text(replace(FULL, changes=FULL.changes[::-1], problems=FULL.problems[::-1])) == text(FULL)


def test_a_replacement_that_deletes_first_prints_the_gap() -> None:
    assert "-/+ " in text(plan_of(REPLACE_DELETE_FIRST))
    assert "no export from its deletion until the new one is made" in text(plan_of(REPLACE_DELETE_FIRST))


def test_a_replacement_that_creates_first_prints_no_gap() -> None:
    assert "+/- " in text(plan_of(REPLACE))
    assert "no export" not in text(plan_of(REPLACE))


def test_the_cost_of_a_replacement_is_said_once() -> None:
    assert text(plan_of(REPLACE)).count("exports its datasets in full") == 1


def test_the_field_that_forces_replacement_is_named_first() -> None:
    shown = text(plan_of(REPLACE))

    assert shown.index("~ datasets  # forces replacement") < shown.index("~ description")


def test_items_of_an_unordered_list_are_compared_as_a_set() -> None:
    field = FieldChange(path=("datasets",), before=("c", "a", "b"), after=("b", "d", "c"))
    shown = text(plan_of(replace(REPLACE, fields=(field,))))

    assert '        - "a"\n        + "d"\n          (2 unchanged)\n' in shown


def test_what_is_left_over_does_not_show_the_fields_of_its_successor() -> None:
    assert "Returns" not in text(plan_of(DEPOSED))


def test_an_object_that_only_sheds_leftovers_is_shown_with_the_deletions() -> None:
    shown = text(plan_of(LEFTOVER))

    assert "Delete 1 object" in shown
    assert "deletes id 2b7c" in shown
    assert last_line(plan_of(LEFTOVER)).endswith("0 to destroy, 1 left over to delete.")


def test_a_long_text_is_cut_where_it_does_not_differ() -> None:
    before = "a" * 300 + "LEFT" + "b" * 300
    shown = text(
        plan_of(update(FieldChange(path=("description",), before=before, after=before.replace("LEFT", "RIGHT"))))
    )

    assert "LEFT" in shown
    assert "RIGHT" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_a_long_text_of_a_creation_shows_both_ends_and_its_length() -> None:
    change = replace(CREATE, resource=resource("didomi/ExportConfig/consents", {"query": "begin" + "x" * 500 + "end"}))

    assert '"beginxxx' in text(plan_of(change))
    assert 'xxxend" (510 characters)' in text(plan_of(change))


def test_a_line_break_at_the_end_of_a_text_is_a_visible_difference() -> None:
    assert "- (empty line)" in text(plan_of(QUERY))


def test_secrets_are_shown_as_references() -> None:
    assert "{env: RECONCILER_SECRET_LAKE, version: 2}" in text(plan_of(ROTATION))


@pytest.mark.parametrize("verbose", [False, True])
def test_a_text_in_a_field_for_secrets_is_never_shown(verbose: bool) -> None:
    field = FieldChange(path=("auth", "secretKey"), before="CANARY-1", after={"inner": ("CANARY-2",)})
    change = replace(ROTATION, fields=(field,))

    assert "CANARY" not in text(plan_of(change), verbose=verbose)
    assert "(a secret, not shown)" in text(plan_of(change))


def test_a_reference_is_shown_as_the_name_that_it_points_at() -> None:
    assert "SourceConnection/orders (known after apply)" in text(plan_of(UPDATE, REPLACE))


def test_an_unknown_kind_is_shown_without_its_traits() -> None:
    nothing: dict[str, Traits] = {}
    shown = render_plan(FULL, colour=False, traits=nothing.__getitem__)

    assert shown.endswith(f"\n{last_line(FULL)}")


def test_terminal_escapes_in_names_are_written_out() -> None:
    evil = "x\x1b]0;title\x07\x9b31m\u202etxt\u200b\r\n"
    change = replace(UPDATE, id=evil, fields=(FieldChange(path=(evil,), before=evil, after=(evil,)),), notes=(evil,))
    shown = text(replace(plan_of(change), project=evil, notes=(evil,)))

    assert all(sign.isprintable() for sign in shown.replace("\n", ""))
    assert "\\x1b]0;title\\x07\\x9b31m\\u202etxt\\u200b\\r\\n" in shown


def test_only_messages_and_the_last_line_are_wider_than_the_screen() -> None:
    wide = [line for line in text(FULL).splitlines() if len(line) > 80]

    assert [line.split(" ")[0] for line in wide] == ["warning[rotation-not-detectable]:", "Plan:"]


def test_every_kind_of_the_sample_has_traits() -> None:
    assert {each.address.type for each in EVERYTHING} <= set(TRAITS)
