"""
People who are elsewhere still: the UserMigration trigger knows them, and they become users here.

Spec: cognito §3.13 (UserMigration).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostiary.model.pool import Pool, User, UserStatus
from ostiary.userpool.accounts import Newcomer, add_user, build_user, check_name
from ostiary.userpool.attributes import (
    check_values,
    is_mail_address,
    is_phone_number,
)
from ostiary.userpool.lookup import find_user
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.userpool.triggers import Occasion, has_trigger, run_trigger

_TRIGGER = "UserMigration"


async def migrate(
    services: Services,
    pool: Pool,
    name: str,
    *,
    password: str | None,
    client_id: str,
    metadata: Mapping[str, str] | None = None,
) -> User | None:
    """
    The user that the trigger makes of a name that nobody has; None where it knows nobody.

    It is asked about what a user of this pool can sign in with, and no others. Of an alias it must
    tell the `username` behind it: else a person could own another's address as a name.

    Args:
        password: What the person gave; None for who has forgotten it.

    Raises:
        AccountError: What the trigger told of the user is not right.
    """
    is_name = _can_be_name(pool, name)
    if not has_trigger(pool, _TRIGGER) or not (is_name or _can_be_alias(pool, name)):
        return None
    source = "Authentication" if password is not None else "ForgotPassword"
    try:
        answer = await run_trigger(
            services,
            _TRIGGER,
            Occasion(
                pool=pool,
                source=f"{_TRIGGER}_{source}",
                username=name,
                client_id=client_id,
                request={
                    "password": password,
                    "validationData": dict(metadata or {}) or None,
                },
                response={"userAttributes": None, "finalUserStatus": None},
            ),
        )
    except AccountError as error:
        if error.code == "UserLambdaValidationException":
            return None  # the trigger says so of people it does not know
        raise
    attributes = _read_attributes(answer)
    if answer is None or attributes is None:
        return None
    told = attributes.pop("username", name)
    username = name if pool.settings.has_attribute_names else told
    if not _can_be_name(pool, username):
        return None
    check_values(pool.settings, attributes)
    confirmed = answer.get("finalUserStatus") == UserStatus.CONFIRMED
    newcomer = Newcomer(
        name=username, attributes=attributes, password=password, client_id=client_id
    )
    status = UserStatus.RESET_REQUIRED
    if confirmed and password is not None:
        status = UserStatus.CONFIRMED
    try:
        user = await build_user(services, pool, newcomer, status)
        await add_user(services, pool, user, newcomer)
    except AccountError as error:
        if error.code != "UsernameExistsException":
            raise
        return await find_user(services, pool, name)  # another call was faster
    return user


def _can_be_name(pool: Pool, name: str) -> bool:
    try:
        check_name(pool.settings, name)
    except AccountError:
        return False
    return True


def _can_be_alias(pool: Pool, name: str) -> bool:
    aliases = pool.settings.AliasAttributes or ()
    return ("email" in aliases and is_mail_address(name)) or (
        "phone_number" in aliases and is_phone_number(name)
    )


def _read_attributes(
    answer: Mapping[str, Any] | None,  # Any: JSON
) -> dict[str, str] | None:
    given = (answer or {}).get("userAttributes")
    if not isinstance(given, dict) or not given:
        return None
    return {
        str(name): str(value)
        for name, value in given.items()
        if name != "sub" and value is not None
    }
