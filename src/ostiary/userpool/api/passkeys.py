"""Operations on a signed-in person's passkeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.paging import cut_page, read_page_token, with_token
from ostiary.userpool.api.pools import timestamp
from ostiary.userpool.api.tokens import load_caller
from ostiary.userpool.auth.passkey_store import (
    MAX_PASSKEYS,
    add_passkey,
    begin_registration,
    delete_passkey,
    load_passkeys,
    take_registration,
)
from ostiary.userpool.auth.passkeys import (
    Passkey,
    build_creation_options,
    find_relying_party,
    read_registration,
)

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t


def _shape(passkey: Passkey) -> Shape:
    shape: Shape = {
        "CredentialId": passkey.id,
        "FriendlyCredentialName": passkey.name,
        "RelyingPartyId": passkey.relying_party,
        "AuthenticatorTransports": list(passkey.transports),
        "CreatedAt": timestamp(passkey.created_at),
    }
    if passkey.attachment is not None:
        shape["AuthenticatorAttachment"] = passkey.attachment
    return shape


async def start_web_authn_registration(
    call: Call, given: t.StartWebAuthnRegistrationRequestTypeDef
) -> Shape:
    """StartWebAuthnRegistration."""
    caller = await load_caller(call, given["AccessToken"])
    party = find_relying_party(call.services.config, caller.pool)
    passkeys = await load_passkeys(call.services, caller.pool, caller.user.username)
    if len(passkeys) >= MAX_PASSKEYS:
        raise ApiError("LimitExceededException", messages.PASSKEYS_MANY)
    challenge = await begin_registration(call.services, caller.pool, caller.user)
    options = build_creation_options(party, caller.user, passkeys, challenge)
    return {"CredentialCreationOptions": options}


async def complete_web_authn_registration(
    call: Call, given: t.CompleteWebAuthnRegistrationRequestTypeDef
) -> Shape:
    """CompleteWebAuthnRegistration: what the browser has made, for the challenge it was given."""
    caller = await load_caller(call, given["AccessToken"])
    party = find_relying_party(call.services.config, caller.pool)
    challenge = await take_registration(call.services, caller.pool, caller.user)
    if challenge is None:
        raise ApiError("WebAuthnChallengeNotFoundException", messages.PASSKEY_UNASKED)
    passkey = read_registration(
        party, given["Credential"], challenge, now=call.services.now()
    )
    try:
        await add_passkey(call.services, caller.pool, caller.user, passkey)
    except AlreadyExists as error:
        raise ApiError(
            "WebAuthnCredentialNotSupportedException", messages.PASSKEY_KNOWN
        ) from error
    return {}


async def list_web_authn_credentials(
    call: Call, given: t.ListWebAuthnCredentialsRequestTypeDef
) -> Shape:
    """ListWebAuthnCredentials."""
    caller = await load_caller(call, given["AccessToken"])
    purpose = f"passkeys {caller.pool.id} {caller.user.username}"
    after = read_page_token(call, given.get("NextToken"), purpose=purpose)
    size = given.get("MaxResults") or MAX_PASSKEYS
    found = await load_passkeys(call.services, caller.pool, caller.user.username)
    rest = [passkey for passkey in found if passkey.id > after]
    page, token = cut_page(call, rest, size, purpose=purpose, name_of=lambda p: p.id)
    return with_token({"Credentials": [_shape(p) for p in page]}, token)


async def delete_web_authn_credential(
    call: Call, given: t.DeleteWebAuthnCredentialRequestTypeDef
) -> Shape:
    """DeleteWebAuthnCredential."""
    caller = await load_caller(call, given["AccessToken"])
    key = given["CredentialId"]
    if not await delete_passkey(call.services, caller.pool, caller.user, key):
        raise ApiError("ResourceNotFoundException", messages.PASSKEY_MISSING)
    return {}


OPERATIONS: Final[Operations] = {
    "StartWebAuthnRegistration": start_web_authn_registration,
    "CompleteWebAuthnRegistration": complete_web_authn_registration,
    "ListWebAuthnCredentials": list_web_authn_credentials,
    "DeleteWebAuthnCredential": delete_web_authn_credential,
}
