"""Operations of a signed-in person on their own account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Record, RecordKind, User, UserStatus
from ostiary.oidc.op.claims import readable
from ostiary.userpool import messages
from ostiary.userpool.accounts import change_user, say_taken
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.mfa import build_mfa_shape
from ostiary.userpool.api.tokens import Caller, load_caller
from ostiary.userpool.attributes import (
    check_mutable,
    check_values,
    check_writable,
    read_list,
    with_attributes,
)
from ostiary.userpool.delivery import Attribute, Destination
from ostiary.userpool.recovery import set_password
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.signing_in import begin_attempt, is_right
from ostiary.userpool.verification import KIND_OF, send_new_code, try_code

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_CODED: Final[tuple[Attribute, ...]] = ("email", "phone_number")


async def get_user(call: Call, given: t.GetUserRequestTypeDef) -> Shape:
    """GetUser: what the client may read."""
    caller = await load_caller(call, given["AccessToken"])
    allowed = caller.client.settings.ReadAttributes
    shown = readable(
        caller.user.attributes, allowed, strict=call.services.config.strict
    )
    ordered = {"sub": shown["sub"], **shown}
    return {
        "Username": caller.user.username,
        "UserAttributes": [{"Name": k, "Value": v} for k, v in ordered.items()],
        **build_mfa_shape(caller.user),
    }


async def update_user_attributes(
    call: Call, given: t.UpdateUserAttributesRequestTypeDef
) -> Shape:
    """UpdateUserAttributes: a new address is unproven, and is sent a code if the pool says so."""
    caller = await load_caller(call, given["AccessToken"])
    pool, user = caller.pool, caller.user
    changes = read_list(given["UserAttributes"])
    check_writable(caller.client.settings, changes)
    check_mutable(pool.settings, changes)
    check_values(pool.settings, changes)
    emptied = {name: "" for name, value in changes.items() if not value}
    check_deletable(pool.settings.required_attributes, emptied)
    waiting = pool.settings.UserAttributeUpdateSettings
    held = set(waiting.AttributesRequireVerificationBeforeUpdate) if waiting else set()
    now, sent = call.services.now(), []
    applied = dict(changes)
    for name in _CODED:
        value = changes.get(name)
        if not value or value == user.attributes.get(name):
            continue
        if name in held:
            del applied[name]
            await _keep_waiting(call, caller, name, value)
    changed = await change_user(
        call.services,
        user,
        lambda current: with_attributes(pool, current, applied, now=now),
        by_user=True,
        taken=say_taken(pool, applied),
    )
    auto = pool.settings.AutoVerifiedAttributes or ()
    for name in _CODED:
        value = changes.get(name)
        if value and value != user.attributes.get(name) and name in {*auto, *held}:
            sent.append(
                await _send(call, caller, changed, name, value, "UpdateUserAttribute")
            )
    return {"CodeDeliveryDetailsList": [d.to_wire() for d in sent]}


async def _keep_waiting(call: Call, caller: Caller, name: str, value: str) -> None:
    """Keep a value until its code has come back."""
    now = call.services.now()
    await call.services.config.store.save_record(
        Record(
            pool_id=caller.pool.id,
            kind=RecordKind.WAITING,
            owner=caller.user.username,
            name=name,
            value={"value": value},
            created_at=now,
            modified_at=now,
        )
    )


async def _send(
    call: Call,
    caller: Caller,
    user: User,
    name: Attribute,
    value: str,
    source: str,
) -> Destination:
    destination = Destination(attribute=name, value=value)
    await send_new_code(
        call.services,
        caller.pool,
        user,
        KIND_OF[name],
        destination,
        source=source,
        client_id=caller.client.id,
    )
    return destination


def _coded(name: str) -> Attribute:
    if name not in _CODED:
        raise invalid(messages.NOT_VERIFIABLE)
    return name


async def _waiting_value(call: Call, caller: Caller, name: str) -> str | None:
    record = await call.services.config.store.load_record(
        pool_id=caller.pool.id,
        kind=RecordKind.WAITING,
        owner=caller.user.username,
        name=name,
    )
    return str(record.value["value"]) if record else None


async def get_user_attribute_verification_code(
    call: Call, given: t.GetUserAttributeVerificationCodeRequestTypeDef
) -> Shape:
    """GetUserAttributeVerificationCode."""
    caller = await load_caller(call, given["AccessToken"])
    name = _coded(given["AttributeName"])
    value = await _waiting_value(call, caller, name) or caller.user.attributes.get(name)
    if not value:
        raise invalid(messages.NOTHING_TO_VERIFY.format(name))
    sent = await _send(call, caller, caller.user, name, value, "VerifyUserAttribute")
    return {"CodeDeliveryDetails": sent.to_wire()}


async def verify_user_attribute(
    call: Call, given: t.VerifyUserAttributeRequestTypeDef
) -> Shape:
    """VerifyUserAttribute: the value that the code was sent to is proven, and taken over."""
    caller = await load_caller(call, given["AccessToken"])
    name = _coded(given["AttributeName"])
    waiting = await _waiting_value(call, caller, name)
    value = waiting or caller.user.attributes.get(name) or ""
    await try_code(
        call.services, caller.user, KIND_OF[name], given["Code"], value=value
    )
    changes, now = {name: value, f"{name}_verified": "true"}, call.services.now()

    def change(current: User) -> User:
        if waiting is None and current.attributes.get(name) != value:
            raise AccountError("CodeMismatchException", messages.CODE_WRONG)
        return with_attributes(caller.pool, current, changes, now=now)

    await change_user(
        call.services,
        caller.user,
        change,
        by_user=True,
        taken=say_taken(caller.pool, {name}),
    )
    if waiting is not None:
        await call.services.config.store.delete_record(
            pool_id=caller.pool.id,
            kind=RecordKind.WAITING,
            owner=caller.user.username,
            name=name,
        )
    return {}


async def delete_user_attributes(
    call: Call, given: t.DeleteUserAttributesRequestTypeDef
) -> Shape:
    """DeleteUserAttributes."""
    caller = await load_caller(call, given["AccessToken"])
    gone = dict.fromkeys(given["UserAttributeNames"], "")
    check_writable(caller.client.settings, gone)
    check_deletable(caller.pool.settings.required_attributes, gone)
    check_mutable(caller.pool.settings, gone)
    check_values(caller.pool.settings, gone)
    now = call.services.now()
    await change_user(
        call.services,
        caller.user,
        lambda current: with_attributes(caller.pool, current, gone, now=now),
        by_user=True,
    )
    return {}


def check_deletable(required: tuple[str, ...], gone: dict[str, str]) -> None:
    """
    Refuse to delete what the schema asks for.

    Raises:
        ApiError: InvalidParameterException.
    """
    kept = [name for name in required if name in gone]
    if kept:
        raise invalid(messages.ATTRIBUTE_FIXED.format(kept[0]))


async def change_password(call: Call, given: t.ChangePasswordRequestTypeDef) -> Shape:
    """ChangePassword: attempts at the old one count as attempts to sign in."""
    caller = await load_caller(call, given["AccessToken"])
    pool, user = caller.pool, caller.user
    previous = given.get("PreviousPassword")
    if user.password is not None:
        try:
            async with begin_attempt(
                call.services, pool, name=user.username, hides_existence=True
            ) as attempt:
                attempt.right = previous is not None and await is_right(
                    call.services, previous, user.password
                )
        except AccountError as error:
            raise ApiError("LimitExceededException", messages.TRIES_EXCEEDED) from error
        attempt.end()
    await set_password(
        call.services,
        pool,
        user,
        given["ProposedPassword"],
        status=UserStatus.CONFIRMED,
        instead_of=user.password,
    )
    return {}


async def delete_user(call: Call, given: t.DeleteUserRequestTypeDef) -> Shape:
    """DeleteUser."""
    caller = await load_caller(call, given["AccessToken"])
    await call.services.config.store.delete_user(
        pool_id=caller.pool.id, username=caller.user.username
    )
    return {}


OPERATIONS: Final[Operations] = {
    "GetUser": get_user,
    "UpdateUserAttributes": update_user_attributes,
    "DeleteUserAttributes": delete_user_attributes,
    "GetUserAttributeVerificationCode": get_user_attribute_verification_code,
    "VerifyUserAttribute": verify_user_attribute,
    "ChangePassword": change_password,
    "DeleteUser": delete_user,
}
