"""Mails as templates: a workspace's words, our names, and nobody else's links."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.adapters.smtp import _build_mail
from ostiary.portal.mail_texts import TEXTS, Template
from ostiary.portal.mails import Facts, build_mail, read_template, say_time
from ostiary.portal.plain_text import build_plain_text
from ostiary.ports.mail import Message
from tests.unit.portal.own_kit import mails
from tests.unit.portal.portal_kit import ADMIN, EMAIL, HOME, PortalWorld

HOSTILE = '<script>alert(1)</script>" onload=x\r\nBcc: x@y.z {{portal.url}} {*page.body*} https://evil.example =?u?q?a?='
FACTS = Facts(
    portal_name="P", portal_url=HOME, workspace="default", email=EMAIL, name="Ada",
    meta={"company": "Acme & Söhne", "blank": ""},
    links={"verify_url": f"{HOME}/account/verify?token=t&email=e"}, token="t",
    token_exp_s=21_600,
)  # fmt: skip
FILE = """---
layout: emails/email_base.html
subject: Welcome, {{email.developer_name}}
heading: You are in
---
<p>Hello {{ email.developer_name }} of {{email.developer_meta.company}}{{email.developer_meta.blank}}.</p>
<p>{{email.developer_meta.unknown}} {{nothing.known}} {{ 7 * 7 }} {% raw %}</p>
<p><a href="{{portal.url}}/login">Sign in</a></p>
"""


async def upload(world: PortalWorld, path: str, contents: str) -> None:
    body = {"path": path, "contents": contents}
    reply = await world.node.send("POST", "/files", body)
    assert reply.status == 201, reply.text


@pytest.mark.spec("portal#1.8")
def test_names_are_filled_in_and_others_stay_as_they_stand() -> None:
    """There is no code in a mail: what looks like it is text."""
    template = read_template(FILE)
    assert template is not None
    mail = build_mail("approved-access", FACTS, template=template)

    assert mail.subject == "Welcome, Ada"
    assert "Hello Ada of Acme &amp; Söhne." in mail.html
    assert "Hello Ada of Acme & Söhne.\n" in mail.text
    for rest in ("{{email.developer_meta.unknown}} {{nothing.known}} {{ 7 * 7 }} {% raw %}",):  # fmt: skip
        assert rest in mail.html
        assert rest in mail.text
    assert f"Sign in: {HOME}/login" in mail.text
    assert "You are in" in mail.html


@pytest.mark.spec("portal#1.8")
@pytest.mark.parametrize("event", TEXTS)
def test_nobodys_words_are_more_than_words_in_any_mail(event: Any) -> None:
    facts = replace(FACTS, name=HOSTILE, portal_name=HOSTILE)
    mail = build_mail(event, facts)

    for text in (mail.subject, mail.text):
        assert "https://evil" not in text
        assert "=?" not in text
        assert "\nBcc" not in text
    assert "\n" not in mail.subject
    assert "<script" not in mail.html
    assert "https://evil" not in mail.html
    assert '" onload' not in mail.html
    assert mail.html.count("max-width:36em") == 1
    assert mail.subject
    assert mail.text.strip()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=200))
def test_whatever_somebody_calls_themselves_is_one_line_of_text(name: str) -> None:
    mail = build_mail("request-access", replace(FACTS, name=name))
    plain = build_mail("request-access", replace(FACTS, name="A"))
    again = Message(recipient=EMAIL, subject=mail.subject, text=mail.text, html=mail.html)  # fmt: skip

    assert mail.text.count("\n") == plain.text.count("\n")
    assert mail.html.count("<") == plain.html.count("<")
    assert _build_mail("a@b.c", EMAIL, again).is_multipart()


@pytest.mark.parametrize(
    "contents",
    [
        "", "<p>no head matter</p>", "---\nsubject: a\n---\n", "---\nsubject: a\n---\n  \n", "---\nheading: a\n---\n<p>x</p>",
        "---\nsubject: [a]\n---\n<p>x</p>", "---\nsubject: ' '\n---\n<p>x</p>", "---\n- a\n---\n<p>x</p>", "---\na: [\n---\n<p>x</p>",
        "---\nsubject: a\n---\n" + "x" * 70_000,
    ],
)  # fmt: skip
def test_a_file_that_is_no_mail_is_not_used(contents: str) -> None:
    assert read_template(contents) is None


def test_a_subject_holds_no_other_header() -> None:
    template = Template(subject='a\r\nBcc: x@y.z =?utf-8?q?b?= "{{email.developer_name}}"', body="<p>x</p>")  # fmt: skip
    mail = build_mail("invite", replace(FACTS, name="B\nC" + "x" * 300), template=template)  # fmt: skip

    assert mail.subject.startswith('a Bcc: x@y.z = ?utf-8?q?b?= "B C')
    assert len(mail.subject) <= 200


@pytest.mark.spec("portal#1.8")
async def test_a_file_of_the_workspace_says_the_mail(world: PortalWorld) -> None:
    await upload(world, "emails/approved-access.txt", FILE)
    base = "<header>{{page.heading}} of {{portal.name}}</header>{*page.body*}<footer>{{email.workspace}}</footer>"
    await upload(world, "themes/base/layouts/emails/email_base.html", base)
    await world.developer(status=0)
    (mail,) = await mails(world, EMAIL)

    assert mail.subject == "Welcome, Ada L"
    assert mail.html.startswith("<header>You are in of the developer portal")
    assert mail.html.endswith("<footer>default</footer>")
    assert "<p>Hello Ada L of" in mail.html
    assert "{{email.developer_meta.company}}" in mail.text


async def test_a_file_that_is_broken_loses_no_mail(
    world: PortalWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await upload(world, "emails/approved-access.txt", "---\ntitle: x\n---\n<p>x</p>")
    await world.developer(status=0)
    (mail,) = await mails(world, EMAIL)

    assert "Welcome to the developer portal" in mail.subject
    assert "emails/approved-access.txt of default is no mail" in caplog.text


async def test_a_file_of_another_workspace_says_nothing_here(
    world: PortalWorld,
) -> None:
    await world.node.send("POST", "/workspaces", {"name": "team"})
    body = {"path": "emails/approved-access.txt", "contents": FILE}
    await world.node.send("POST", "/team/files", body)
    await world.developer(status=0)

    assert "You are in" not in (await mails(world, EMAIL))[0].html


@pytest.mark.spec("portal#1.8")
@pytest.mark.parametrize("is_on", [False, True])
async def test_rejected_and_revoked_developers_are_told_if_that_is_wanted(
    world: PortalWorld, is_on: bool
) -> None:
    await world.configure(portal_rejected_email=is_on, portal_revoked_email=is_on)
    await world.developer("no@b.c")
    await world.set_status(2, "no@b.c")
    await world.developer("out@b.c", status=0)
    await world.set_status(3, "out@b.c")
    told = [(m.recipient, "withdrawn" in m.text) for m in await mails(world)]
    told = [(to, out) for to, out in told if to != ADMIN]

    welcome = ("out@b.c", False)
    expected = [("no@b.c", False), welcome, ("out@b.c", True)] if is_on else [welcome]
    assert told == expected


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.one_of(st.text(), st.text(alphabet="-\n:a[]{}'subject ").map("---\n".__add__))
)
def test_whatever_a_file_says_is_a_mail_or_none(contents: str) -> None:
    found = read_template(contents)

    if found is not None:
        assert build_mail("invite", FACTS, template=found).subject is not None


def test_a_mail_says_when_it_was_sent_and_that_no_person_did() -> None:
    """Without a date and an id, servers take a mail for what nobody wants."""
    mail = Message(recipient=EMAIL, subject="s", text="t")
    one, two = [_build_mail("Portal <a@b.example>", EMAIL, mail) for _ in range(2)]

    assert one["Date"].datetime is not None
    assert one["Message-ID"].endswith("@b.example>")
    assert one["Message-ID"] != two["Message-ID"]
    assert one["Auto-Submitted"] == "auto-generated"


def test_a_mail_has_two_faces_and_a_message_without_html_one() -> None:
    both = _build_mail("a@b.c", EMAIL, Message(recipient=EMAIL, subject="s", text="plain ü", html="<p>ü</p>"))  # fmt: skip
    one = _build_mail("a@b.c", EMAIL, Message(recipient=EMAIL, subject="s", text="t"))

    assert both.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in both.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert one.get_content_type() == "text/plain"
    secret = Message(recipient=EMAIL, text="planted", html="<p>planted</p>")
    assert "planted" not in repr(secret)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b  \n c</p>", "a\n\nb c\n"), ("a<br>b", "a\nb\n"), ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ('<a href="https://x.y">go</a>', "go: https://x.y\n"), ('<a href="https://x.y">https://x.y</a>', "https://x.y\n"),
        ('<a href="mailto:a@b.c">a@b.c</a>', "a@b.c\n"), ("<style>p{}</style><title>t</title>x", "x\n"),
        ("a &amp; b &lt;c&gt;", "a & b <c>\n"), ('<a href="https://x.y"><img></a>', "https://x.y\n"), ("</a></style>x", "x\n"),
        ("<h1>A</h1><table><tr><td>b</td></tr></table>", "A\n\nb\n"), ("<!-- x -->y", "y\n"),
    ],
)  # fmt: skip
def test_plain_text_says_what_the_page_says(html: str, text: str) -> None:
    assert build_plain_text(html) == text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (21_600, "6 hours"), (3600, "1 hour"), (86_400, "1 day"), (172_800, "2 days"),
        (90, "90 seconds"), (120, "2 minutes"), (5400, "90 minutes"), (1, "1 second"), (0, "0 seconds"),
    ],
)  # fmt: skip
def test_a_time_is_said_as_people_say_it(seconds: int, words: str) -> None:
    assert say_time(seconds) == words
