"""Operations by which people sign themselves up and come back from a forgotten password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.model.pool import Pool, User, UserStatus
from ostiary.userpool import accounts, messages
from ostiary.userpool.accounts import Newcomer
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.tokens import check_call_hash, load_client
from ostiary.userpool.attributes import check_writable, read_list
from ostiary.userpool.delivery import Destination, pretend_destination
from ostiary.userpool.lookup import find_user
from ostiary.userpool.recovery import reset_password, send_reset_code
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.verification import send_confirmation

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t


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
    user = await find_user(call.services, pool, name)
    if user is None:
        if client.settings.hides_existence:
            return _pretend(call, pool, name)
        raise _missing()
    if user.status is not UserStatus.UNCONFIRMED:
        raise AccountError("InvalidParameterException", messages.CONFIRMED_ALREADY)
    sent = await send_confirmation(
        call.services,
        pool,
        user,
        source="ResendCode",
        client_id=client.id,
        metadata=given.get("ClientMetadata"),
    )
    if sent is None:
        raise AccountError("InvalidParameterException", messages.NO_AUTO_VERIFICATION)
    return {"CodeDeliveryDetails": sent.to_wire()}


def _pretend(call: Call, pool: Pool, name: str) -> Shape:
    """What is said of a name that nobody has: that a code was sent."""
    shown = pretend_destination(call.services, pool, name)
    return {"CodeDeliveryDetails": shown}


async def forgot_password(call: Call, given: t.ForgotPasswordRequestTypeDef) -> Shape:
    """ForgotPassword. Where existence is hidden, the code is on its way after the answer."""
    pool, client = await load_client(call, given["ClientId"])
    name = given["Username"]
    await check_call_hash(call, pool, client, given.get("SecretHash"), name)
    user = await find_user(call.services, pool, name)
    metadata = given.get("ClientMetadata", {})

    async def send(found: User) -> Destination:
        return await send_reset_code(
            call.services, pool, found, client_id=client.id, metadata=metadata
        )

    if not client.settings.hides_existence:
        if user is None:
            raise _missing()
        sent = await send(user)
        return {"CodeDeliveryDetails": sent.to_wire()}
    if user is None:
        return _pretend(call, pool, name)
    try:
        sent = await send(user)
    except AccountError as error:
        if error.code in {"LimitExceededException", "CodeDeliveryFailureException"}:
            raise
        return _pretend(call, pool, name)
    return {"CodeDeliveryDetails": sent.to_wire()}


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
