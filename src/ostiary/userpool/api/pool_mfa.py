"""
Which second factors a pool knows.

The three factors are chosen together: naming one replaces all three, naming none keeps them.
What is said of passkeys is separate and kept until it is said anew.

Spec: cognito §3.3, §3.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ostiary.model.pool import Pool
from ostiary.model.pool_settings import MfaSettings, SmsConfigurationType
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.errors import invalid, read_settings
from ostiary.userpool.api.pools import load_pool
from ostiary.userpool.api.records import pick

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_FACTORS: Final = (
    "SmsMfaConfiguration",
    "SoftwareTokenMfaConfiguration",
    "EmailMfaConfiguration",
)
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _configures_one(chosen: Given) -> bool:
    # SDKs and Terraform send a factor that is off, or empty, along with OFF.
    tokens = chosen.get("SoftwareTokenMfaConfiguration", {})
    others = {k: v for k, v in chosen.items() if k != "SoftwareTokenMfaConfiguration"}
    return bool(tokens.get("Enabled")) or any(others.values())


def _read_sms(pool: Pool, sms: Given) -> SmsConfigurationType | None:
    given = sms.get("SmsConfiguration")
    if given is None:
        return pool.settings.SmsConfiguration
    return read_settings(SmsConfigurationType, given)


def _choose(pool: Pool, mode: str, given: Given) -> MfaSettings:
    chosen = pick(given, *_FACTORS)
    if mode == "OFF":
        if _configures_one(chosen):
            raise invalid(messages.MFA_OFF_AND_ON)
        return MfaSettings()
    mfa = MfaSettings.model_validate(chosen) if chosen else pool.mfa
    sms = mfa.SmsMfaConfiguration
    if sms is not None and _read_sms(pool, sms) is None:
        raise invalid(messages.MFA_NEEDS_SMS)
    if not mfa.has_factors:
        raise invalid(messages.MFA_NO_FACTOR)
    return mfa


def decide_mfa(pool: Pool, given: Given) -> Pool:
    """
    The pool as SetUserPoolMfaConfig leaves it.

    Raises:
        ApiError: A factor besides OFF, or none besides ON or OPTIONAL.
    """
    settings = pool.settings
    mode = given.get("MfaConfiguration", settings.MfaConfiguration)
    passkeys = given.get("WebAuthnConfiguration", pool.mfa.WebAuthnConfiguration)
    mfa = _choose(pool, mode, given)
    changes: Shape = {"MfaConfiguration": mode}
    sms = mfa.SmsMfaConfiguration
    if sms is not None:
        changes["SmsConfiguration"] = _read_sms(pool, sms)
    if sms is not None and "SmsAuthenticationMessage" in sms:
        changes["SmsAuthenticationMessage"] = sms["SmsAuthenticationMessage"]
    return replace(
        pool,
        settings=settings.model_copy(update=changes),
        mfa=mfa.model_copy(update={"WebAuthnConfiguration": passkeys}),
    )


def _build_shape(pool: Pool) -> Shape:
    shape = {**pool.mfa.to_wire(), "MfaConfiguration": pool.settings.MfaConfiguration}
    sms = shape.get("SmsMfaConfiguration")
    if sms is not None and pool.settings.SmsConfiguration is not None:
        configuration = pool.settings.SmsConfiguration.to_wire()
        shape["SmsMfaConfiguration"] = {**sms, "SmsConfiguration": configuration}
    return shape


async def get_mfa(call: Call, given: t.GetUserPoolMfaConfigRequestTypeDef) -> Shape:
    """GetUserPoolMfaConfig."""
    return _build_shape(await load_pool(call, given["UserPoolId"]))


async def set_mfa(call: Call, given: t.SetUserPoolMfaConfigRequestTypeDef) -> Shape:
    """SetUserPoolMfaConfig."""
    pool = decide_mfa(await load_pool(call, given["UserPoolId"]), given)
    pool = replace(pool, modified_at=call.services.now())
    await call.services.config.store.save_pool(pool)
    return _build_shape(pool)


OPERATIONS: Final[Operations] = {
    "GetUserPoolMfaConfig": get_mfa,
    "SetUserPoolMfaConfig": set_mfa,
}
