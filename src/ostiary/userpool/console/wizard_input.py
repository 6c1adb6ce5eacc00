"""
What the wizard's fields mean as inputs of the API.

Spec: cognito §4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ostiary.model.pool_settings import STANDARD_ATTRIBUTES
from ostiary.userpool.api.caller import ACCOUNT
from ostiary.userpool.console.forms import Form, read_number
from ostiary.userpool.console.wizard_fields import CUSTOM_ROWS, TAG_ROWS, TRIGGERS

Input = dict[str, Any]  # Any: JSON
SMS_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/sms"
_NAMES: Final = {
    "email": ["email"],
    "phone_number": ["phone_number"],
    "both": ["phone_number", "email"],
}
_NEEDS: Final = (
    ("uppercase", "RequireUppercase"),
    ("lowercase", "RequireLowercase"),
    ("numbers", "RequireNumbers"),
    ("symbols", "RequireSymbols"),
)
_RECOVERY: Final = {
    "email_phone": ("verified_email", "verified_phone_number"),
    "phone_email": ("verified_phone_number", "verified_email"),
    "email": ("verified_email",),
    "phone": ("verified_phone_number",),
    "admin": ("admin_only",),
}
_VERIFIED: Final = {
    "email": ["email"],
    "phone": ["phone_number"],
    "both": ["email", "phone_number"],
    "none": [],
}
FIELDS: Final = {
    "poolName": "pool_name",
    "policies.passwordPolicy.minimumLength": "minimum_length",
    "policies.passwordPolicy.temporaryPasswordValidityDays": "temporary_days",
    "schema": "custom_1_name",
    "verificationMessageTemplate.emailMessage": "email_message",
    "verificationMessageTemplate.emailSubject": "email_subject",
    "verificationMessageTemplate.smsMessage": "sms_message",
    "adminCreateUserConfig.inviteMessageTemplate.emailMessage": "invite_message",
    "adminCreateUserConfig.inviteMessageTemplate.emailSubject": "invite_subject",
    "emailConfiguration.replyToEmailAddress": "reply_to",
    "userPoolTags": "tag_1_key",
    "User pool": "tag_1_key",
    "The tag _custom_id_": "tag_1_key",
    "smsConfiguration.snsCallerArn": "sms_role",
    "SMS configuration and": "factors",
    "At least one of SmsMfa": "factors",
    "clientName": "client_name",
    **{f"lambdaConfig.{name}": f"trigger_{name}" for name, _ in TRIGGERS},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """An operation that the wizard will run, and its input without the pool's id."""

    operation: str
    given: Input


def _schema(form: Form) -> list[Input]:
    standard = [
        {
            "Name": name,
            "AttributeDataType": "Number" if name == "updated_at" else "String",
            "Required": True,
            "Mutable": True,
        }
        for name in form.all("required")
        if name in STANDARD_ATTRIBUTES
    ]
    custom = [
        {
            "Name": form.get(f"custom_{row}_name"),
            "AttributeDataType": form.get(f"custom_{row}_type") or "String",
            "Mutable": True,
        }
        for row in range(1, CUSTOM_ROWS + 1)
        if form.get(f"custom_{row}_name")
    ]
    return standard + custom


def _names(form: Form) -> Input:
    given: Input = {
        "UsernameConfiguration": {"CaseSensitive": not form.has("case_insensitive")}
    }
    if form.get("sign_in") == "attribute":
        given["UsernameAttributes"] = _NAMES.get(form.get("names"), ["email"])
    elif form.all("aliases"):
        given["AliasAttributes"] = list(form.all("aliases"))
    return given


def _policies(form: Form) -> Input:
    policy: Input = {
        "MinimumLength": read_number(form, "minimum_length"),
        **{member: form.has("needs", need) for need, member in _NEEDS},
        "TemporaryPasswordValidityDays": read_number(form, "temporary_days"),
    }
    invitation = {
        "EmailMessage": form.text("invite_message"),
        "EmailSubject": form.get("invite_subject"),
    }
    return {
        "Policies": {"PasswordPolicy": policy},
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": form.get("sign_up") == "admin",
            "InviteMessageTemplate": {k: v for k, v in invitation.items() if v},
        },
    }


