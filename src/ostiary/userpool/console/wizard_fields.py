"""
The steps of "Create a user pool" as data: which fields each has, and what they start as.

Spec: the page "OpenID Connect with Amazon Cognito"; cognito §4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ostiary.userpool import messages
from ostiary.userpool.console.forms import Form

CUSTOM_ROWS: Final = 3
TAG_ROWS: Final = 3
TRIGGERS: Final = (
    ("PreSignUp", "Pre sign-up"),
    ("PreAuthentication", "Pre authentication"),
    ("CustomMessage", "Custom message"),
    ("PostAuthentication", "Post authentication"),
    ("PostConfirmation", "Post confirmation"),
    ("DefineAuthChallenge", "Define Auth Challenge"),
    ("CreateAuthChallenge", "Create Auth Challenge"),
    ("VerifyAuthChallengeResponse", "Verify Auth Challenge Response"),
    ("UserMigration", "User Migration"),
    ("PreTokenGeneration", "Pre Token Generation"),
)
REQUIRABLE: Final = (
    ("address", "address"),
    ("birthdate", "birthdate"),
    ("email", "email"),
    ("family_name", "family name"),
    ("gender", "gender"),
    ("given_name", "given name"),
    ("locale", "locale"),
    ("middle_name", "middle name"),
    ("name", "name"),
    ("nickname", "nickname"),
    ("phone_number", "phone number"),
    ("picture", "picture"),
    ("preferred_username", "preferred username"),
    ("profile", "profile"),
    ("zoneinfo", "zoneinfo"),
    ("updated_at", "updated at"),
    ("website", "website"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One page of the wizard and the fields that stand on it."""

    key: str
    title: str
    fields: tuple[str, ...]


STEPS: Final = (
    Step(key="name", title="Name", fields=("pool_name",)),
    Step(
        key="attributes",
        title="Attributes",
        fields=(
            "sign_in",
            "aliases",
            "names",
            "case_insensitive",
            "required",
            *(
                f"custom_{row}_{part}"
                for row in range(1, CUSTOM_ROWS + 1)
                for part in ("name", "type")
            ),
        ),
    ),
    Step(
        key="policies",
        title="Policies",
        fields=("minimum_length", "needs", "sign_up", "temporary_days"),
    ),
    Step(
        key="mfa",
        title="MFA and verifications",
        fields=("mfa", "factors", "sms_role", "recovery", "verified"),
    ),
    Step(
        key="messages",
        title="Message customizations",
        fields=(
            "reply_to",
            "verification_type",
            "email_subject",
            "email_message",
            "sms_message",
            "invite_subject",
            "invite_message",
        ),
    ),
    Step(
        key="tags",
        title="Tags",
        fields=tuple(
            f"tag_{row}_{part}"
            for row in range(1, TAG_ROWS + 1)
            for part in ("key", "value")
        ),
    ),
    Step(key="devices", title="Devices", fields=("devices",)),
    Step(key="clients", title="App clients", fields=("client_name", "client_secret")),
    Step(
        key="triggers",
        title="Triggers",
        fields=tuple(f"trigger_{name}" for name, _ in TRIGGERS),
    ),
    Step(key="review", title="Review", fields=()),
)
BY_KEY: Final = {step.key: step for step in STEPS}
STEP_OF: Final = {field: step.key for step in STEPS for field in step.fields}

# What the console's steps show when they are first opened.
_USUAL: Final[dict[str, tuple[str, ...]]] = {
    "sign_in": ("username",),
    "names": ("email",),
    "case_insensitive": ("on",),
    "required": ("email",),
    "minimum_length": ("8",),
    "needs": ("numbers", "symbols", "uppercase", "lowercase"),
    "sign_up": ("self",),
    "temporary_days": ("7",),
    "mfa": ("OFF",),
    "recovery": ("email_phone",),
    "verified": ("email",),
    "verification_type": ("code",),
    "email_subject": (messages.MAIL_SUBJECT,),
    "email_message": (messages.MAIL_TEXT,),
    "sms_message": (messages.SMS_TEXT,),
    "invite_subject": (messages.INVITE_SUBJECT,),
    "invite_message": (messages.INVITE_TEXT,),
    "devices": ("no",),
}
# What the page that most people follow chooses besides.
_GUIDE: Final[dict[str, tuple[str, ...]]] = {
    "sign_in": ("attribute",),
    "required": ("email", "family_name", "given_name"),
}


def usual_form() -> Form:
    """The wizard as it opens."""
    return Form(dict(_USUAL))


def guide_form(form: Form) -> Form:
    """The name that was typed, with the choices of the page to follow: "Review defaults"."""
    return Form({**_USUAL, **_GUIDE, "pool_name": form.all("pool_name")})
