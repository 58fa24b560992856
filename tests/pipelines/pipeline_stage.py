"""
Just enough of GitHub's and GitLab's runners to carry out our pipelines on this machine.

Steps run with bash as GitHub runs them, expressions are looked up in what the test says of the event, and steps that
use somebody else's action are passed over. What stands in an expression that is not known here is an error.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "reconciler"
EXAMPLES = ROOT / "examples" / "ci"
OURS = "example/reconciler/.github/actions/reconciler@"

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[a-z_]+(\.[\w-]+)+\Z")


def read(path: Path) -> dict[Any, Any]:
    """A workflow or an action; the key `on` is what YAML 1.1 takes for true."""
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def workflows() -> dict[str, dict[Any, Any]]:
    """Every example for GitHub, by the name of its file."""
    return {path.name: read(path) for path in sorted(EXAMPLES.glob("*.yml")) if path.name != "gitlab.yml"}


def gitlab() -> dict[str, Any]:
    """The template for GitLab, behind its header."""
    _, jobs = yaml.safe_load_all((EXAMPLES / "gitlab.yml").read_text(encoding="utf-8"))
    assert isinstance(jobs, dict)
    return jobs


def steps_of(workflow: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """The steps of all its jobs."""
    return [step for job in workflow["jobs"].values() for step in job.get("steps", ())]


@dataclass(slots=True)
class Ended:
    """How a job or an action ended: exit code, log, outputs, summary, and what else it wrote."""

    code: int
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    folder: Path | None = None

    def commands(self) -> list[str]:
        """The lines that GitHub takes for commands of its own: none while they are stopped."""
        found, stopped = [], ""
        for line in self.log.splitlines():
            text = line.lstrip()
            if stopped:
                stopped = "" if text == f"::{stopped}::" else stopped
            elif text.startswith("::stop-commands::"):
                stopped = text.removeprefix("::stop-commands::")
            elif text.startswith("::"):
                found.append(text)
        return found


class Runner:
    """One machine that runs jobs in a checkout."""

    def __init__(self, checkout: Path, temporary: Path, environ: Mapping[str, str]) -> None:
        self.checkout = checkout
        self.temporary = temporary
        self.temporary.mkdir(exist_ok=True)
        self.github: dict[str, str] = {
            "event_name": "push",
            "repository": "example/exports",
            "token": "token-of-actions",
        }
        self.environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CI": "true",
            "GITHUB_WORKSPACE": str(checkout),
            "RUNNER_TEMP": str(temporary),
            **environ,
        }

    def pull_request(self, *, head: str = "example/exports") -> None:
        """From now on it runs for a pull request."""
        self.github = {
            **self.github,
            "event_name": "pull_request",
            "event.pull_request.head.repo.full_name": head,
        }

    # --- GitHub ---

    def job(self, job: Mapping[str, Any], *, also: Mapping[str, str] | None = None) -> Ended:
        """Run one job; its outputs are those of its steps. `also` is what else expressions may name."""
        known = {f"github.{name}": each for name, each in self.github.items()}
        known["runner.temp"] = str(self.temporary)
        if self.github.get("event.pull_request.head.repo.full_name") in {None, self.github["repository"]}:
            known |= {f"secrets.{name}": each for name, each in self.environ.items()}
        known |= also or {}
        whole = Ended(code=0)
        for step in job["steps"]:
            condition = str(step.get("if", "success()"))
            if not (truth(condition, known) and (whole.code == 0 or "always()" in condition)):
                continue
            if not str(step.get("uses", OURS)).startswith(OURS):
                continue
            environ = {name: filled(each, known) for name, each in step.get("env", {}).items()}
            if "uses" in step:
                inputs = {name: filled(as_text(each), known) for name, each in step.get("with", {}).items()}
                ended = self.action(inputs, environ)
            else:
                ended = self.step(step["run"], environ)
            whole.log += ended.log
            whole.summary += ended.summary
            whole.folder = ended.folder or whole.folder
            known |= {f"steps.{step.get('id')}.outputs.{name}": each for name, each in ended.outputs.items()}
            if ended.code and not truth(str(step.get("continue-on-error", "false")), known):
                whole.code = whole.code or ended.code
        whole.outputs = {name: filled(each, known) for name, each in job.get("outputs", {}).items()}
        return whole

    def action(self, inputs: Mapping[str, str], environ: Mapping[str, str] | None = None) -> Ended:
        """Use our action with these inputs."""
        action = read(ACTION / "action.yml")
        assert inputs.keys() <= action["inputs"].keys()
        known = {f"github.{name}": each for name, each in self.github.items()}
        defaults = {name: filled(as_text(each["default"]), known) for name, each in action["inputs"].items()}
        known |= {f"inputs.{name}": each for name, each in {**defaults, **inputs}.items()}
        whole = Ended(code=0)
        for step in action["runs"]["steps"]:
            given = {name: filled(each, known) for name, each in step["env"].items()}
            ended = self.step(step["run"], {**(environ or {}), **given})
            whole.log += ended.log
            whole.summary += ended.summary
            known |= {f"steps.{step.get('id')}.outputs.{name}": each for name, each in ended.outputs.items()}
            whole.code = ended.code
            if whole.code:
                break
        outputs = {name: filled(each["value"], known) for name, each in action["outputs"].items()}
        whole.outputs = {name: each for name, each in outputs.items() if each}
        whole.folder = Path(outputs["folder"]) if outputs["folder"] else None
        return whole

    def step(self, script: str, environ: Mapping[str, str]) -> Ended:
        """Run one step as `shell: bash` does."""
        output, summary = self.temporary / "output", self.temporary / "summary"
        output.write_text("", encoding="utf-8")
        summary.write_text("", encoding="utf-8")
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.checkout,
            env={**self.variables(), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        pairs = (line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
        return Ended(
            code=ended.returncode, log=ended.stdout, outputs=dict(pairs), summary=summary.read_text(encoding="utf-8")
        )

    def variables(self) -> dict[str, str]:
        """What GitHub sets for every step, and what the test gives."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_EVENT_NAME": self.github["event_name"],
            "GITHUB_PATH": str(self.temporary / "path"),
            "GITHUB_REPOSITORY": self.github["repository"],
            **self.environ,
        }

    # --- GitLab ---

    def gitlab_job(self, name: str, inputs: Mapping[str, str], environ: Mapping[str, str] | None = None) -> Ended:
        """Run the script of one job of the template with these inputs of its include."""
        jobs = gitlab()
        variables = {
            key: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: inputs[found[1]], each)
            for key, each in jobs[jobs[name]["extends"]]["variables"].items()
        }
        ended = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(jobs[name]["script"])],
            cwd=self.checkout,
            env={**self.environ, **variables, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        return Ended(code=ended.returncode, log=ended.stdout)


def as_text(value: object) -> str:
    """A value of YAML as GitHub hands it to an action."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with its expressions replaced."""
    return _EXPRESSION.sub(lambda found: evaluated(found[1], known), str(text))


def truth(text: str, known: Mapping[str, str]) -> bool:
    """Whether a condition holds."""
    inner = _EXPRESSION.fullmatch(text.strip())
    return evaluated(inner[1] if inner else text, known) not in {"", "false"}


def evaluated(expression: str, known: Mapping[str, str]) -> str:
    """What an expression comes to: names, texts, `==`, `!=`, `&&`, `||` and functions without a meaning here."""
    for operator in ("||", "&&"):
        left, found, right = expression.partition(operator)
        if found:
            first = evaluated(left, known)
            decided = first not in {"", "false"} if operator == "||" else first in {"", "false"}
            return first if decided else evaluated(right, known)
    for operator in ("==", "!="):
        left, found, right = expression.partition(operator)
        if found:
            return str((evaluated(left, known) == evaluated(right, known)) is (operator == "==")).lower()
    name = expression.strip()
    if name.startswith("'") and name.endswith("'"):
        return name[1:-1]
    if name in {"always()", "success()", "true", "false"}:
        return "false" if name == "false" else "true"
    assert _NAME.match(name), f"nobody has taught the stage what `{expression}` is"
    # As at GitHub: what an event, a step or an input does not have is empty.
    return known.get(name, "")


def tool(name: str) -> Sequence[str]:
    """A program of the development environment."""
    return [str(Path(sys.executable).parent / name)]
