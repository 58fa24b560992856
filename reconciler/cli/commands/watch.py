"""`reconciler watch`."""

from __future__ import annotations

import gc
import random
import signal
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.applying import exit_code, say_head
from reconciler.cli.exits import Exit
from reconciler.cli.log_lines import lines
from reconciler.cli.progress import progress
from reconciler.cli.selection import limit, limits_of, options_of, select
from reconciler.cli.session import Session
from reconciler.cli.session import command as running
from reconciler.values import Options, Plan

if TYPE_CHECKING:
    from reconciler.engine.safety import Limits
    from reconciler.operations.happenings import Event, Happening
    from reconciler.operations.watch import Book, Round
    from reconciler.operations.workspace import Workspace


class IntervalType(click.ParamType[float]):
    """A length of time of at least a second, in seconds."""

    name = "interval"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; a usage error when it is no length of time."""
        from reconciler.specs import duration

        if isinstance(value, float):
            return value
        try:
            found = duration(str(value)).total_seconds()
        except ValueError as error:
            self.fail(f"`{value}` {error}", param, ctx)
        if found < 1:
            self.fail(f"`{value}` is too short; a second is the least", param, ctx)
        return found


@click.command()
@select
@limit
@click.option(
    "--interval",
    type=IntervalType(),
    default="5m",
    show_default=True,
    metavar="5m|1h",
    help="Rest so long between two rounds; after failures longer.",
)
@click.option("--apply", "applying", is_flag=True, help="Apply what is found, without a question.")
@click.option("--allow-local-state", is_flag=True, help="In CI, begin with a state on this machine's disk.")
@click.option(
    "--parallelism", type=click.IntRange(1, 64), metavar="N", help="With --apply: steps under way at the same time."
)
@click.option(
    "--health-address",
    metavar="[HOST:]PORT",
    help="Answer /healthz, /readyz and /metrics there; a port alone means 127.0.0.1.",
)
@click.option(
    "--rounds", type=click.IntRange(1), metavar="N", help="End after N rounds, with the last one's exit code."
)
@running
def command(session: Session, /, interval: float, rounds: int | None, health_address: str | None, **words: Any) -> int:
    """
    Plan again and again and say what is found; with --apply, do it.

    Everything is read anew in each round: project file, manifests, secrets, vendors. A round that fails is said, and
    tried again after a longer rest. Limits, rules and the lock hold as for `apply`. Ends with a signal, once the calls
    under way have ended.
    """
    from reconciler.operations.clock import SystemClock
    from reconciler.operations.watch import Book, Health, watch

    clock = SystemClock()
    book = Book(mode="apply" if words["applying"] else "plan")
    rounds_of = _Rounds(session, book, words)

    def stop() -> None:
        book.stop()
        clock.stop()

    with ExitStack() as stack:
        if health_address is not None:
            health = stack.enter_context(Health(health_address, book))
            click.echo(f"health: {health.url}/healthz, /readyz, /metrics", err=True)
        session.stop_gracefully(stop)
        last = watch(
            rounds_of.look,
            book,
            interval=interval,
            clock=clock,
            draw=random.random,
            rounds=rounds,
            told=_tell,
        )
    if session.signal is not None:
        return Exit.SIGTERM if session.signal == signal.SIGTERM else Exit.SIGINT
    return last.code


class _Rounds:
    """The rounds of one `watch`: what was said and told last is not repeated."""

    def __init__(self, session: Session, book: Book, words: dict[str, Any]) -> None:
        self._session = session
        self._book = book
        self._words = words
        self._shown: str | None = None
        self._told: Happening | None = None

    def look(self) -> Round:
        """One round, whatever becomes of it."""
        found = self._look()
        self._session.end_round(found.code)
        if self._session.workspace is not None:
            self._session.workspace.close()
        gc.collect()  # the program seldom looks for what a round has left, see `main`
        return found

    def _look(self) -> Round:
        from reconciler.operations.clock import Stopped
        from reconciler.operations.watch import Round, hearing

        session = self._session
        heard = hearing(self._book, lambda: session.workspace, stopping=lambda: session.signal is not None)
        try:
            with progress(session.settings) as speaking:
                workspace = session.open(speaking, on_request=heard)
                return self._applied(workspace) if self._words["applying"] else self._planned(workspace)
        except Stopped:
            return Round(outcome="interrupted", code=Exit.SIGINT, failed=False)
        except Exception as error:  # noqa: BLE001 - the next round may go well
            return self._failed(error)

    def _planned(self, workspace: Workspace) -> Round:
        from reconciler.engine.planner import to_do
        from reconciler.operations.plan import make_plan
        from reconciler.operations.watch import Round

        planned = make_plan(workspace, self._options(), limits=self._limits(workspace))
        plan = planned.plan
        if self._session.tells("drift"):
            from reconciler.operations.happenings import of_plan

            self._remember(of_plan(plan, command="watch"))
        self._show(workspace, plan if planned.has_changes or planned.refused else None)
        outcome = "refused" if planned.refused else "changes" if planned.has_changes else "nothing"
        return Round(
            outcome=outcome,
            code=Exit.REFUSED if planned.refused else Exit.DONE,
            failed=planned.refused,
            changes=Counter(each.action.value for each in to_do(plan)),
        )

    def _applied(self, workspace: Workspace) -> Round:
        from reconciler.operations.apply import apply
        from reconciler.operations.happenings import ENDINGS
        from reconciler.operations.watch import Round
        from reconciler.reports.outcome_text import render_report

        def shown(plan: Plan) -> bool:
            self._show(workspace, plan, again=True)
            return True

        applied = apply(
            workspace,
            options=self._options(),
            limits=self._limits(workspace),
            confirm=shown,
            parallelism=self._words["parallelism"],
            allow_new_local_state=self._words["allow_local_state"] or not self._session.settings.in_ci,
        )
        settings, report = self._session.settings, applied.report
        code = exit_code(self._session, applied)
        if self._session.tells("apply"):
            from reconciler.operations.happenings import of_applied

            self._remember(of_applied(applied, command="watch", code=code))
        if report.outcomes:
            traits = workspace.catalog.traits
            click.echo(render_report(report, traits=traits, colour=settings.coloured(), width=settings.width))
            say_head(workspace)
        return Round(
            outcome=ENDINGS.get(code, "failed") if report.outcomes or code else "nothing",
            code=code,
            failed=code != 0 and not applied.interrupted,
            changes=Counter(each.action.value for each in report.remaining),
            steps=Counter(each.status.value for each in report.outcomes),
        )

    def _failed(self, error: Exception) -> Round:
        from reconciler.operations.failures import NotSafe
        from reconciler.operations.happenings import ENDINGS, of_failure
        from reconciler.operations.watch import Round

        if isinstance(error, NotSafe) and error.plan is not None and self._session.workspace is not None:
            self._show(self._session.workspace, error.plan)
            code = self._session.fail(NotSafe(error.message))  # the plan has said its problems
        else:
            code = self._session.fail(error)
        event: Event = "apply" if self._words["applying"] else "drift"
        if self._session.tells(event):
            self._remember(of_failure(error, event=event, command="watch", code=code))
        return Round(outcome=ENDINGS.get(code, "failed"), code=code, failed=True)

    def _remember(self, happening: Happening | None) -> None:
        """Tell it, unless it is what was told last; what was applied is told every time."""
        if happening is None:
            return
        if happening != self._told or (happening.event == "apply" and happening.happened):
            self._session.happened = happening
        self._told = happening

    def _show(self, workspace: Workspace, plan: Plan | None, *, again: bool = False) -> None:
        """Print the plan, unless it is what was printed last."""
        from reconciler.reports.plan_text import render_plan

        if plan is None:
            self._shown = None
            return
        settings = self._session.settings
        text = render_plan(plan, colour=settings.coloured(), width=settings.width, traits=workspace.catalog.traits)
        body = text.partition("\n")[2]  # the first line names the time
        if again or body != self._shown:
            click.echo(text)
        self._shown = body

    def _options(self) -> Options:
        return options_of(**{name: self._words[name] for name in ("target", "exclude", "label")})

    def _limits(self, workspace: Workspace) -> Limits:
        bounds = ("max_deletes", "max_delete_percent", "accept_short")
        return limits_of(workspace, **{name: self._words[name] for name in bounds})


_SAID = {"nothing": "nothing to do", "changes": "something to do", "done": "applied"}


def _tell(number: int, found: Round, rest: float | None) -> None:
    counted = ", ".join(f"{count} {name}" for name, count in sorted(found.changes.items()))
    said = f"round {number}: {_SAID.get(found.outcome, found.outcome)}"
    said += f" ({counted})" if counted else ""
    said += f"; the next one in {rest:.0f} s" if rest is not None else ""
    out = lines()
    if out is None:
        click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {said}", err=True)
    else:
        level = "warning" if found.failed else "info"
        out.say(level, "round", said, round=number, outcome=found.outcome, changes=dict(found.changes), rest=rest)
