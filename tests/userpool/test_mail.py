"""The SMTP mailer, against a real SMTP server on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from ostiary.adapters.smtp import SmtpMailer
from ostiary.ports.mail import MailUnavailable, Message

MESSAGE = Message(
    recipient="ada@example.org", subject="Your verification code", text="It is 123456. "
)


class Inbox:
    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.envelopes: list[tuple[str | None, list[str]]] = []
        self.answer = "250 OK"

    async def handle_DATA(  # noqa: N802 - the library calls it so
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.answer


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, int]]:
    handler = Inbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, hostname="localhost"), "127.0.0.1", 0
    )
    yield handler, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_a_mail_arrives_as_it_was_written(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    await SmtpMailer(host="127.0.0.1", port=port).send(MESSAGE)
    mail = message_from_bytes(handler.mails[0], policy=default)

    assert mail["To"] == "ada@example.org"
    assert mail["From"] == "no-reply@verificationemail.com"
    assert mail["Subject"] == "Your verification code"
    assert "It is 123456." in mail.get_content()
    assert handler.envelopes == [
        ("no-reply@verificationemail.com", ["ada@example.org"])
    ]


async def test_a_refused_mail_is_unavailable_and_tells_no_address(
    inbox: tuple[Inbox, int],
) -> None:
    handler, port = inbox
    handler.answer = "554 no <ada@example.org>"
    with pytest.raises(MailUnavailable) as caught:
        await SmtpMailer(host="127.0.0.1", port=port).send(MESSAGE)

    assert caught.value.code == "mail_unavailable"
    assert "ada" not in str(caught.value)


async def test_no_server_is_unavailable() -> None:
    with pytest.raises(MailUnavailable):
        await SmtpMailer(host="127.0.0.1", port=1, timeout_s=2).send(MESSAGE)


async def test_a_subject_cannot_add_header_fields(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    bad = Message(recipient="a@b.c", subject="x\r\nBcc: d@e.f", text="t")
    with pytest.raises(MailUnavailable):
        await SmtpMailer(host="127.0.0.1", port=port).send(bad)

    assert handler.mails == []


@pytest.mark.parametrize(
    "recipient",
    [
        "=?utf-8?q?evil=40evil=2Eexample=2C?=@example.org",
        "a@b.example, c@d.example",
        '"a@b.example"@example.org',
        "Ada <a@b.example>",
        "\u00e4@example.org",
        "a\r\nBcc: d@e.example",
        "nobody",
        "",
    ],
)
async def test_a_recipient_that_reads_in_two_ways_gets_nothing(
    inbox: tuple[Inbox, int], recipient: str
) -> None:
    handler, port = inbox
    bad = Message(recipient=recipient, subject="x", text="t")
    with pytest.raises(MailUnavailable):
        await SmtpMailer(host="127.0.0.1", port=port).send(bad)

    assert handler.envelopes == []


async def test_a_sender_may_have_a_name(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    mailer = SmtpMailer(host="127.0.0.1", port=port, sender="Pool <pool@example.org>")
    await mailer.send(MESSAGE)

    assert handler.envelopes == [("pool@example.org", ["ada@example.org"])]


@pytest.mark.parametrize(
    ("answer", "is_final"), [("554 no", True), ("451 later", False), ("250 OK", None)]
)
async def test_what_will_be_refused_again_is_told_apart(
    inbox: tuple[Inbox, int], answer: str, *, is_final: bool | None
) -> None:
    handler, port = inbox
    handler.answer = answer
    mailer, told = SmtpMailer(host="127.0.0.1", port=port), None
    try:
        await mailer.send(MESSAGE)
    except MailUnavailable as error:
        told = error.is_final

    assert told is is_final


@pytest.mark.parametrize("subject", ["=?utf-8?q?a=0ab?=", "x\r\nBcc: d@e.f"])
async def test_a_subject_that_cannot_be_sent_never_will_be(
    inbox: tuple[Inbox, int], subject: str
) -> None:
    handler, port = inbox
    with pytest.raises(MailUnavailable) as caught:
        await SmtpMailer(host="127.0.0.1", port=port).send(
            Message(recipient="a@b.c", subject=subject, text="t")
        )

    assert caught.value.is_final
    assert handler.mails == []


async def test_a_server_that_is_away_may_come_back() -> None:
    with pytest.raises(MailUnavailable) as caught:
        await SmtpMailer(host="127.0.0.1", port=1, timeout_s=2).send(MESSAGE)

    assert not caught.value.is_final
