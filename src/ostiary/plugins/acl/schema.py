"""
The configuration of `acl`.

Spec: gateway §4.5 (acl).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from ostiary.kit import Check, Entity, Problem
from ostiary.kit.fields import LIST, ROW, Field, NonEmpty, at_least_one_of


def _judge_either(values: Mapping[str, Any]) -> Iterable[Problem]:
    if bool(values["allow"]) == bool(values["deny"]):
        text = "exactly one of these fields must be non-empty"
        yield ROW, f"{text}: 'config.allow', 'config.deny'"


class AclConfig(Entity):
    """`config` of the plugin."""

    allow: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Groups that may; all others may not."
    )
    deny: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Groups that may not; all others may."
    )
    hide_groups_header: bool = Field(
        default=False, description="Do not tell the upstream the groups."
    )
    always_use_authenticated_groups: bool = Field(
        default=False,
        description="Go by the groups that openid-connect found, also where there is a consumer.",
    )

    checks: ClassVar = (
        Check(fields=("allow", "deny"), judge=_judge_either),
        at_least_one_of("allow", "deny"),
    )
