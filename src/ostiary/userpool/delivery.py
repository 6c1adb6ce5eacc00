"""
Codes on their way: by which medium, to which address, in which words.

Spec: cognito §1.1 (masks), §3.9 (which medium), §3.14 (default texts).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ostiary.model.pool import Pool, User
from ostiary.ports.mail import MailUnavailable, Message
from ostiary.userpool import messages
from ostiary.userpool.nobody import invent_address, invent_number
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services
from ostiary.userpool.triggers import (
    Occasion,
    has_trigger,
    run_trigger,
    user_attributes,
)

Medium = Literal["EMAIL", "SMS"]
Purpose = Literal["verify", "reset", "invite", "authenticate"]
Attribute = Literal["email", "phone_number"]
_MEDIA: Final[Mapping[Attribute, Medium]] = {"email": "EMAIL", "phone_number": "SMS"}
PLACEHOLDER: Final = "{####}"
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a code goes: the attribute it is about, and its value."""

    attribute: Attribute
    value: str = field(repr=False)

    @property
    def medium(self) -> Medium:
        return _MEDIA[self.attribute]

    @property
    def masked(self) -> str:
        """The address as the API shows it to anybody."""
        return mask(self.value)

    def to_wire(self) -> dict[str, str]:
        """The API's CodeDeliveryDetails."""
        return {
            "Destination": self.masked,
            "DeliveryMedium": self.medium,
            "AttributeName": self.attribute,
        }


def mask(address: str) -> str:
    """`t***@t***` of an address, `+*******9934` of a number."""
    local, at, domain = address.partition("@")
    if at:
        return f"{local[:1]}***@{domain[:1]}***"
    return f"+*******{address[-4:]}"


def choose_verification(
    pool: Pool, attributes: Mapping[str, str]
) -> Destination | None:
    """Where the code of a sign-up goes: to the phone, if both are verified by the pool."""
    auto = pool.settings.AutoVerifiedAttributes or ()
    by_priority: tuple[Attribute, ...] = ("phone_number", "email")
    for name in by_priority:
        if name in auto and (value := attributes.get(name)):
            return Destination(attribute=name, value=value)
    return None


def find_recovery_order(pool: Pool) -> list[Attribute]:
    """What codes for a new password may go to by the pool's setting; nothing where it has none."""
    setting = pool.settings.AccountRecoverySetting
    ranked = (
        sorted(setting.RecoveryMechanisms, key=lambda m: m.Priority) if setting else []
    )
    return [a for m in ranked for a in _MEDIA if m.Name == f"verified_{a}"]


def choose_recovery(pool: Pool, user: User) -> Destination | None:
    """
    Where the code for a new password goes: to something proven, by the pool's priorities.

    Raises:
        AccountError: Only an administrator may reset passwords here.
    """
    setting = pool.settings.AccountRecoverySetting
    if setting is None:
        order = ["verified_phone_number", "verified_email"]
    else:
        ranked = sorted(setting.RecoveryMechanisms, key=lambda m: m.Priority)
        order = [mechanism.Name for mechanism in ranked]
    if order == ["admin_only"]:
        raise AccountError("NotAuthorizedException", messages.RESET_BY_ADMIN)
    for mechanism in order:
        found = _proven(user, mechanism)
        if found is not None:
            return found
    return None


def _proven(user: User, mechanism: str) -> Destination | None:
    for name in _MEDIA:
        value = user.attributes.get(name)
        proven = user.attributes.get(f"{name}_verified") == "true"
        if mechanism == f"verified_{name}" and value and proven:
            return Destination(attribute=name, value=value)
    return None


def show_destination(
    services: Services, pool: Pool, user: User | None, name: str, attribute: Attribute
) -> Destination:
    """
    Where a code would go, as it is shown where existence is hidden, whatever becomes of it.

    The user's own address, whatever their state; else what was typed, if it is one; else an
    invented one, always the same for that name.
    """
    own = user.attributes.get(attribute) if user else None
    key = pool.settings.login_key(name)
    typed = _find_form(key) == attribute
    if own is None and typed and user is None:
        own = key
    if own is None:
        invent = invent_address if attribute == "email" else invent_number
        own = invent(services, pool, name)
    # Capitals that nobody typed would tell of a user.
    return Destination(attribute=attribute, value=own.lower())


def _find_form(key: str) -> Attribute | None:
    if "@" in key:
        return "email"
    return "phone_number" if key.startswith("+") else None


