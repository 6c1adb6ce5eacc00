"""
What comes after a first factor: a new password, a device, a second factor, or tokens.

Spec: cognito §3.7, §3.9.
"""

from __future__ import annotations

import json
from typing import Final

from ostiary.model.pool import User, UserStatus
from ostiary.userpool import messages
from ostiary.userpool.accounts import change_user
from ostiary.userpool.attributes import check_values, check_writable, with_attributes
from ostiary.userpool.auth import devices, factors
from ostiary.userpool.auth.completion import complete
from ostiary.userpool.auth.outcome import Challenge, Outcome, Request
from ostiary.userpool.auth.sessions import State, issue_session
from ostiary.userpool.recovery import set_password
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import check_may_sign_in
from ostiary.userpool.triggers import Occasion, run_trigger, user_attributes

NEW_PASSWORD: Final = "NEW_PASSWORD_REQUIRED"  # noqa: S105 - a challenge's name
_PREFIX: Final = "userAttributes."


async def ask_pre_authentication(
    request: Request, user: User | None, name: str
) -> None:
    """
    Let the PreAuthentication trigger refuse.

    Raises:
        AccountError: It did, or failed.
    """
    if user is None and not request.hides_existence:
        return
    await run_trigger(
        request.services,
        "PreAuthentication",
        Occasion(
            pool=request.pool,
            source="PreAuthentication_Authentication",
            username=user.username if user else name,
            client_id=request.client.id,
            attributes=user_attributes(user) if user else {},
            request={
                "validationData": dict(request.metadata) or None,
                "userNotFound": user is None,
            },
        ),
    )


async def go_on(
    request: Request,
    user: User,
    *,
    device_key: str | None = None,
    is_strong: bool = False,
) -> Outcome:
    """
    The step after a password, or what stands in its place, was right.

    Args:
        is_strong: What was right is two factors in one.

    Raises:
        AccountError: The user may not go on, or a code could not be sent.
    """
    check_may_sign_in(user, request.pool, now=request.services.now())
    if user.status is UserStatus.UNCONFIRMED:
        raise AccountError("UserNotConfirmedException", messages.NOT_CONFIRMED)
    if user.status is UserStatus.FORCE_CHANGE_PASSWORD:
        return _ask_new_password(request, user)
    if is_strong:
        return await complete(request, user)
    return await ask_second_factor(request, user, device_key=device_key)


async def ask_second_factor(
    request: Request,
    user: User,
    *,
    device_key: str | None,
    source: str = "Authentication",
) -> Outcome:
    """The step after the first factor: a remembered device may stand for the second."""
    known = await devices.find_remembered(request, user, device_key)
    known_key = known.key if known else None
    wanted = factors.decide_factor(request.pool, user)
    if wanted is not None and known is not None and devices.replaces_factor(request):
        return devices.ask_device(request, user, known)
    match wanted:
        case None:
            return await complete(request, user, source=source, device_key=known_key)
        case factors.Ask(name=name):
            return await factors.ask_factor(request, user, name, device_key=known_key)
        case factors.Choose(names=names):
            return factors.ask_choice(request, user, names, known_key)
        case factors.SetUp(names=names):
            return factors.ask_set_up(request, user, names)


def _ask_new_password(request: Request, user: User) -> Challenge:
    missing = [
        f"{_PREFIX}{name}"
        for name in request.pool.settings.required_attributes
        if not user.attributes.get(name)
    ]
    shown = {k: v for k, v in user.attributes.items() if k != "sub"}
    return Challenge(
        name=NEW_PASSWORD,
        parameters={
            "USER_ID_FOR_SRP": user.username,
            "requiredAttributes": json.dumps(missing),
            "userAttributes": json.dumps(shown),
        },
        session=issue_session(request, user, NEW_PASSWORD),
    )


async def take_new_password(request: Request, user: User, state: State) -> Outcome:
    """
    Set the password that replaces a temporary one, and go on.

    Raises:
        AccountError: It is missing or breaks the policy, or an attribute is.
    """
    del state
    password = request.parameters.get("NEW_PASSWORD")
    if not password:
        text = messages.PARAMETER_MISSING.format("NEW_PASSWORD")
        raise AccountError("InvalidParameterException", text)
    given = {
        name.removeprefix(_PREFIX): value
        for name, value in request.parameters.items()
        if name.startswith(_PREFIX)
    }
    check_writable(request.client.settings, given)
    for name in ("email", "phone_number"):
        if given.get(name) and user.attributes.get(name) not in {None, given[name]}:
            text = messages.NEW_PASSWORD_MODIFIED.format(name)
            raise AccountError("InvalidParameterException", text)
    check_values(request.pool.settings, given)
    known = {**user.attributes, **given}
    for name in request.pool.settings.required_attributes:
        if not known.get(name):
            text = messages.NEW_PASSWORD_ATTRIBUTE.format(name)
            raise AccountError("InvalidParameterException", text)
    changed = await set_password(
        request.services,
        request.pool,
        user,
        password,
        status=UserStatus.CONFIRMED,
        instead_of=user.password,
    )
    if given:
        now = request.services.now()
        changed = await change_user(
            request.services,
            changed,
            lambda current: with_attributes(request.pool, current, given, now=now),
            by_user=True,
        )
    return await ask_second_factor(
        request, changed, device_key=None, source="NewPasswordChallenge"
    )
