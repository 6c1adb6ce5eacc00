"""The Dev Portal in the Manager: the page's clicks, word for word, and who may do what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.jose.keys import PrivateKey
from ostiary.manager.devportal import show_conf
from ostiary.manager.masking import MASK
from tests.unit.manager.desk import Desk, open_desk
from tests.unit.portal.portal_kit import CONF, EMAIL, HOME
from tests.unit.portal.test_accounts import HOSTILE

pytestmark = pytest.mark.spec("portal#4.1")
SETTINGS = "/default/portal/settings"
REQUESTED = "/default/developers/requested"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as made:
        yield made


async def test_the_page_is_done_word_for_word(desk: Desk) -> None:
    """Enable, select Open ID Connect, paste the Auth Config JSON, save, approve a developer."""
    off = await desk.browser.get("/default/portal")
    on = await desk.browser.submit("/default/portal", portal="true")
    saved = await desk.browser.submit(
        SETTINGS, portal_auth="openid-connect", portal_auth_conf=json.dumps(CONF)
    )
    visitor = desk.world.browser()
    await visitor.post(f"{HOME}/register", email=EMAIL, meta__full_name="Ada L")
    too_early = await visitor.sign_in()
    waiting = await desk.browser.get(REQUESTED)
    row = (await desk.world.node.call(f"/developers/{EMAIL}")).json()
    approved = await desk.browser.post(
        f"/default/developers/{row['id']}", {"status": "0"}
    )
    after = await visitor.ask(f"{HOME}/dashboard")

    assert "Enable Developer Portal" in off.words
    assert on.location == "/default/portal?done=portal-on"
    assert saved.location == f"{SETTINGS}?done=saved"
    page = await desk.browser.get(SETTINGS)
    assert "Open ID Connect" in page.words
    assert "https://kong-ee:8447/default/auth" in page.words
    assert "the certificate of the identity provider is not verified" in page.words
    assert "Your registration waits for approval" in too_early.text
    assert "Ada L" in waiting.words
    assert EMAIL in waiting.words
    assert approved.location == f"{REQUESTED}?done=developer-0"
    assert after.status == 200
    assert EMAIL in (await desk.browser.get("/default/developers/approved")).words


async def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
    desk: Desk,
) -> None:
    typed = json.dumps({**CONF, "redirect_uri": [HOME]})
    wrong = await desk.browser.submit(
        SETTINGS, portal_auth="openid-connect", portal_auth_conf=typed
    )
    broken = await desk.browser.submit(SETTINGS, portal_auth_conf='{"issuer": ')
    fields = await desk.browser.submit(SETTINGS, portal_developer_meta_fields="[1]")

    assert wrong.status == 400
    assert "redirect_uri: must be https://kong-ee:8447/default/auth" in wrong.words
    assert wrong.values()["portal_auth_conf"] == [typed]
    assert 'id="portal_auth_conf-error"' in wrong.text
    assert "is no JSON: Expecting value in line 1" in broken.words
    assert fields.status == 400
    assert 'id="portal_developer_meta_fields-error"' in fields.text


async def test_secrets_of_the_auth_config_are_kept_and_never_shown(desk: Desk) -> None:
    conf = {
        **CONF,
        "client_secret": ["planted-secret"],
        "session_secret": "planted-" + "x" * 40,
    }
    await desk.browser.submit(
        SETTINGS, portal_auth="openid-connect", portal_auth_conf=json.dumps(conf)
    )
    page = await desk.browser.get(SETTINGS)
    await desk.browser.submit(SETTINGS, portal_auto_approve="on")
    row = (await desk.world.node.call("/workspaces/default")).json()

    assert "planted-" not in page.text
    assert page.text.count(MASK) >= 2
    kept = json.loads(row["config"]["portal_auth_conf"])
    assert kept["client_secret"] == ["planted-secret"]
    assert kept["session_secret"] == conf["session_secret"]
    assert row["config"]["portal_auto_approve"] is True


def test_an_auth_config_that_is_no_record_is_not_shown() -> None:
    assert show_conf("no json") == ""
    assert json.loads(show_conf('{"client_secret": "s", "scopes": ["a"]}')) == {
        "client_secret": MASK, "scopes": ["a"],
    }  # fmt: skip


async def test_everybody_has_a_tab_and_what_can_be_done_there(desk: Desk) -> None:
    await desk.world.switch_on()
    for number, status in enumerate((1, 0, 2, 3, 5)):
        await desk.world.developer(f"d{number}@b.c", status=status)
    words = {
        tab: (await desk.browser.get(f"/default/developers/{tab}")).words
        for tab in ("requested", "approved", "rejected", "revoked", "unverified")
    }

    for number, (tab, buttons) in enumerate(
        (("requested", ("Approve", "Reject")), ("approved", ("Revoke",)), ("rejected", ("Approve",)),
         ("revoked", ("Approve again",)), ("unverified", ("Approve", "Reject")))
    ):  # fmt: skip
        assert f"d{number}@b.c" in words[tab]
        assert all(button in words[tab] for button in buttons)
        assert sum(f"d{n}@b.c" in words[tab] for n in range(5)) == 1
    moved = await desk.browser.get("/default/developers")
    assert moved.location == REQUESTED


async def test_a_developer_has_roles_and_can_be_deleted(desk: Desk) -> None:
    await desk.world.switch_on()
    row = await desk.world.developer()
    path = f"/default/developers/{row['id']}"
    made = await desk.browser.submit(
        "/default/developer-roles", name="partner", go="create"
    )
    wrong = await desk.browser.submit(
        "/default/developer-roles", name="a,b", go="create"
    )
    await desk.browser.post(path, {"go": "roles", "roles": ["partner"]})
    page = await desk.browser.get(path)
    refused = await desk.browser.post(path, {"status": "3"})

    assert made.location == "/default/developer-roles?done=saved"
    assert wrong.status == 400
    assert "must have no commas" in wrong.words
    assert 'value="partner" checked' in page.text
    assert "cannot change from PENDING to REVOKED" in refused.words
    gone = await desk.browser.post(path, {"go": "delete"})
    assert gone.location == f"{REQUESTED}?done=developer-deleted"
    assert (await desk.browser.get(path)).status == 404


async def test_invitations_and_the_export(desk: Desk) -> None:
    await desk.world.switch_on()
    await desk.world.developer()
    sent = await desk.browser.submit(
        "/default/developers/invite", emails="a@b.c\nd@e.f"
    )
    wrong = await desk.browser.submit(
        "/default/developers/invite", emails="a@b.c, nobody"
    )
    table = await desk.browser.get("/default/developers/export")

    assert "Sent: a@b.c, d@e.f" in sent.words
    assert [m.recipient for m in desk.world.post.mails if "invited" in m.subject] == [
        "a@b.c",
        "d@e.f",
    ]
    assert "nobody: must be an e-mail address" in wrong.words
    assert table.text == f"Email, Status\n{EMAIL},PENDING\n"
    assert table.header("content-type").startswith("text/csv")


async def test_what_developers_call_themselves_is_text(desk: Desk) -> None:
    await desk.world.switch_on()
    row = await desk.world.developer()
    meta = json.dumps({"full_name": HOSTILE})
    await desk.world.node.send("PATCH", f"/developers/{EMAIL}", {"meta": meta})

    for path in (REQUESTED, f"/default/developers/{row['id']}"):
        page = await desk.browser.get(path)
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text


async def test_files_are_made_changed_and_deleted(desk: Desk) -> None:
    await desk.world.switch_on()
    listed = await desk.browser.get("/default/portal/files")
    made = await desk.browser.submit(
        "/default/portal/files/new",
        path="content/news.md",
        contents="---\ntitle: News\n---\nHello",
    )
    shown = await desk.world.browser().ask(f"{HOME}/news")
    wrong = await desk.browser.submit(
        "/default/portal/files/edit?path=content/news.md",
        contents="---\ntitle: [\n---\n",
    )
    data = {"path": "content/news.md", "go": "delete"}
    gone = await desk.browser.post("/default/portal/files/edit", data)

    assert "content/index.md" in listed.words
    assert made.location.endswith("path=content%2Fnews.md&done=saved")
    assert "Hello" in shown.text
    assert wrong.status == 400
    assert "line" in wrong.words
    assert "title: [" in wrong.text
    assert gone.location == "/default/portal/files?done=deleted"
    assert (await desk.world.browser().ask(f"{HOME}/news")).status == 404


@pytest.mark.spec("T-C12")
async def test_another_page_approves_nobody(desk: Desk) -> None:
    await desk.world.switch_on()
    row = await desk.world.developer()
    reply = await desk.browser.post(
        f"/default/developers/{row['id']}", {"status": "0"}, sec_fetch_site="cross-site"
    )

    assert reply.status == 403
    shown = (await desk.world.node.call(f"/developers/{EMAIL}")).json()
    assert shown["status"] == 1


async def test_what_the_schema_calls_a_secret_is_never_shown_on_the_settings(
    desk: Desk,
) -> None:
    jwk = PrivateKey.generate_ec("own").to_private_jwk()
    conf = {
        **CONF,
        "client_jwk": [jwk],
        "introspection_headers_names": ["X-Token"],
        "introspection_headers_values": ["planted-value"],
    }
    await desk.world.configure(portal_auth_conf=json.dumps(conf))
    page = await desk.browser.get(SETTINGS)
    saved = await desk.browser.submit(SETTINGS, portal_auto_approve="on")
    row = (await desk.world.node.call("/workspaces/default")).json()

    assert "planted-" not in page.text
    assert str(jwk["d"]) not in page.text
    assert saved.status == 302
    assert json.loads(row["config"]["portal_auth_conf"]) == conf


async def test_a_secret_that_cannot_be_restored_is_asked_for_again(desk: Desk) -> None:
    conf = {**CONF, "client_id": ["a", "b"], "client_secret": ["of-a", "of-b"]}
    await desk.world.configure(portal_auth_conf=json.dumps(conf))
    typed = {**conf, "client_id": ["b"], "client_secret": [MASK]}
    wrong = await desk.browser.submit(SETTINGS, portal_auth_conf=json.dumps(typed))
    row = (await desk.world.node.call("/workspaces/default")).json()

    assert wrong.status == 400
    at = wrong.text.split('id="portal_auth_conf-error"')[1].split("</p>")[0]
    assert "client_secret: type this secret again" in at
    assert json.loads(row["config"]["portal_auth_conf"]) == conf


async def test_settings_that_changed_meanwhile_are_not_overwritten(desk: Desk) -> None:
    values = (await desk.browser.get(SETTINGS)).values()
    await desk.world.configure(portal_emails_from="new@x.test")
    reply = await desk.browser.post(SETTINGS, values)
    row = (await desk.world.node.call("/workspaces/default")).json()

    assert reply.status == 409
    assert "Somebody changed this meanwhile" in reply.words
    assert row["config"]["portal_emails_from"] == "new@x.test"
    assert (await desk.browser.submit(SETTINGS)).status == 302


async def test_a_file_that_changed_meanwhile_is_not_overwritten(desk: Desk) -> None:
    await desk.world.switch_on()
    file = {"path": "content/a.md", "contents": "one"}
    await desk.world.node.send("POST", "/files", file)
    target = "/default/portal/files/edit"
    page = f"{target}?path=content/a.md"
    values = {**(await desk.browser.get(page)).values(), "contents": "mine"}
    theirs = {"contents": "theirs"}
    await desk.world.node.send("PATCH", "/files/content/a.md", theirs)
    reply = await desk.browser.post(target, values)
    row = (await desk.world.node.call("/files/content/a.md")).json()

    assert reply.status == 409
    assert "Somebody changed this meanwhile" in reply.words
    assert row["contents"] == "theirs"
    assert (await desk.browser.submit(page, contents="mine")).status == 302


async def test_sign_in_without_a_provider_is_set_up_and_its_secret_stays_hidden(
    desk: Desk,
) -> None:
    page = await desk.browser.get(SETTINGS)
    typed = {k: v[0] for k, v in page.values().items()} | {
        "portal_auth": "basic-auth",
        "portal_session_conf": '{"secret": "a-secret-of-20-chars", "rolling_timeout": 60}',
        "portal_auth_password_complexity": '{"kong-preset": "min_12"}',
        "portal_auth_login_attempts": "5",
    }
    saved = await desk.browser.post(SETTINGS, typed)
    again = await desk.browser.get(SETTINGS)
    kept = {k: v[0] for k, v in again.values().items()} | {"portal_token_exp": "60"}
    await desk.browser.post(SETTINGS, kept)
    told = (await desk.world.node.call("/workspaces/default")).json()["config"]

    assert saved.location == f"{SETTINGS}?done=saved"
    assert "a-secret-of-20-chars" not in again.text
    assert json.loads(told["portal_session_conf"])["secret"] == "a-secret-of-20-chars"
    assert (told["portal_auth_login_attempts"], told["portal_token_exp"]) == (5, 60)
    wrong = await desk.browser.get(SETTINGS)
    bad = {k: v[0] for k, v in wrong.values().items()} | {
        "portal_auth_login_attempts": "often", "portal_session_conf": "{",
    }  # fmt: skip
    refused = await desk.browser.post(SETTINGS, bad)
    assert "is no JSON" in refused.words
    refused = await desk.browser.post(
        SETTINGS, {**bad, "portal_session_conf": kept["portal_session_conf"]}
    )
    assert refused.status == 400
    assert 'id="portal_auth_login_attempts-error"' in refused.text
