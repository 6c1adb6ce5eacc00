"""What strangers try at a portal: mails in other words, other people's names, floods, and traps."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.adapters.smtp import _build_mail
from ostiary.model.workspaces import Workspace
from ostiary.portal.accounts import PORTAL_BURST, REGISTER_BURST
from ostiary.portal.desk import Desk
from ostiary.portal.outbox import MAX_WAITING, Letter, Outbox
from ostiary.ports.mail import MailUnavailable, Message
from tests.unit.portal.portal_kit import (
    ADMIN,
    EMAIL,
    GUI,
    HOME,
    PortalWorld,
    Postbox,
)
from tests.unit.portal.test_accounts import drained, rows

META = {"full_name": "A"}


@pytest.mark.parametrize(
    "email",
    [
        "=?utf-8?q?hi=0areply-to=3a=20x=40evil.io?=@a.b",
        "a=?b@c.d", "a..b@c.d", ".a@c.d", "a.@c.d", "a@c..d", "a@-c.d", "a@c.d-", "a@.d", "@c.d", "a@",
        "\u212aate@example.com", "a\u202e@c.d", "a\u200b@c.d", "ä@c.d", "a@ä.d", "a b@c.d", "a@b@c.d",
        "a\n@c.d", "a@c.d\n", "x" * 65 + "@c.d", "a@" + "c" * 191,
    ],
)  # fmt: skip
async def test_an_address_that_reads_or_looks_like_another_is_none(
    world: PortalWorld, email: str
) -> None:
    reply = await world.browser().call(
        "POST", "/register", {"email": email, "meta": META}
    )

    assert reply.status == 400
    assert reply.json()["fields"] == {"email": "must be an e-mail address, in ASCII"}
    assert await drained(world) == []


@pytest.mark.parametrize(
    "email", ["a.b+c@d-e.example", "o'neil@c.d", "A_{b}|~!#$%&*/^`?@c", "x" * 64 + "@c.d", "a=b@c.d"]
)  # fmt: skip
async def test_odd_addresses_that_are_some_are_taken(
    world: PortalWorld, email: str
) -> None:
    reply = await world.browser().call(
        "POST", "/register", {"email": email, "meta": META}
    )

    assert reply.status == 200
    assert [row["email"] for row in await rows(world)] == [email.lower()]


@pytest.mark.parametrize("text", ["=?utf-8?q?a=0ab?=", "hi =?utf-8?b?Cg==?= there"])
def test_a_subject_that_mail_programs_would_decode_is_not_sent(text: str) -> None:
    mail = Message(recipient=EMAIL, subject=text, text="t")

    with pytest.raises(ValueError, match="encoded word"):
        _build_mail("a@b.c", EMAIL, mail)


async def test_a_verified_address_of_another_script_is_nobody_elses(
    world: PortalWorld,
) -> None:
    await world.developer("kate@example.com", status=0)
    world.base.provider.id_edits = {
        "email": "\u212aate@example.com", "email_verified": True,
    }  # fmt: skip
    browser = world.browser()
    await browser.sign_in()

    assert (await browser.call("GET", "/developer")).status == 403


@pytest.mark.parametrize("meta", ['{"full_name":"\\ud800"}', '{"full_name":NaN}', '{"a":1,"a":2}'])  # fmt: skip
async def test_what_no_page_could_show_is_not_kept(
    world: PortalWorld, meta: str
) -> None:
    reply = await world.browser().call(
        "POST", "/register", {"email": EMAIL, "meta": meta}
    )

    assert reply.status == 400
    assert await rows(world) == []


def letter(of: str = "default", to: str = EMAIL) -> Letter:
    return Letter(message=Message(recipient=to, text="t"), about="a test", of=of)


class Picky(Postbox):
    """Takes nothing for `bad@x.y`; refuses `never@x.y` for good."""

    def __init__(self) -> None:
        super().__init__()
        self.tries: list[str] = []

    async def send(self, message: Message) -> None:
        self.tries.append(message.recipient)
        if message.recipient in {"bad@x.y", "never@x.y"}:
            final = message.recipient == "never@x.y"
            raise MailUnavailable("no", is_final=final)
        await super().send(message)


async def test_no_mail_waits_for_one_that_is_tried_again() -> None:
    post = Picky()
    outbox = Outbox(post, waits_s=(0.05, 3600))
    for to in ("bad@x.y", "never@x.y", "a@x.y"):
        outbox.put(letter(to=to))
    async with asyncio.timeout(20):
        while post.tries.count("bad@x.y") < 2:
            await asyncio.sleep(0)
    # While one waits for an hour, a new one goes at once.
    outbox.put(letter(to="b@x.y"))
    async with asyncio.timeout(20):
        while len(post.mails) < 2:
            await asyncio.sleep(0)
    await outbox.close()

    assert [mail.recipient for mail in post.mails] == ["a@x.y", "b@x.y"]
    assert post.tries.count("never@x.y") == 1


async def test_a_flooded_portal_keeps_no_other_from_its_mails() -> None:
    outbox = Outbox(Postbox(), waits_s=())
    taken = [outbox.put(letter()) for _ in range(MAX_WAITING + 5)]

    assert taken == [True] * MAX_WAITING + [False] * 5
    assert outbox.put(letter(of="other"))
    assert outbox._task is not None
    await outbox._task
    assert outbox.put(letter())
    await outbox.close()


async def test_a_network_counts_as_one_and_a_portal_has_a_limit(
    world: PortalWorld,
) -> None:
    async def ask(ip: str) -> int:
        body = {"email": "x", "meta": META}
        return (await world.browser(ip).call("POST", "/register", body)).status

    first = [await ask(f"2001:db8::{n:x}") for n in range(1, REGISTER_BURST + 2)]
    others = [
        await ask(f"10.0.{n}.1") for n in range(PORTAL_BURST - REGISTER_BURST + 1)
    ]

    assert first == [400] * REGISTER_BURST + [429]
    assert others == [400] * (PORTAL_BURST - REGISTER_BURST) + [429]


async def test_where_no_address_is_proven_none_is_told_to_be_known(
    world: PortalWorld,
) -> None:
    await world.switch_on(
        conf={"consumer_claim": ["sub"], "consumer_by": ["custom_id"]}
    )
    await world.developer("known@example.com")
    browser = world.browser()
    await browser.sign_in()
    known, new = [
        await browser.call("POST", "/register", {"email": email, "meta": META})
        for email in ("known@example.com", "new@example.com")
    ]

    assert known.status == new.status == 200
    assert await drained(world) == [ADMIN, ADMIN]
    assert "new@example.com" in world.post.mails[1].text
    assert "nobody has verified" in world.post.mails[1].text


async def test_forms_end_in_their_own_workspace(world: PortalWorld) -> None:
    seen = [await world.browser().ask(url) for url in (HOME, f"{HOME}/register", f"{HOME}/nothing")]  # fmt: skip

    for page in seen:
        policy = page.field("content-security-policy") or ""
        assert f"form-action {GUI}/default/;" in policy
        assert page.field("referrer-policy") == "same-origin"


async def test_a_host_that_is_none_is_not_in_the_policy(world: PortalWorld) -> None:
    seen = await world.browser().ask(HOME, fields={"host": "a; script-src *"})

    assert "script-src" not in (seen.field("content-security-policy") or "")


async def test_an_account_that_was_made_by_itself_stays_deleted(
    world: PortalWorld,
) -> None:
    world.base.provider.id_edits = {"email_verified": True, "name": "Ada L"}
    await world.switch_on(portal_oidc_auto_register=True, portal_auto_approve=True)
    browser = world.browser()
    await browser.sign_in()
    gone = await browser.post(f"{HOME}/settings/delete")
    await browser.ask(f"{HOME}/dashboard")
    await browser.call("GET", "/developer")

    assert gone.status == 200
    assert await rows(world) == []


async def test_files_come_a_hundred_at_a_time_with_their_contents(
    world: PortalWorld,
) -> None:
    for n in range(101):
        body = {"path": f"content/p{n}.md", "contents": f"---\ntitle: P{n}\n---\nhello"}
        assert (await world.node.send("POST", "/files", body)).status == 201
    full = await world.browser().call("GET", "/files?size=1000")
    names = await world.browser().call("GET", "/files?size=1000&fields=path")

    assert len(full.json()["data"]) == 100
    assert full.json()["next"].startswith("/default/files?size=100&offset=100")
    assert len(names.json()["data"]) > 100


async def test_a_portal_that_names_its_cookies_is_warned_about(
    world: PortalWorld,
) -> None:
    desk, rows_of = world.site.portals, world.site.store
    assert isinstance(desk, Desk)

    async def warned() -> str:
        row = await rows_of.find("workspaces", {"name": "default"})
        assert isinstance(row, Workspace)
        return " ".join(desk.warn([row]))

    before = await warned()
    await world.switch_on(conf={"session_cookie_name": "portal"})

    assert "names its own cookies" not in before
    assert "names its own cookies (session_cookie_name)" in await warned()
