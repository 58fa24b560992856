"""The rows of the scorecard: what is promised, and which tests put it to the test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """
    Some tests of a row: files and folders below `tests`, `chosen` by a keyword expression of pytest.

    `workers` is how many processes run it at once, where waiting and not computing takes the time; None for one per
    core. A part that is not `is_sampled` is in `make test` by other means, or makes no small attempts.
    """

    name: str
    paths: tuple[str, ...]
    chosen: str = ""
    workers: int | None = None
    is_sampled: bool = True

    @property
    def is_own(self) -> bool:
        """Whether only the scorecard runs it: the other suites run in `make test` anyway."""
        return all(each.startswith("reliability/") for each in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise."""

    number: str
    sentence: str
    parts: tuple[Part, ...]


ROWS = (
    Row(
        number="R1",
        sentence="Killed at any call, at every moment around it, the next apply finishes alone: "
        "no duplicate, no orphan, no unreadable state",
        parts=(
            Part(name="state in a folder", paths=("kills",)),
            Part(name="state at S3", paths=("reliability/bucket_kills.py",), chosen="s3", workers=4),
            Part(name="state at Google", paths=("reliability/bucket_kills.py",), chosen="gs", workers=4),
        ),
    ),
    Row(
        number="R2",
        sentence="5xx, 429, resets and timeouts, before and after the write, on every call: the next apply finishes",
        parts=(
            Part(name="every call", paths=("reliability/faults_on_every_call.py",)),
            Part(name="the client", paths=("transport",)),
        ),
    ),
    Row(
        number="R3",
        sentence="A vendor that hangs, or answers a byte at a time, holds nobody longer than the deadline",
        parts=(Part(name="every call", paths=("reliability/slow_answers.py",), workers=4),),
    ),
    Row(
        number="R4",
        sentence="Of 2 to 16 applies at once one wins; a killed holder is taken over, a sleeping one is fenced off",
        parts=(
            Part(name="2 to 16 processes", paths=("reliability/many_applies.py",), is_sampled=False),
            Part(name="locks and leases", paths=("locks",)),
        ),
    ),
    Row(
        number="R5",
        sentence="A state that is cut, flipped, mixed up or missing in part is named and never read as empty",
        parts=(
            Part(name="every object, whole commands", paths=("reliability/damaged_state.py",)),
            Part(name="every byte", paths=("backend/test_damage.py",)),
        ),
    ),
    Row(
        number="R6",
        sentence="A stale, edited or foreign plan is refused, and nothing is sent",
        parts=(Part(name="every vendor, every byte", paths=("reliability/refused_plans.py",)),),
    ),
    Row(
        number="R7",
        sentence="Hostile manifests are refused with their place, in bounded time and memory",
        parts=(Part(name="reader and loader", paths=("specs/test_specs_hostile.py", "specs/test_specs_reader.py")),),
    ),
    Row(
        number="R8",
        sentence="A hostile or half-blind vendor: no deletion from a list that is not whole, memory bounded, "
        "no credential to another host",
        parts=(
            Part(name="short lists, every kind and every vendor", paths=("reliability/short_lists.py",)),
            Part(name="hostile servers", paths=("hostile",)),
        ),
    ),
    Row(
        number="R9",
        sentence="No output and no file holds a secret",
        parts=(Part(name="canaries", paths=("canary",)),),
    ),
    Row(
        number="R10",
        sentence="validate, plan, drift, show and their like write nothing, neither at the vendor nor in the state",
        parts=(Part(name="reading", paths=("reading",)),),
    ),
    Row(
        number="R11",
        sentence="Ten thousand worlds: apply then plan is empty, import then plan is empty, destroy twice does nothing",
        parts=(Part(name="worlds", paths=("reliability/ten_thousand_worlds.py",), is_sampled=False),),
    ),
    Row(
        number="R12",
        sentence="When one step is refused, all that does not depend on it is done, and the rest is named",
        parts=(Part(name="every change", paths=("reliability/partial_failures.py",)),),
    ),
    Row(
        number="R13",
        sentence="SIGINT or SIGTERM at any call that changes something: it ends in order, and the next apply finishes",
        parts=(
            Part(name="every call that changes something", paths=("reliability/signals_on_every_call.py",)),
            Part(name="signals", paths=("locks/test_signals.py",)),
        ),
    ),
    Row(
        number="R14",
        sentence="Consent events imported by the hundred thousand through faults, timeouts and kills: "
        "each valid one is there once, in its user's order",
        parts=(
            Part(name="every failure, every double", paths=("reliability/imports_in_numbers.py",), is_sampled=False),
        ),
    ),
)
