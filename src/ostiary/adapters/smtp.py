"""Mail over SMTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import EmailMessage

import aiosmtplib

from ostiary.ports.mail import MailUnavailable, Message


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
    timeout_s: float = 10

    async def send(self, message: Message) -> None:
        try:
            await aiosmtplib.send(
                _build_mail(self.sender, message),
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                start_tls=self.start_tls,
                use_tls=self.use_tls,
                timeout=self.timeout_s,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Only the kind: the server's answer can repeat the address.
            raise MailUnavailable(f"SMTP failed: {type(error).__name__}") from error


def _build_mail(sender: str, message: Message) -> EmailMessage:
    # The library refuses line ends in header fields with a ValueError.
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message.recipient
    mail["Subject"] = message.subject
    mail.set_content(message.text)
    return mail
