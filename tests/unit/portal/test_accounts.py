"""Registering, saying something else of oneself, leaving; and what others may learn of it: nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.portal.portal_kit import ADMIN, API, EMAIL, GUI, HOME, PortalWorld

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}{% raw %}'


async def rows(world: PortalWorld) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.node.call("/developers")).json()["data"]
    return found


async def drained(world: PortalWorld) -> list[str]:
    """The recipients of every mail, once all are sent."""
    task = world.outbox._task
    if task is not None:
        await task
    return [mail.recipient for mail in world.post.mails]


@pytest.mark.spec("portal#2.2")
async def test_a_visitor_registers_and_the_admins_hear_of_it(
    world: PortalWorld,
) -> None:
    browser = world.browser()
    form = await browser.ask(f"{HOME}/register")
    done = await browser.post(
        f"{HOME}/register", email="Ada@Example.com", meta__full_name="Ada L"
    )

    assert 'name="meta.full_name"' in form.text
    assert done.status == 200
    assert "Your registration was received" in done.text
    (row,) = await rows(world)
    assert (row["email"], row["status"]) == (EMAIL, 1)
    assert json.loads(row["meta"]) == {"full_name": "Ada L"}
    assert await drained(world) == [ADMIN]
    assert EMAIL in world.post.mails[0].text


@pytest.mark.spec("portal#1.6")
async def test_scripts_register_with_json_and_forms(world: PortalWorld) -> None:
    browser = world.browser()
    meta = json.dumps({"full_name": "A"})
    done = await browser.call("POST", "/register", {"email": "a@b.c", "meta": meta})
    form = await browser.ask(
        f"{API}/default/register", "POST", navigates=False,
        body=b"email=b@b.c&meta=%7B%22full_name%22%3A%22B%22%7D",
        fields={"content-type": "application/x-www-form-urlencoded"},
    )  # fmt: skip

    assert done.status == form.status == 200
    assert done.json() == {"developer": {"email": "a@b.c", "meta": meta, "status": 1}}
    assert [row["email"] for row in await rows(world)] == ["a@b.c", "b@b.c"]


@pytest.mark.spec("portal#1.6")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email": "required field missing"}),
        ({"email": ""}, {"email": "required field missing"}),
        ({"email": "a@b.c"}, {"meta": {"full_name": "required field missing"}}),
        ({"email": "a@b.c", "meta": "{"}, {"meta": "must be a JSON object, as a text"}),
        ({"email": "x", "meta": {"full_name": "A"}}, {"email": "must be an e-mail address, in ASCII"}),
        ({"email": "a@b.c", "meta": {"full_name": 5}}, {"meta": {"full_name": "expected a string"}}),
        ({"email": "a@b.c", "meta": {"full_name": "A", "admin": True}}, {"meta": {"admin": "unknown field"}}),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_at_its_field(
    world: PortalWorld, body: dict[str, Any], fields: dict[str, Any]
) -> None:
    reply = await world.browser().call("POST", "/register", body)

    assert reply.status == 400
    assert reply.json() == {"code": 2, "fields": fields}
    assert await rows(world) == []


async def test_a_form_that_is_wrong_keeps_what_was_typed(world: PortalWorld) -> None:
    seen = await world.browser().post(
        f"{HOME}/register", email="not an address", meta__full_name=HOSTILE
    )

    assert seen.status == 400
    assert "must be an e-mail address" in seen.text
    assert "<script" not in seen.text
    assert "&lt;script&gt;" in seen.text
    assert "49" not in seen.text.partition("meta-full_name")[2][:400]


@pytest.mark.spec("portal#6.1")
async def test_nobody_learns_who_is_registered(world: PortalWorld) -> None:
    meta = json.dumps({"full_name": "X"})
    told: list[Any] = []
    for status in (None, 0, 3):
        if status is not None:
            await world.developer(f"known{status}@b.c", status=status)
        email = "new@b.c" if status is None else f"known{status}@b.c"
        browser = world.browser(ip=f"127.0.0.{status or 9}")
        api = await browser.call("POST", "/register", {"email": email, "meta": meta})
        page = await browser.post(f"{HOME}/register", email=email, meta__full_name="X")
        names = [name for name, _ in api.fields]
        shown = api.text.replace(email, "E"), page.text.replace(email, "E")
        told.append((api.status, page.status, names, shown))

    assert told[0] == told[1] == told[2]


@pytest.mark.spec("portal#2.2")
async def test_nobody_makes_themselves_more_than_a_developer_who_waits(
    world: PortalWorld,
) -> None:
    body = {
        "email": "a@b.c", "meta": {"full_name": "A"}, "status": 0, "roles": ["x"],
        "custom_id": "victim", "id": "11111111-2222-4333-8444-555555555555",
        "was_approved": True,
    }  # fmt: skip
    await world.browser().call("POST", "/register", body)
    await world.browser().post(
        f"{HOME}/register", email="b@b.c", meta__full_name="B", status="0", roles="x"
    )

    for row in await rows(world):
        assert (row["status"], row["roles"], row["custom_id"]) == (1, [], None)
        assert row["id"] != body["id"]


async def test_an_address_that_registers_again_and_again_has_to_wait(
    world: PortalWorld,
) -> None:
    for number in range(10):
        body = {"email": f"a{number}@b.c", "meta": {"full_name": "A"}}
        assert (await world.browser().call("POST", "/register", body)).status == 200
    refused = await world.browser().call("POST", "/register", body)
    page = await world.browser().post(f"{HOME}/register", email="z@b.c")

    assert (refused.status, page.status) == (429, 429)
    assert int(refused.field("retry-after") or 0) > 0
    other = await world.browser(ip="192.0.2.1").call("POST", "/register", body)
    assert other.status == 200
    world.base.clock.move(60)
    assert (await world.browser().call("POST", "/register", body)).status == 200


@pytest.mark.spec("T-C12")
@pytest.mark.parametrize(
    "fields",
    [
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "none"},
        {"origin": "https://kong-ee", "sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_of_another_page_is_not_taken(
    world: PortalWorld, fields: dict[str, str]
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for path in ("/settings", "/settings/delete", "/register"):
        seen = await browser.ask(
            f"{HOME}{path}", "POST", body=b"meta.full_name=x&email=e@b.c",
            fields={**kind, **fields}, navigates=False,
        )  # fmt: skip
        assert seen.status == 403
    assert len(await rows(world)) == 1


@pytest.mark.spec("T-C12")
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
async def test_the_api_is_for_the_portals_own_pages(
    world: PortalWorld, method: str
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    seen = await browser.call(method, "/developer", {}, origin="https://evil.example")

    assert seen.status == 403
    assert seen.field("access-control-allow-origin") is None
    assert len(await rows(world)) == 1


@pytest.mark.spec("T-C12")
@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": API, "sec-fetch-site": "same-origin"}, True),
        ({"origin": GUI}, True),
        ({"origin": "null"}, False),
        ({"origin": "null", "sec-fetch-site": "none"}, False),
        ({"origin": "null", "sec-fetch-site": "same-site"}, False),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
)
async def test_a_change_comes_from_the_portals_pages_or_from_no_browser(
    world: PortalWorld, fields: dict[str, str], *, is_taken: bool
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    at = f"{API}/default"
    kind = {"content-type": "application/json", **fields}
    changed = await browser.ask(
        f"{at}/developer/meta", "PATCH", body=b'{"meta": {"full_name": "C"}}',
        fields=kind, navigates=False,
    )  # fmt: skip
    read = await browser.ask(f"{at}/developer", fields=fields, navigates=False)
    made = await browser.ask(
        f"{at}/applications", "POST", body=b"{}", fields=kind, navigates=False
    )
    gone = await browser.ask(
        f"{at}/developer", "DELETE", fields=fields, navigates=False
    )

    assert changed.status == (200 if is_taken else 403)
    assert made.status == (400 if is_taken else 403)
    assert gone.status == (204 if is_taken else 403)
    assert read.status == 200


@pytest.mark.spec("T-C12")
async def test_the_answer_of_a_login_may_be_posted_by_a_page_that_says_nothing(
    world: PortalWorld,
) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for site in ("same-site", "cross-site"):
        fields = {**kind, "origin": "null", "sec-fetch-site": site}
        seen = await world.browser().ask(
            f"{API}/default/auth", "POST", body=b"code=c&state=s", fields=fields,
            navigates=False,
        )  # fmt: skip
        assert "may not use this API" not in seen.text


async def test_a_developer_says_something_else_of_themselves(
    world: PortalWorld,
) -> None:
    await world.developer(status=0)
    browser = world.browser()
    await browser.sign_in()
    page = await browser.ask(f"{HOME}/settings")
    saved = await browser.post(f"{HOME}/settings", meta__full_name="Ada King")
    wrong = await browser.post(f"{HOME}/settings", meta__full_name=" ")
    api = await browser.call("PATCH", "/developer/meta", {"meta": '{"full_name":"C"}'})

    assert 'value="Ada L"' in page.text
    assert "Saved." in saved.text
    assert 'value="Ada King"' in saved.text
    assert wrong.status == 400
    assert "required field missing" in wrong.text
    assert api.status == 200
    assert json.loads((await rows(world))[0]["meta"]) == {"full_name": "C"}
    for path in ("/developer/email", "/developer/password"):
        assert (await browser.call("PATCH", path, {"email": "x@y.z"})).status == 400


async def test_a_developer_leaves_after_a_question(world: PortalWorld) -> None:
    await world.developer(status=0)
    await world.developer("other@b.c", status=0)
    browser = world.browser()
    await browser.sign_in()
    asked = await browser.ask(f"{HOME}/settings/delete")
    assert len(await rows(world)) == 2
    done = await browser.post(f"{HOME}/settings/delete")

    assert "Delete your account?" in asked.text
    assert "Your account was deleted" in done.text
    assert [row["email"] for row in await rows(world)] == ["other@b.c"]
    assert (await browser.call("GET", "/developer")).status == 403
    assert (await browser.call("DELETE", "/developer")).status == 403


async def test_what_a_developer_calls_themselves_is_a_text_everywhere(
    world: PortalWorld,
) -> None:
    row = await world.developer(status=0)
    meta = json.dumps({"full_name": HOSTILE})
    await world.node.send("PATCH", f"/developers/{row['id']}", {"meta": meta})
    browser = world.browser()
    await browser.sign_in()

    for path in ("", "/dashboard", "/settings", "/nowhere"):
        text = (await browser.ask(f"{HOME}{path}")).text
        assert "<script" not in text
        assert "&lt;script&gt;" in text


async def test_meta_fields_are_what_the_workspace_asks_for(world: PortalWorld) -> None:
    fields = [
        {"label": "Company", "title": "company", "validator": {"required": True, "type": "string"}},
        {"label": "Seats", "title": "seats", "validator": {"type": "number"}},
        {"label": "Billing", "title": "billing", "is_email": True},
    ]  # fmt: skip
    await world.configure(portal_developer_meta_fields=json.dumps(fields))
    browser = world.browser()
    listed = (await browser.call("GET", "/developer/meta_fields")).json()
    page = (await browser.ask(f"{HOME}/register")).text
    wrong = await browser.call(
        "POST", "/register",
        {"email": "a@b.c", "meta": {"seats": "many", "billing": "x"}},
    )  # fmt: skip
    fine = {"company": "C", "seats": "12", "billing": "b@c.d"}
    done = await browser.call("POST", "/register", {"email": "a@b.c", "meta": fine})

    assert [field["title"] for field in listed] == ["company", "seats", "billing"]
    assert 'type="email"' in page
    assert 'inputmode="decimal"' in page
    assert wrong.json()["fields"]["meta"] == {
        "company": "required field missing",
        "seats": "expected a number",
        "billing": "must be an e-mail address",
    }
    assert done.status == 200
