"""
Mail over SMTP; short messages too, to addresses that stand for numbers.

A gateway from mail to SMS takes `<number>@<its domain>`; the demo's mailbox takes them all.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address, AddressHeader
from email.message import EmailMessage

import aiosmtplib

from ostiary.ports.mail import MailUnavailable, Message

_PLAIN = re.compile(r'(?!.*=\?)[^\s"(),:;<>@\[\\\]]+@[A-Za-z0-9.-]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMailer:
    """
    Hands mails to one SMTP server, one connection per mail.

    `start_tls` None means: when the server offers it.
    """

    host: str
    port: int
    sender: str = "no-reply@verificationemail.com"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    start_tls: bool | None = None
    use_tls: bool = False
    sms_domain: str = "sms.localhost"
    timeout_s: float = 10

    async def send(self, message: Message) -> None:
        try:
            recipient = message.recipient
            if message.medium == "SMS":
                recipient = f"{recipient}@{self.sms_domain}"
            mail = _build_mail(message.sender or self.sender, recipient, message)
            await aiosmtplib.send(
                mail,
                # Said outright: nobody reads the header again to find out who gets it.
                sender=_only_address(mail, "From"),
                recipients=[recipient],
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                start_tls=self.start_tls,
                use_tls=self.use_tls,
                timeout=self.timeout_s,
            )
        except (
            aiosmtplib.SMTPException,
            MessageError,
            OSError,
            ValueError,
        ) as error:
            # Only the kind: the server's answer can repeat the address.
            raise MailUnavailable(
                f"SMTP failed: {type(error).__name__}", is_final=_is_final(error)
            ) from error


def _is_final(error: Exception) -> bool:
    """Whether the same mail will be refused again (RFC 5321 §4.2.1: 5yz)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= 500 for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return False  # whoever runs it can put that right
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code >= 500
    return isinstance(error, MessageError | ValueError)


def _build_mail(sender: str, recipient: str, message: Message) -> EmailMessage:
    # The library refuses line ends in header fields with a ValueError.
    mail = EmailMessage()
    mail["From"] = sender
    if _PLAIN.fullmatch(recipient) is None:
        raise ValueError("the recipient is not a plain address")
    mail["To"] = Address(addr_spec=recipient)
    if _only_address(mail, "To") != recipient:
        raise ValueError("the recipient can be read as another address")
    subject = message.subject or "SMS"
    if "=?" in subject:
        # The library would decode an encoded word, and write the line ends that it holds.
        raise ValueError("the subject holds an encoded word")
    mail["Subject"] = subject
    if message.reply_to:
        mail["Reply-To"] = message.reply_to
    # RFC 5322 §3.6 asks for both, and servers for fewer doubts; no absence note answers (RFC 3834).
    mail["Date"] = datetime.now(UTC)
    domain = _only_address(mail, "From").rpartition("@")[2]
    mail["Message-ID"] = f"<{os.urandom(16).hex()}@{domain or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _only_address(mail: EmailMessage, name: str) -> str:
    header = mail[name]
    if not isinstance(header, AddressHeader) or len(header.addresses) != 1:
        raise ValueError(f"{name} is not one address")
    return header.addresses[0].addr_spec
