"""
Rules over manifests, changes and plans: expressions in CEL that say yes or no, and what they find.

Knows neither YAML nor vendors nor the project: rules come compiled from their words, documents from values. The
library is loaded by the first rule.
"""

from reconciler.policy.documents import Scene
from reconciler.policy.expressions import Unavailable
from reconciler.policy.judging import Found, judge_changes, judge_manifests, judge_plan
from reconciler.policy.rules import On, Rule, Words, compiled

__all__ = [
    "Found",
    "On",
    "Rule",
    "Scene",
    "Unavailable",
    "Words",
    "compiled",
    "judge_changes",
    "judge_manifests",
    "judge_plan",
]
