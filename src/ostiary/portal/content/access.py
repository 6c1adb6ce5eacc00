"""
Who may read what: one rule for pages, the catalogue, search and lists alike. Pure.

Spec: portal §3.4; §6.1 (filters that were in one place only).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ostiary.model.headmatter import EVERYBODY

Verdict = Literal["allowed", "needs_sign_in", "denied"]
Rule = tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """
    Who reads. `is_authenticated` is an approved developer who is signed in, and nobody else.

    `name` is how the page greets them.
    """

    is_authenticated: bool = False
    roles: frozenset[str] = frozenset()
    name: str | None = None


ANONYMOUS: Final = Reader()


def judge_reading(rule: Rule, reader: Reader, *, has_auth: bool) -> Verdict:
    """
    Whether somebody may read what has a rule.

    Args:
        has_auth: Developers can sign in at this portal; where they cannot, there are no rules.
    """
    if rule is None or not has_auth:
        return "allowed"
    if not reader.is_authenticated:
        return "needs_sign_in"
    if EVERYBODY in rule or not reader.roles.isdisjoint(rule):
        return "allowed"
    return "denied"
