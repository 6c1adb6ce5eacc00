"""Operations by which people sign themselves up and come back from a forgotten password."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, PoolClient, User, UserStatus
from ostiary.userpool import accounts, messages
from ostiary.userpool.accounts import Newcomer
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.tokens import check_call_hash, load_client
from ostiary.userpool.attributes import check_writable, read_list
from ostiary.userpool.delivery import (
    Attribute,
    Destination,
    choose_shown,
    find_recovery_order,
    send_later,
    show_destination,
)
from ostiary.userpool.lookup import find_user
from ostiary.userpool.migration import migrate
from ostiary.userpool.recovery import reset_password, send_reset_code
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.verification import send_confirmation

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_CODED: Final[tuple[Attribute, ...]] = ("email", "phone_number")
# What a code that is not right is refused with; where existence is hidden, one stands for all.
_CODE_REFUSALS: Final = frozenset(
    {
        "CodeMismatchException",
        "ExpiredCodeException",
        "LimitExceededException",
        "NotAuthorizedException",  # confirmed already
    }
)


@contextmanager
def _one_refusal(client: PoolClient) -> Iterator[None]:
    """
    Where existence is hidden, let a wrong code stand for every reason that is a user's alone.

    Raises:
        AccountError: CodeMismatchException in place of such a refusal; others as they are.
    """
    try:
        yield
    except AccountError as error:
        if not client.settings.hides_existence or error.code not in _CODE_REFUSALS:
            raise
        raise AccountError("CodeMismatchException", messages.CODE_WRONG) from error


def _missing() -> AccountError:
    return AccountError("UserNotFoundException", messages.COMBINATION_MISSING)


async def sign_up(call: Call, given: t.SignUpRequestTypeDef) -> Shape:
    """SignUp."""
    pool, client = await load_client(call, given["ClientId"])
    name = given["Username"]
    await check_call_hash(call, pool, client, given.get("SecretHash"), name)
    attributes = read_list(given.get("UserAttributes"))
    check_writable(client.settings, attributes)
    newcomer = Newcomer(
        name=name,
        attributes=attributes,
        password=given.get("Password"),
        client_id=client.id,
        validation=read_list(given.get("ValidationData")),
        metadata=given.get("ClientMetadata", {}),
    )
    user = await accounts.sign_up(call.services, pool, newcomer)
    shape: Shape = {
        "UserConfirmed": user.status is UserStatus.CONFIRMED,
        "UserSub": user.sub,
    }
    if user.status is UserStatus.UNCONFIRMED:
        sent = await send_confirmation(
            call.services,
            pool,
            user,
            client_id=client.id,
            metadata=given.get("ClientMetadata"),
        )
        if sent is not None:
            shape["CodeDeliveryDetails"] = sent.to_wire()
    return shape


async def confirm_sign_up(call: Call, given: t.ConfirmSignUpRequestTypeDef) -> Shape:
    """ConfirmSignUp."""
    pool, client = await load_client(call, given["ClientId"])
    name = given["Username"]
    await check_call_hash(call, pool, client, given.get("SecretHash"), name)
    user = await find_user(call.services, pool, name)
    if user is None and not client.settings.hides_existence:
        raise _missing()
    with _one_refusal(client):
        await accounts.confirm(
            call.services,
            pool,
            user,
            given["ConfirmationCode"],
            force_alias=given.get("ForceAliasCreation", False),
            client_id=client.id,
            metadata=given.get("ClientMetadata"),
        )
    return {}


async def resend_confirmation_code(
    call: Call, given: t.ResendConfirmationCodeRequestTypeDef
) -> Shape:
    """ResendConfirmationCode."""
    pool, client = await load_client(call, given["ClientId"])
    name = given["Username"]
    await check_call_hash(call, pool, client, given.get("SecretHash"), name)
    metadata = given.get("ClientMetadata", {})
    user = await find_user(call.services, pool, name)

    async def send(found: User) -> Destination | None:
        return await send_confirmation(
            call.services,
            pool,
            found,
            source="ResendCode",
            client_id=client.id,
            metadata=metadata,
        )

    if client.settings.hides_existence:
        if user is not None and user.status is UserStatus.UNCONFIRMED:
            send_later(call.services, partial(send, user))
        auto = pool.settings.AutoVerifiedAttributes or ()
        return _show(call, pool, user, name, [a for a in _CODED if a in auto])
    if user is None:
        raise _missing()
    if user.status is not UserStatus.UNCONFIRMED:
        raise AccountError("InvalidParameterException", messages.CONFIRMED_ALREADY)
    sent = await send(user)
    if sent is None:
        raise AccountError("InvalidParameterException", messages.NO_AUTO_VERIFICATION)
    return {"CodeDeliveryDetails": sent.to_wire()}


def _show(
    call: Call, pool: Pool, user: User | None, name: str, allowed: Sequence[Attribute]
) -> Shape:
    """Where a code went, said alike of users and of names that nobody has."""
    attribute = choose_shown(pool, name, allowed)
    shown = show_destination(call.services, pool, user, name, attribute)
    return {"CodeDeliveryDetails": shown.to_wire()}


async def forgot_password(call: Call, given: t.ForgotPasswordRequestTypeDef) -> Shape:
    """ForgotPassword. Where existence is hidden, the code is on its way after the answer."""
    pool, client = await load_client(call, given["ClientId"])
    name = given["Username"]
    await check_call_hash(call, pool, client, given.get("SecretHash"), name)
    metadata = given.get("ClientMetadata", {})
    user = await find_user(call.services, pool, name)

    async def send() -> Destination:
        found = user or await migrate(
            call.services,
            pool,
            name,
            password=None,
            client_id=client.id,
            metadata=metadata,
        )
        if found is None:
            raise _missing()
        return await send_reset_code(
            call.services, pool, found, client_id=client.id, metadata=metadata
        )

    if not client.settings.hides_existence:
        return {"CodeDeliveryDetails": (await send()).to_wire()}
    send_later(call.services, send)
    return _show(call, pool, user, name, find_recovery_order(pool) or _CODED)


async def confirm_forgot_password(
    call: Call, given: t.ConfirmForgotPasswordRequestTypeDef
) -> Shape:
    """ConfirmForgotPassword."""
    pool, client = await load_client(call, given["ClientId"])
    name = given["Username"]
    await check_call_hash(call, pool, client, given.get("SecretHash"), name)
    user = await find_user(call.services, pool, name)
    if user is None and not client.settings.hides_existence:
        raise _missing()
    with _one_refusal(client):
        await reset_password(
            call.services,
            pool,
            user,
            code=given["ConfirmationCode"],
            password=given["Password"],
            client_id=client.id,
            metadata=given.get("ClientMetadata"),
        )
    return {}


OPERATIONS: Final[Operations] = {
    "SignUp": sign_up,
    "ConfirmSignUp": confirm_sign_up,
    "ResendConfirmationCode": resend_confirmation_code,
    "ForgotPassword": forgot_password,
    "ConfirmForgotPassword": confirm_forgot_password,
}
