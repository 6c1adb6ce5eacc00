"""A pool's settings in the words of the console, from the API's own answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostiary.userpool.api.caller import Shape

Row = tuple[str, str | Sequence[str]]
_RECOVERY: Final = {
    "verified_email": "Email",
    "verified_phone_number": "Phone",
    "admin_only": "An administrator",
}
_POLICY: Final = (
    ("RequireUppercase", "uppercase letters"),
    ("RequireLowercase", "lowercase letters"),
    ("RequireNumbers", "numbers"),
    ("RequireSymbols", "special characters"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One heading with its rows."""

    title: str
    rows: tuple[Row, ...]


def _yes(value: object) -> str:
    return "Yes" if value else "No"


def _attributes(pool: Shape) -> Part:
    schema = pool["SchemaAttributes"]
    case = pool.get("UsernameConfiguration", {}).get("CaseSensitive", True)
    return Part(
        title="Attributes",
        rows=(
            ("Required attributes", [a["Name"] for a in schema if a.get("Required")]),
            ("Username attributes", pool.get("UsernameAttributes", [])),
            ("Alias attributes", pool.get("AliasAttributes", [])),
            ("Names differ by case", _yes(case)),
            (
                "Custom attributes",
                [
                    f"{a['Name']} ({a['AttributeDataType']})"
                    for a in schema
                    if a["Name"].startswith(("custom:", "dev:"))
                ],
            ),
        ),
    )


def _policies(pool: Shape) -> Part:
    policy = pool["Policies"]["PasswordPolicy"]
    needs = [text for member, text in _POLICY if policy.get(member)]
    admin = pool["AdminCreateUserConfig"]
    days = policy.get("TemporaryPasswordValidityDays")
    return Part(
        title="Policies",
        rows=(
            ("Minimum password length", str(policy["MinimumLength"])),
            ("Passwords need", ", ".join(needs) or "Nothing else"),
            ("Temporary passwords last", f"{days} days"),
            (
                "User sign ups allowed?",
                "Only administrators create users"
                if admin["AllowAdminCreateUserOnly"]
                else "Users can sign themselves up",
            ),
        ),
    )


def _mfa(pool: Shape, mfa: Shape) -> Part:
    factors = [
        label
        for member, label in (
            ("SmsMfaConfiguration", "SMS"),
            ("SoftwareTokenMfaConfiguration", "Time-based one-time password"),
            ("EmailMfaConfiguration", "Email"),
        )
        if (found := mfa.get(member)) and found.get("Enabled", True)
    ]
    ways = pool.get("AccountRecoverySetting", {}).get("RecoveryMechanisms", [])
    return Part(
        title="MFA and verifications",
        rows=(
            ("MFA", pool["MfaConfiguration"].capitalize()),
            ("Second factors", factors),
            ("Verified attributes", pool.get("AutoVerifiedAttributes", [])),
            (
                "Account recovery",
                ", then ".join(_RECOVERY[way["Name"]] for way in ways)
                or "Verified phone, then verified email",
            ),
        ),
    )


def _messages(pool: Shape) -> Part:
    template = pool["VerificationMessageTemplate"]
    by_link = template["DefaultEmailOption"] == "CONFIRM_WITH_LINK"
    return Part(
        title="Message customizations",
        rows=(
            ("Verification type", "Link" if by_link else "Code"),
            ("Email subject", template.get("EmailSubject", "Your verification code")),
            ("Email message", template.get("EmailMessage", "The default text")),
            ("SMS message", template.get("SmsMessage", "The default text")),
        ),
    )


def _devices(pool: Shape) -> str:
    devices = pool.get("DeviceConfiguration")
    if devices is None:
        return "No"
    return "User opt in" if devices["DeviceOnlyRememberedOnUserPrompt"] else "Always"


def build_parts(pool: Shape, mfa: Shape) -> tuple[Part, ...]:
    """The settings, in the order of the console's navigation."""
    tags = pool.get("UserPoolTags", {})
    triggers = pool.get("LambdaConfig", {})
    return (
        _attributes(pool),
        _policies(pool),
        _mfa(pool, mfa),
        _messages(pool),
        Part(title="Tags", rows=(("Tags", [f"{k} = {v}" for k, v in tags.items()]),)),
        Part(title="Devices", rows=(("Remember devices", _devices(pool)),)),
        Part(
            title="Triggers",
            rows=tuple((name, [str(arn)]) for name, arn in triggers.items())
            or (("Triggers", []),),
        ),
    )