def choose_shown(pool: Pool, name: str, allowed: Sequence[Attribute]) -> Attribute:
    """
    What is shown that a code is sent to, of the pool and the name alone: users have one or both.

    Args:
        allowed: What such codes may go to, the first first; nothing stands for mail.
    """
    form = _find_form(pool.settings.login_key(name))
    if form is not None and form in allowed:
        return form
    return allowed[0] if allowed else "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The words around a code; `{####}` stands for it."""

    subject: str
    email: str
    sms: str


def choose_letter(pool: Pool, purpose: Purpose) -> Letter:
    """The pool's words for a purpose, or the usual ones."""
    settings, template = pool.settings, pool.settings.VerificationMessageTemplate
    match purpose:
        case "invite":
            given = settings.AdminCreateUserConfig.InviteMessageTemplate
            return Letter(
                subject=(given and given.EmailSubject) or messages.INVITE_SUBJECT,
                email=(given and given.EmailMessage) or messages.INVITE_TEXT,
                sms=(given and given.SMSMessage) or messages.INVITE_TEXT,
            )
        case "authenticate":
            email = pool.mfa.EmailMfaConfiguration or {}
            sms = pool.mfa.SmsMfaConfiguration or {}
            return Letter(
                subject=email.get("Subject") or messages.AUTHENTICATION_SUBJECT,
                email=email.get("Message") or messages.AUTHENTICATION_TEXT,
                sms=sms.get("SmsAuthenticationMessage")
                or settings.SmsAuthenticationMessage
                or messages.AUTHENTICATION_TEXT,
            )
        case "verify" | "reset":
            usual = (
                messages.RESET_MAIL_TEXT if purpose == "reset" else messages.MAIL_TEXT
            )
            own = None if purpose == "reset" else template.EmailMessage
            return Letter(
                subject=template.EmailSubject
                or settings.EmailVerificationSubject
                or messages.MAIL_SUBJECT,
                email=own
                or (None if purpose == "reset" else settings.EmailVerificationMessage)
                or usual,
                sms=template.SmsMessage
                or settings.SmsVerificationMessage
                or messages.SMS_TEXT,
            )


async def _custom_letter(
    services: Services, letter: Letter, occasion: Occasion
) -> Letter:
    """The words that the pool's CustomMessage trigger wants instead."""
    found = await run_trigger(services, "CustomMessage", occasion)
    if found is None:
        return letter

    def pick(name: str, usual: str) -> str:
        text = found.get(name)
        # The trigger is given the placeholder and must leave it in.
        return text if isinstance(text, str) and PLACEHOLDER in text else usual

    subject = found.get("emailSubject")
    return Letter(
        subject=subject if isinstance(subject, str) and subject else letter.subject,
        email=pick("emailMessage", letter.email),
        sms=pick("smsMessage", letter.sms),
    )


async def send_code(
    services: Services,
    pool: Pool,
    user: User,
    destination: Destination,
    code: str,
    *,
    purpose: Purpose,
    source: str,
    client_id: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """
    Hand a code over, in the words of the pool or of its trigger.

    Args:
        source: The last part of the CustomMessage trigger's source.

    Raises:
        AccountError: CodeDeliveryFailureException, or what the trigger's failure is.
    """
    letter = choose_letter(pool, purpose)
    if has_trigger(pool, "CustomMessage"):
        occasion = Occasion(
            pool=pool,
            source=f"CustomMessage_{source}",
            username=user.username,
            client_id=client_id,
            attributes=user_attributes(user),
            request={
                "codeParameter": PLACEHOLDER,
                "linkParameter": "{##Click Here##}",
                "usernameParameter": "{username}" if purpose == "invite" else None,
                "clientMetadata": dict(metadata or {}),
            },
            response={"smsMessage": None, "emailMessage": None, "emailSubject": None},
        )
        letter = await _custom_letter(services, letter, occasion)
    name = destination.value if pool.settings.has_attribute_names else user.username
    text = letter.email if destination.medium == "EMAIL" else letter.sms
    message = Message(
        medium=destination.medium,
        recipient=destination.value,
        subject=letter.subject if destination.medium == "EMAIL" else "",
        text=text.replace(PLACEHOLDER, code).replace("{username}", name),
    )
    try:
        await services.config.mailer.send(message)
    except MailUnavailable as error:
        raise AccountError(
            "CodeDeliveryFailureException", messages.MAIL_FAILED
        ) from error


def send_later(services: Services, send_now: Callable[[], Awaitable[object]]) -> None:
    """Send after the answer: the time that it takes, and its failures, would tell of a user."""

    async def send() -> None:
        try:
            await send_now()
        except AccountError as error:
            _log.info("code not sent: %s", error.code)

    services.errands.begin(send())
