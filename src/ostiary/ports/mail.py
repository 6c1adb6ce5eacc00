"""Sending mail and short messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One mail or short message. The text may hold a code, so it stays out of `repr`.

    `html` is the same as `text` for mail programs that show HTML, None for plain text alone.

    `recipient` is an address, or for SMS a number with its plus; then there is no subject.
    `sender` and `reply_to` are as in a header, None for what the mailer says.
    """

    medium: Literal["EMAIL", "SMS"] = "EMAIL"
    recipient: str = field(repr=False)
    subject: str = ""
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    sender: str | None = None
    reply_to: str | None = None


class MailUnavailable(Exception):
    """The mail could not be handed over; trying again later may work, unless it `is_final`."""

    code = "mail_unavailable"

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class Mailer(Protocol):
    """Hands mails to whoever delivers them."""

    async def send(self, message: Message) -> None:
        """
        Hand over one mail.

        Raises:
            MailUnavailable: It was not accepted.
        """
        ...
