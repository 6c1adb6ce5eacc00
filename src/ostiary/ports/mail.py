"""Sending mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One plain-text mail. The text may hold a code, so it stays out of `repr`."""

    recipient: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class MailUnavailable(Exception):
    """The mail could not be handed over; trying again later may work."""

    code = "mail_unavailable"


class Mailer(Protocol):
    """Hands mails to whoever delivers them."""

    async def send(self, message: Message) -> None:
        """
        Hand over one mail.

        Raises:
            MailUnavailable: It was not accepted.
        """
        ...
