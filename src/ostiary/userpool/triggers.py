"""
Triggers: somebody else's code at fixed points of a person's way.

The event's shape and the texts of failures are Lambda triggers' own (cognito §3.13).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.pool import Pool, User
from ostiary.ports.triggers import TriggerRefused, TriggerUnavailable
from ostiary.userpool import messages
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

Json = dict[str, Any]  # Any: JSON
NO_CLIENT: Final = "CLIENT_ID_NOT_APPLICABLE"
_SDK: Final = "aws-sdk-unknown-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Whom and what a trigger is asked about. `source` ends in what happened."""

    pool: Pool
    source: str
    username: str
    client_id: str = NO_CLIENT
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)  # Any: JSON
    response: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


def has_trigger(pool: Pool, name: str) -> bool:
    """Tell whether a pool has this trigger."""
    return find_arn(pool, name) is not None


def find_arn(pool: Pool, name: str) -> str | None:
    """The resource name of a pool's trigger."""
    found = pool.settings.LambdaConfig.get(name)
    if isinstance(found, dict):
        found = found.get("LambdaArn")
    return found if isinstance(found, str) and found else None


def build_event(occasion: Occasion, *, version: str) -> Json:
    """The event that a trigger is given."""
    return {
        "version": version,
        "triggerSource": occasion.source,
        "region": occasion.pool.id.partition("_")[0],
        "userPoolId": occasion.pool.id,
        "userName": occasion.username,
        "callerContext": {"awsSdkVersion": _SDK, "clientId": occasion.client_id},
        "request": {
            "userAttributes": dict(occasion.attributes),
            **{k: v for k, v in occasion.request.items() if v is not None},
        },
        "response": dict(occasion.response),
    }


def user_attributes(user: User) -> dict[str, str]:
    """A user's attributes as triggers see them."""
    return {**user.attributes, "cognito:user_status": user.status.value}


async def run_trigger(
    services: Services, name: str, occasion: Occasion, *, version: str = "1"
) -> Json | None:
    """
    What a pool's trigger answers in its response; None where the pool has none.

    Raises:
        AccountError: UserLambdaValidationException, UnexpectedLambdaException or
            InvalidLambdaResponseException.
    """
    arn = find_arn(occasion.pool, name)
    if arn is None:
        return None
    event = build_event(occasion, version=version)
    try:
        answer = await services.config.triggers.invoke(arn, event)
    except TriggerRefused as error:
        raise AccountError(
            "UserLambdaValidationException",
            messages.TRIGGER_REFUSED.format(name, error.message),
        ) from error
    except TriggerUnavailable as error:
        raise AccountError(
            "UnexpectedLambdaException", messages.TRIGGER_BROKEN.format(arn, error)
        ) from error
    response = answer.get("response") if isinstance(answer, dict) else None
    if not isinstance(response, dict) or not _is_json(response):
        raise AccountError(
            "InvalidLambdaResponseException", messages.TRIGGER_UNREADABLE
        )
    return response


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