def _has_sms(form: Form) -> bool:
    return form.get("mfa") != "OFF" and form.has("factors", "sms")


def _verification(form: Form) -> Input:
    ways = _RECOVERY.get(form.get("recovery"), _RECOVERY["email_phone"])
    given: Input = {
        # Factors without short messages come with SetUserPoolMfaConfig, and so does the mode.
        "MfaConfiguration": form.get("mfa")
        if _has_sms(form) or not form.all("factors")
        else "OFF",
        "AutoVerifiedAttributes": _VERIFIED.get(form.get("verified"), []),
        "AccountRecoverySetting": {
            "RecoveryMechanisms": [
                {"Priority": number, "Name": name}
                for number, name in enumerate(ways, 1)
            ]
        },
    }
    if _has_sms(form):
        given["SmsConfiguration"] = {"SnsCallerArn": form.get("sms_role") or SMS_ROLE}
    return given


def _messages(form: Form) -> Input:
    by_link = form.get("verification_type") == "link"
    template: Input = {
        "DefaultEmailOption": "CONFIRM_WITH_LINK" if by_link else "CONFIRM_WITH_CODE",
        "EmailMessage": form.text("email_message"),
        "EmailSubject": form.get("email_subject"),
        "SmsMessage": form.text("sms_message"),
    }
    mail: Input = {"EmailSendingAccount": "COGNITO_DEFAULT"}
    if form.get("reply_to"):
        mail["ReplyToEmailAddress"] = form.get("reply_to")
    return {
        "VerificationMessageTemplate": {k: v for k, v in template.items() if v},
        "EmailConfiguration": mail,
    }


def _devices(form: Form) -> Input:
    if form.get("devices") not in {"always", "opt_in"}:
        return {}
    asks = form.get("devices") == "opt_in"
    return {
        "DeviceConfiguration": {
            "ChallengeRequiredOnNewDevice": False,
            "DeviceOnlyRememberedOnUserPrompt": asks,
        }
    }


def build_pool_input(form: Form) -> Input:
    """The input of CreateUserPool."""
    tags = {
        form.get(f"tag_{row}_key"): form.get(f"tag_{row}_value")
        for row in range(1, TAG_ROWS + 1)
        if form.get(f"tag_{row}_key")
    }
    triggers = {
        name: form.get(f"trigger_{name}")
        for name, _ in TRIGGERS
        if form.get(f"trigger_{name}")
    }
    return {
        "PoolName": form.get("pool_name"),
        **_names(form),
        "Schema": _schema(form),
        **_policies(form),
        **_verification(form),
        **_messages(form),
        "UserPoolTags": tags,
        **_devices(form),
        "LambdaConfig": triggers,
    }


def plan_after(form: Form) -> tuple[PlannedCall, ...]:
    """What follows once the pool is there: authenticator apps, a first client."""
    planned: list[PlannedCall] = []
    if form.get("mfa") != "OFF" and form.has("factors", "totp"):
        given: Input = {
            "SoftwareTokenMfaConfiguration": {"Enabled": True},
            "MfaConfiguration": form.get("mfa"),
        }
        if _has_sms(form):
            role = {"SnsCallerArn": form.get("sms_role") or SMS_ROLE}
            given["SmsMfaConfiguration"] = {"SmsConfiguration": role}
        planned.append(PlannedCall(operation="SetUserPoolMfaConfig", given=given))
    if form.get("client_name"):
        client = {
            "ClientName": form.get("client_name"),
            "RefreshTokenValidity": 30,
            "GenerateSecret": form.has("client_secret"),
            "PreventUserExistenceErrors": "ENABLED",
        }
        planned.append(PlannedCall(operation="CreateUserPoolClient", given=client))
    return tuple(planned)
