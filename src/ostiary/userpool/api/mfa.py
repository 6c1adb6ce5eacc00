"""Operations on a user's second factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ostiary.model.pool import Factors, Pool, User, UserStatus
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.pools import load_pool
from ostiary.userpool.api.tokens import load_caller
from ostiary.userpool.auth import choice, enrolment, factors
from ostiary.userpool.auth.factors import seal_totp_secret
from ostiary.userpool.auth.guesses import count_guess, forget_guesses
from ostiary.userpool.auth.sessions import open_session_of_any_client
from ostiary.userpool.lookup import load_named_user

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

Given = Mapping[str, Any]  # Any: what the model has checked
_SETTINGS: Final = (
    ("SMSMfaSettings", factors.SMS),
    ("SoftwareTokenMfaSettings", factors.TOTP),
    ("EmailMfaSettings", factors.EMAIL),
)


def build_mfa_shape(user: User) -> Shape:
    """A user's factors as the API shows them: nothing where there are none."""
    names = factors.find_factors(user)
    shape: Shape = {}
    if user.factors.preferred in names:
        shape["PreferredMfaSetting"] = user.factors.preferred
    if names:
        shape["UserMFASettingList"] = list(names)
    return shape


def _is_there(user: User, name: str) -> None:
    attributes = user.attributes
    is_there = {
        factors.TOTP: user.factors.totp_verified,
        factors.SMS: bool(attributes.get("phone_number")),
        factors.EMAIL: bool(attributes.get("email")),
    }
    if not is_there[name]:
        raise invalid(messages.FACTOR_UNCONFIGURED.format(name))


def read_preference(user: User, given: Given) -> Factors:
    """
    The factors that a preference asks for.

    Raises:
        ApiError: A factor is not set up, or two are preferred.
    """
    enabled = {
        factors.SMS: user.factors.sms,
        factors.TOTP: user.factors.software_token,
        factors.EMAIL: user.factors.email,
    }
    preferred = user.factors.preferred
    wanted = []
    for member, name in _SETTINGS:
        asked = given.get(member)
        if asked is None:
            continue
        enabled[name] = bool(asked.get("Enabled"))
        if enabled[name]:
            _is_there(user, name)
        if asked.get("PreferredMfa"):
            if not enabled[name]:
                raise invalid(messages.PREFERRED_DISABLED)
            wanted.append(name)
        elif preferred == name:
            preferred = None
    if len(wanted) > 1:
        raise invalid(messages.PREFERRED_TWICE)
    return replace(
        user.factors,
        sms=enabled[factors.SMS],
        software_token=enabled[factors.TOTP],
        email=enabled[factors.EMAIL],
        preferred=wanted[0] if wanted else preferred,
    )


async def _change(call: Call, user: User, given: Given) -> Shape:
    def rule(current: User) -> tuple[User, None]:
        return replace(current, factors=read_preference(current, given)), None

    await call.services.config.store.change_user(
        pool_id=user.pool_id, username=user.username, rule=rule
    )
    return {}


async def set_user_mfa_preference(
    call: Call, given: t.SetUserMFAPreferenceRequestTypeDef
) -> Shape:
    """SetUserMFAPreference."""
    caller = await load_caller(call, given["AccessToken"])
    return await _change(call, caller.user, given)


async def admin_set_user_mfa_preference(
    call: Call, given: t.AdminSetUserMFAPreferenceRequestTypeDef
) -> Shape:
    """AdminSetUserMFAPreference."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return await _change(call, user, given)


def _read_options(options: Any) -> Given:  # Any: what the model has checked
    sms = any(o.get("DeliveryMedium") == "SMS" for o in options)
    return {"SMSMfaSettings": {"Enabled": sms}}


async def set_user_settings(
    call: Call, given: t.SetUserSettingsRequestTypeDef
) -> Shape:
    """SetUserSettings: the older form, for short messages alone."""
    caller = await load_caller(call, given["AccessToken"])
    return await _change(call, caller.user, _read_options(given["MFAOptions"]))


async def admin_set_user_settings(
    call: Call, given: t.AdminSetUserSettingsRequestTypeDef
) -> Shape:
    """AdminSetUserSettings."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return await _change(call, user, _read_options(given["MFAOptions"]))


def _auth_factors(pool: Pool, user: User) -> Shape:
    first = [n for n in choice.find_first_factors(pool, user) if n != "PASSWORD_SRP"]
    return {
        "Username": user.username,
        **build_mfa_shape(user),
        "ConfiguredUserAuthFactors": first,
    }


async def get_user_auth_factors(
    call: Call, given: t.GetUserAuthFactorsRequestTypeDef
) -> Shape:
    """GetUserAuthFactors."""
    caller = await load_caller(call, given["AccessToken"])
    return _auth_factors(caller.pool, caller.user)


