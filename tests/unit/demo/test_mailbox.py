"""The mailbox keeps mails, shows them, and lets people and programs wait for one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ostiary.cli.demo.mailbox import KEPT, Mailbox, mailbox_app
from tests.unit.demo.asgi import call

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADA = "ada@example.org"


def _content(text: str, subject: str = "Your verification code") -> bytes:
    lines = ("From: no-reply@verificationemail.com", f"Subject: {subject}", "", text)
    return "\r\n".join(lines).encode()


async def _filled(*texts: str) -> Mailbox:
    mailbox = Mailbox(now=lambda: NOON)
    for text in texts:
        await mailbox.add(
            sender="a@b.example", recipients=(ADA,), content=_content(text)
        )
    return mailbox


async def test_an_empty_mailbox_says_what_will_come() -> None:
    reply = await call(mailbox_app(Mailbox()), "/")

    assert reply.status == 200
    assert "No mail yet" in reply.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]


async def test_mails_are_listed_newest_first_with_their_codes() -> None:
    reply = await call(mailbox_app(await _filled("111222", "code is 333444.")), "/")

    assert reply.text.index("333444") < reply.text.index("111222")


async def test_the_longer_codes_of_second_factors_are_codes_too() -> None:
    reply = await call(mailbox_app(await _filled("Your code is 48201077.")), "/mails/1")

    assert 'aria-labelledby="code-label">48201077<' in reply.text


async def test_a_mail_s_page_shows_its_text_and_its_code() -> None:
    reply = await call(
        mailbox_app(await _filled("Your confirmation code is 482010")), "/mails/1"
    )

    assert reply.status == 200
    assert 'id="mail-code" aria-labelledby="code-label">482010<' in reply.text
    assert "22 November 2026, 12:00:00 UTC" in reply.text


@pytest.mark.parametrize("text", ["no number", "1234567", "111222 or 333444"])
async def test_a_mail_without_one_code_shows_none(text: str) -> None:
    reply = await call(mailbox_app(await _filled(text)), "/mails/1")

    assert reply.status == 200
    assert 'id="mail-code"' not in reply.text


@pytest.mark.parametrize("mail", ["2", "0", "-1", "x", "²"])
async def test_a_mail_that_is_not_there_is_not_found(mail: str) -> None:
    reply = await call(mailbox_app(await _filled("a")), f"/mails/{mail}")

    assert reply.status == 404
    assert "This mail is not here" in reply.text


async def test_mails_are_escaped() -> None:
    mailbox = await _filled("<script>alert(1)</script>")
    await mailbox.add(
        sender="x", recipients=("<b>@x",), content=_content("t", "<script>")
    )
    app = mailbox_app(mailbox)

    for target in ("/", "/mails/1", "/mails/2"):
        assert "<script" not in (await call(app, target)).text
        assert "<b>@x" not in (await call(app, target)).text


async def test_programs_read_mails_in_the_shape_they_know() -> None:
    app = mailbox_app(await _filled("Your code is 482010"))
    found = (await call(app, "/_aws/ses?email=ADA@example.org")).json()

    assert found == {
        "messages": [
            {
                "Id": "1",
                "Source": "no-reply@verificationemail.com",
                "Destination": {"ToAddresses": [ADA]},
                "Subject": "Your verification code",
                "Body": {"text_part": "Your code is 482010", "html_part": None},
                "Timestamp": "2026-11-22T12:00:00",
            }
        ]
    }
    assert (await call(app, "/_aws/ses?email=other@example.org")).json() == {
        "messages": []
    }


async def test_waiting_ends_at_the_mail_that_comes() -> None:
    mailbox = await _filled("first 111111")
    app = mailbox_app(mailbox, wait_s=30)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(call(app, f"/wait?after=1&email={ADA}"))
        await asyncio.sleep(0)
        await mailbox.add(
            sender="x", recipients=("o@example.org",), content=_content("other")
        )
        await mailbox.add(
            sender="x", recipients=(ADA,), content=_content("second 222222")
        )

    assert waiting.result().status == 303
    assert waiting.result().headers["location"] == "/mails/3"


async def test_waiting_ends_at_the_list_when_nothing_comes() -> None:
    reply = await call(mailbox_app(Mailbox(), wait_s=0), f"/wait?email={ADA}")

    assert reply.status == 303
    assert reply.headers["location"] == "/?waited=1&email=ada%40example.org"


async def test_only_the_last_mails_are_kept() -> None:
    mailbox = await _filled(*("x" for _ in range(KEPT + 5)))

    assert len(mailbox.list_mails()) == KEPT
    assert mailbox.find_mail(5) is None
    assert mailbox.find_mail(6) is not None


async def test_a_mail_in_an_unknown_charset_is_kept() -> None:
    mailbox = Mailbox()
    content = b"Content-Type: text/plain; charset=nowhere\r\n\r\ncode 123456"
    mail = await mailbox.add(sender="x", recipients=(ADA,), content=content)

    assert mail.code == "123456"


@pytest.mark.spec("CWE-350")
@pytest.mark.parametrize("target", ["/", "/_aws/ses", "/mails/1"])
async def test_another_site_s_name_is_refused(target: str) -> None:
    app = mailbox_app(await _filled("482010"))
    reply = await call(app, target, host="evil.example:8025")

    assert reply.status == 400
    assert "482010" not in reply.text
