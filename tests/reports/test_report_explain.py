from __future__ import annotations

from report_samples import ROTATION, TRAITS, UPDATE, address, expect

from reconciler.reports.explain import Explanation, Judgement, Verdict, render_explanation
from reconciler.values import HIDDEN, MISSING, Secret

JUDGEMENTS = (
    Judgement(path=("name",), verdict=Verdict.SAME, before="Orders to lake", after="Orders to lake"),
    Judgement(path=("schedule", "every"), verdict=Verdict.DIFFERS, before="12h", after="6h"),
    Judgement(path=("description",), verdict=Verdict.IGNORED, before="by hand " * 20, after="as written " * 20),
    Judgement(path=("state",), verdict=Verdict.SERVER_DEFAULT, before="enabled", after=MISSING),
    Judgement(path=("transformations", "mask-email", "kind"), verdict=Verdict.DIFFERS, before="mask", after="hash"),
    Judgement(
        path=("token",), verdict=Verdict.HIDDEN, before=HIDDEN, after=Secret(source="env", name="RECONCILER_SECRET_T")
    ),
)


def test_an_explanation_reads_like_this() -> None:
    explanation = Explanation(
        change=UPDATE,
        judgements=JUDGEMENTS,
        needs=(address("adobe/TargetConnection/orders"), address("adobe/SourceConnection/orders")),
        needed_by=(address("adobe/Dataflow/later"),),
    )

    expect("explanation.txt", render_explanation(explanation, traits=TRAITS["adobe/Dataflow"]))


def test_the_order_of_the_fields_does_not_matter() -> None:
    one, other = (Explanation(change=UPDATE, judgements=each) for each in (JUDGEMENTS, JUDGEMENTS[::-1]))

    assert render_explanation(one, traits=None) == render_explanation(other, traits=None)


def test_a_text_in_a_field_for_secrets_is_never_shown() -> None:
    judgement = Judgement(path=("auth", "secretKey"), verdict=Verdict.DIFFERS, before="CANARY", after="CANARY2")
    shown = render_explanation(
        Explanation(change=ROTATION, judgements=(judgement,)), traits=TRAITS["adobe/BaseConnection"], verbose=True
    )

    assert "CANARY" not in shown