async def admin_get_user_auth_factors(call: Call, given: Given) -> Shape:
    """AdminGetUserAuthFactors."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    return _auth_factors(pool, user)


def _check_enabled(pool: Pool) -> None:
    if not pool.mfa.has_software_tokens:
        raise ApiError("SoftwareTokenMFANotFoundException", messages.TOTP_UNCONFIGURED)


async def associate_software_token(
    call: Call, given: t.AssociateSoftwareTokenRequestTypeDef
) -> Shape:
    """AssociateSoftwareToken: a new secret, for who is signed in or is signing in."""
    if (text := given.get("Session")) is not None:
        state, pool, _ = await open_session_of_any_client(
            call.services, text, factors.SETUP
        )
        _check_enabled(pool)
        secret, session = enrolment.begin(call.services, state)
        return {"SecretCode": secret, "Session": session}
    secret = enrolment.new_secret(call.services)
    caller = await load_caller(call, given.get("AccessToken", ""))
    _check_enabled(caller.pool)
    sealed = seal_totp_secret(call.services.vault, secret)

    def rule(current: User) -> tuple[User, None]:
        changed = replace(
            current.factors,
            sealed_totp=sealed,
            totp_verified=False,
            software_token=False,
            last_totp_step=0,
        )
        return replace(current, factors=changed), None

    await call.services.config.store.change_user(
        pool_id=caller.pool.id, username=caller.user.username, rule=rule
    )
    return {"SecretCode": secret}


async def _verify_in_session(
    call: Call, given: t.VerifySoftwareTokenRequestTypeDef, text: str
) -> Shape:
    state, pool, user = await open_session_of_any_client(
        call.services, text, factors.SETUP
    )
    _check_enabled(pool)
    name = given.get("FriendlyDeviceName", "")
    session = await enrolment.finish(
        call.services, state, user, given["UserCode"], name=name
    )
    return {"Status": "SUCCESS", "Session": session}


async def verify_software_token(
    call: Call, given: t.VerifySoftwareTokenRequestTypeDef
) -> Shape:
    """VerifySoftwareToken: the app shows the right code, so it has the secret."""
    if (text := given.get("Session")) is not None:
        return await _verify_in_session(call, given, text)
    caller = await load_caller(call, given.get("AccessToken", ""))
    _check_enabled(caller.pool)
    sealed = caller.user.factors.sealed_totp
    if sealed is None:
        raise ApiError("SoftwareTokenMFANotFoundException", messages.TOTP_UNCONFIGURED)
    await count_guess(call.services, caller.user)
    step = enrolment.find_step(call.services, sealed, given["UserCode"])
    name = given.get("FriendlyDeviceName", "")

    def rule(current: User) -> tuple[User, None]:
        # Another secret meanwhile, or a code that was used: it would be good once more.
        if (
            current.factors.sealed_totp != sealed
            or step <= current.factors.last_totp_step
        ):
            raise ApiError("EnableSoftwareTokenMFAException", messages.TOTP_MISMATCH)
        changed = replace(
            current.factors, totp_verified=True, totp_name=name, last_totp_step=step
        )
        return replace(current, factors=changed), None

    await call.services.config.store.change_user(
        pool_id=caller.pool.id, username=caller.user.username, rule=rule
    )
    await forget_guesses(call.services, caller.user)
    return {"Status": "SUCCESS"}


async def admin_delete_software_token(call: Call, given: Given) -> Shape:
    """AdminDeleteSoftwareToken."""
    pool = await load_pool(call, given["UserPoolId"])
    user = await load_named_user(call.services, pool, given["Username"])
    if user.status is UserStatus.UNCONFIRMED:
        raise ApiError("UserNotConfirmedException", messages.NOT_CONFIRMED)

    def rule(current: User) -> tuple[User, None]:
        kept = current.factors
        preferred = None if kept.preferred == factors.TOTP else kept.preferred
        changed = Factors(sms=kept.sms, email=kept.email, preferred=preferred)
        return replace(current, factors=changed), None

    await call.services.config.store.change_user(
        pool_id=pool.id, username=user.username, rule=rule
    )
    return {}


OPERATIONS: Final[Operations] = {
    "SetUserMFAPreference": set_user_mfa_preference,
    "AdminSetUserMFAPreference": admin_set_user_mfa_preference,
    "SetUserSettings": set_user_settings,
    "AdminSetUserSettings": admin_set_user_settings,
    "GetUserAuthFactors": get_user_auth_factors,
    "AdminGetUserAuthFactors": admin_get_user_auth_factors,
    "AssociateSoftwareToken": associate_software_token,
    "VerifySoftwareToken": verify_software_token,
    "AdminDeleteSoftwareToken": admin_delete_software_token,
}
