"""Applications in the portal: its API and its pages, and who sees what."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ostiary.portal.accounts import ACT_BURST
from ostiary.portal.applications.pages import sum_days
from ostiary.ports.usage import Used
from tests.unit.admin.test_application_clients import Clients
from tests.unit.admin.test_applications import add_app, add_service, told
from tests.unit.portal.portal_kit import HOME, Browser, PortalWorld, portal_world

SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "paths": {},
    "x-headmatter": {"readable_by": ["partner"]},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on()
        await made.developer(status=0)
        yield made


@pytest.fixture
async def ada(world: PortalWorld) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def make(browser: Browser, name: str = "Shop", **more: Any) -> str:
    reply = await browser.call("POST", "/applications", {"name": name, **more})
    assert reply.status == 201, reply.text
    return str(reply.json()["id"])


async def describe(world: PortalWorld, service: str) -> None:
    """Let a service be described by a specification for partners."""
    node = world.node
    await node.send("POST", "/developers/roles", {"name": "partner"})
    body = {"path": "specs/pets.json", "contents": json.dumps(SPEC)}
    assert (await node.send("POST", "/files", body)).status == 201
    path = f"/services/{service}/document_objects"
    reply = await node.send("POST", path, {"path": "specs/pets.json"})
    assert reply.status == 201, reply.text


@pytest.mark.spec("portal#1.6")
async def test_an_application_is_made_listed_changed_and_deleted(ada: Browser) -> None:
    app = await make(ada, description="Sells")
    path = f"/applications/{app}"
    changed = await ada.call("PATCH", path, {"name": "Till"})
    listed = await ada.call("GET", "/applications?include_instances=true&name=Till")
    none = await ada.call("GET", "/applications?name=Shop")

    assert changed.json()["name"] == "Till"
    assert listed.json()["data"] == [{**changed.json(), "application_instances": []}]
    assert (listed.json()["total"], none.json()["total"]) == (1, 0)
    assert (await ada.call("DELETE", path)).status == 204
    assert (await ada.call("GET", path)).status == 404


@pytest.mark.spec("portal#1.6")
@pytest.mark.parametrize("path", ["/applications", "/application_services"])
async def test_nobody_but_an_approved_developer_is_answered(
    world: PortalWorld, ada: Browser, path: str
) -> None:
    stranger = await world.browser().call("GET", path)
    await world.set_status(3)
    revoked = await ada.call("GET", path)

    assert (stranger.status, revoked.status) == (401, 403)


@pytest.mark.spec("portal#6.1")
async def test_anothers_application_is_not_there(
    world: PortalWorld, ada: Browser
) -> None:
    await world.developer("bob@example.com", status=0)
    bobs = "/developers/bob@example.com/applications"
    app = (await world.node.send("POST", bobs, {"name": "Till"})).json()["id"]
    service = await add_service(world)
    below = f"/applications/{app}"
    seen = [
        await ada.call("GET", below),
        await ada.call("PATCH", below, {"name": "Mine"}),
        await ada.call("DELETE", below),
        await ada.call("GET", f"{below}/application_instances"),
        await ada.call("POST", f"{below}/application_instances", {"service": service}),
        await ada.call("GET", f"{below}/credentials"),
        await ada.call("POST", f"{below}/credentials"),
        await ada.call("GET", f"/application_services?app_id={app}"),
        await ada.ask(f"{HOME}/applications/view?id={app}"),
        await ada.ask(f"{HOME}/applications/view?id=../../bob"),
    ]

    assert {reply.status for reply in seen} == {404}
    assert (await world.node.call(f"{bobs}/{app}")).json()["name"] == "Till"


@pytest.mark.spec("portal#1.6")
async def test_a_developer_says_nothing_that_is_an_admins(
    world: PortalWorld, ada: Browser
) -> None:
    app, service = await make(ada), await add_service(world)
    path = f"/applications/{app}/application_instances"
    wrong = [
        await ada.call(
            "POST", "/applications", {"name": "A", "developer": {"id": "x"}}
        ),
        await ada.call("POST", "/applications", {"name": "A", "custom_id": "mine"}),
        await ada.call("PATCH", f"/applications/{app}", {"pool_client": True}),
        await ada.call("POST", path, {"service": {"id": service}, "status": 0}),
        await ada.call("POST", path, {"service": {"id": "elsewhere"}}),
    ]
    asked = await ada.call("POST", path, {"service": {"id": service}})
    decided = await ada.call("PATCH", f"{path}/{asked.json()['id']}", {"status": 0})

    assert {reply.status for reply in wrong} == {400}
    assert (asked.status, asked.json()["status"]) == (201, 1)
    assert decided.status == 405


@pytest.mark.spec("portal#6.1")
async def test_a_service_is_offered_to_whoever_may_read_its_specification(
    world: PortalWorld, ada: Browser
) -> None:
    service = await add_service(world, description="All the pets")
    app = await make(ada)
    open_to_all = (await ada.call("GET", "/application_services")).json()
    await describe(world, service)
    hidden = (await ada.call("GET", "/application_services")).json()
    path = f"/applications/{app}/application_instances"
    refused = await ada.call("POST", path, {"service": {"id": service}})
    page = await ada.ask(f"{HOME}/applications/view?id={app}")
    await world.node.send(
        "PATCH", "/developers/ada@example.com", {"roles": ["partner"]}
    )
    shown = (await ada.call("GET", "/application_services")).json()

    assert [row["id"] for row in open_to_all["data"]] == [service]
    assert hidden["data"] == []
    assert refused.status == 400
    assert "All the pets" not in page.text
    assert shown["data"][0]["document_route"] == "/default/documentation/pets"
    assert shown["data"][0]["app_registration_config"]["display_name"] == "Pets"


@pytest.mark.spec("portal#3.8")
async def test_the_issuer_is_told_only_where_that_is_said(
    world: PortalWorld, ada: Browser
) -> None:
    config = {"issuer": "https://idp.example", "client_secret": ["hush"]}
    for name, shows in (("quiet", False), ("loud", True)):
        service = await add_service(world, name, show_issuer=shows)
        plugin = {"name": "openid-connect", "config": config}
        made = await world.node.send("POST", f"/services/{service}/plugins", plugin)
        assert made.status == 201, made.text
    told = (await ada.call("GET", "/application_services")).json()["data"]
    ways = {row["name"]: row["auth_plugin_config"] for row in told}

    assert ways["quiet"]["name"] == ways["loud"]["name"] == "openid-connect"
    assert "issuer" not in ways["quiet"]
    assert ways["loud"]["issuer"] == "https://idp.example"
    assert "hush" not in json.dumps(told)


@pytest.mark.spec("portal#1.6")
async def test_contracts_are_listed_beside_services(
    world: PortalWorld, ada: Browser
) -> None:
    app = await make(ada)
    waits, good = (
        await add_service(world),
        await add_service(world, "q", auto_approve=True),
    )
    path = f"/applications/{app}/application_instances"
    for service in (waits, good):
        await ada.call("POST", path, {"service": {"id": service}})
    services = f"/application_services?app_id={app}"
    told = {
        r["id"]: r["instance"] for r in (await ada.call("GET", services)).json()["data"]
    }
    some = (await ada.call("GET", f"{services}&status=1")).json()["data"]
    named = (await ada.call("GET", f"{services}&name=PET")).json()["data"]

    assert (told[waits]["status"], told[good]["status"]) == (1, 0)
    assert [row["id"] for row in some] == [row["id"] for row in named] == [waits]
    one = f"{path}/{told[good]['id']}"
    assert (await ada.call("GET", one)).json()["status"] == 0
    assert (await ada.call("DELETE", one)).status == 204
    assert (await ada.call("GET", path)).json()["total"] == 1
    assert (await ada.call("GET", f"{path}?size=1&offset=x")).status == 400


@pytest.mark.spec("portal#5.2")
async def test_a_key_is_told_once(ada: Browser) -> None:
    path = f"/applications/{await make(ada)}/credentials"
    made = (await ada.call("POST", path)).json()
    listed = (await ada.call("GET", path)).json()["data"]
    one = await ada.call("GET", f"{path}/{made['id']}")

    assert made["client_id"] == made["key"]
    assert [row["key"] for row in listed] == [f"{made['key'][:4]}********"]
    assert made["key"] not in one.text
    assert (await ada.call("DELETE", f"{path}/{made['id']}")).status == 204
    assert (await ada.call("GET", path)).json()["data"] == []


@pytest.mark.spec("portal#3.8")
async def test_with_a_provider_applications_have_client_ids_and_no_keys(
    tmp_path: Path,
) -> None:
    async with portal_world(tmp_path, portal_app_auth="external-oauth2") as world:
        await world.switch_on()
        await world.developer(status=0)
        ada = world.browser()
        await ada.sign_in()
        without = await ada.call("POST", "/applications", {"name": "Shop"})
        app = await make(ada, custom_id="client-1")
        keys = await ada.call("POST", f"/applications/{app}/credentials")
        page = await ada.ask(f"{HOME}/applications/view?id={app}")
        form = await ada.ask(f"{HOME}/applications/create")
        typed = await ada.post(
            f"{HOME}/applications/create", _csrf=token(form.text), name="Till"
        )

    assert without.json()["fields"] == {"custom_id": "required field missing"}
    assert keys.status == 404
    assert "client-1" in page.text
    assert "New key" not in page.text
    assert "Reference ID" in form.text
    assert (typed.status, "app-client-error" in typed.text) == (400, True)


def token(text: str) -> str:
    found = re.search(r'name="_csrf" value="([^"]+)"', text)
    assert found is not None
    return found[1]


@pytest.mark.spec("portal#3.6")
async def test_a_developers_whole_way_by_pages(
    world: PortalWorld, ada: Browser
) -> None:
    """Make an application, ask for a service, make a key, rotate it, and let all of it go."""
    service = await add_service(world, auto_approve=True, description="<i>pets</i>")
    empty = await ada.ask(f"{HOME}/applications")
    form = await ada.ask(f"{HOME}/applications/create")
    csrf = token(form.text)
    wrong = await ada.post(f"{HOME}/applications/create", _csrf=csrf, name=" ")
    made = await ada.post(
        f"{HOME}/applications/create",
        _csrf=csrf,
        name="<b>Shop</b>",
        description="a\r\nb",
    )
    view = f"https://kong-ee:8446{made.field('location')}"
    app = view.rpartition("=")[2]
    seen = await ada.ask(view)
    at = f"{HOME}/applications"
    asked = await ada.post(f"{at}/ask?id={app}", _csrf=csrf, service=service)
    granted = await ada.ask(view)

    assert "No applications yet" in empty.text
    assert (wrong.status, "app-name-error" in wrong.text) == (400, True)
    assert made.status == asked.status == 303
    assert "<b>Shop" not in seen.text
    assert "<i>pets" not in seen.text
    assert "Get access" in seen.text
    assert "Active" in granted.text

    key_page = await ada.post(f"{at}/key?id={app}", _csrf=csrf)
    key = re.search(r'id="new-key">([A-Za-z0-9]{32})<', key_page.text)
    assert key is not None
    after = await ada.ask(view)
    listed = await ada.call("GET", f"/applications/{app}/credentials")
    first = listed.json()["data"][0]["id"]
    rotated = await ada.post(f"{at}/key/rotate?id={app}&key={first}", _csrf=csrf)
    keys = (await ada.call("GET", f"/applications/{app}/credentials")).json()["data"]

    assert key_page.field("cache-control") == "no-store"
    assert key[1] not in after.text
    assert "works for one more day" in rotated.text
    assert [k["expires_at"] is None for k in keys] in ([True, False], [False, True])

    confirm = await ada.ask(f"{at}/key/delete?id={app}&key={first}")
    await ada.post(f"{at}/key/delete?id={app}&key={first}", _csrf=csrf)
    contract = (
        await ada.call("GET", f"/applications/{app}/application_instances")
    ).json()
    end = f"{at}/end?id={app}&contract={contract['data'][0]['id']}"
    question = await ada.ask(end)
    await ada.post(end, _csrf=csrf)
    await ada.post(f"{at}/edit?id={app}", _csrf=csrf, name="Till")
    edited = await ada.ask(view)
    gone = await ada.post(f"{at}/delete?id={app}", _csrf=csrf)

    assert "Delete this key?" in confirm.text
    assert "End access to Pets?" in question.text
    assert "Till" in edited.text
    assert "Get access" in edited.text
    assert gone.field("location") == "/default/applications?deleted"
    assert (await ada.ask(view)).status == 404


@pytest.mark.spec("portal#6.1")
async def test_nothing_is_done_by_following_a_link(
    world: PortalWorld, ada: Browser
) -> None:
    service, app = await add_service(world), await make(ada)
    at = f"{HOME}/applications"
    for path in (
        f"ask?id={app}&service={service}",
        f"key?id={app}",
        f"delete?id={app}",
    ):
        await ada.ask(f"{at}/{path}")
    kind = {"content-type": "application/x-www-form-urlencoded"}
    foreign = await ada.ask(
        f"{at}/key?id={app}", "POST", fields={**kind, "origin": "https://evil.example"}
    )

    assert foreign.status == 403
    assert (await ada.call("GET", f"/applications/{app}/credentials")).json()[
        "data"
    ] == []
    assert (await ada.call("GET", f"/applications/{app}")).status == 200


@pytest.mark.spec("portal#1.3")
async def test_pages_of_applications_ask_for_a_sign_in(world: PortalWorld) -> None:
    for path in ("", "/create", "/view?id=x"):
        reply = await world.browser().ask(f"{HOME}/applications{path}")
        assert reply.status == 303
        assert str(reply.field("location")).startswith("/default/login?next=")


@pytest.mark.spec("portal#6.1")
async def test_applications_are_a_workspaces_own(world: PortalWorld) -> None:
    app = await add_app(world)
    await world.node.send("POST", "/workspaces", {"name": "other"})

    assert (await world.node.call("/other/applications")).json()["data"] == []
    assert (await world.node.call(f"/other/applications/{app}")).status == 404


class Counted:
    """Two days of one application."""

    async def add(self, used: Sequence[Used]) -> None:
        raise AssertionError(used)

    async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
        return (
            Used(application=application, service="s", day=since, ok=41, refused=2),
            Used(application=application, service="s", day=since + 1, ok=7, failed=1),
        )


@pytest.mark.spec("portal#5.2")
async def test_an_application_shows_how_much_it_calls(tmp_path: Path) -> None:
    async with portal_world(tmp_path, usage=Counted()) as world:
        await world.switch_on()
        await world.developer(status=0)
        ada = world.browser()
        await ada.sign_in()
        page = await ada.ask(f"{HOME}/applications/view?id={await make(ada)}")

    assert "51 requests in 30 days" in page.text
    assert page.text.count("<rect ") == 30


@pytest.mark.spec("portal#5.2")
def test_days_are_summed_over_services() -> None:
    day = {
        "service": {"id": "s"},
        "day": "2024-01-02",
        "ok": 3,
        "refused": 0,
        "failed": 1,
    }
    other = {**day, "service": {"id": "t"}, "ok": 4}
    low = {**day, "day": "2024-01-01", "ok": 0, "failed": 2}
    days = sum_days([day, other, low, {**day, "day": "2023-01-01"}], 1_704_200_000)

    assert [(d.day, d.ok, d.total, d.height) for d in days[-2:]] == [
        ("2024-01-01", 0, 2, 23), ("2024-01-02", 7, 9, 100),
    ]  # fmt: skip
    assert (len(days), days[0].day, days[0].height) == (30, "2023-12-04", 0)
    assert sum_days([], 1_704_200_000) == ()


@pytest.mark.spec("T-K11")
@pytest.mark.parametrize("said", [{"status": 3}, {"suspended": True}])
async def test_what_an_admin_has_ended_a_developer_does_not_begin_anew(
    world: PortalWorld, ada: Browser, said: dict[str, Any]
) -> None:
    """Neither by deleting the contract nor with another application."""
    service = await add_service(world, auto_approve=True)
    app, other = await make(ada), await make(ada, "Other")
    path = f"/applications/{app}/application_instances"
    row = (await ada.call("POST", path, {"service": service})).json()["id"]
    await world.node.send("PATCH", f"{path}/{row}", said)
    ended = await ada.call("DELETE", f"{path}/{row}")
    page = await ada.ask(f"{HOME}/applications/view?id={app}")
    path = f"/applications/{other}/application_instances"
    again = await ada.call("POST", path, {"service": service})

    assert (ended.status, ended.json()["message"]) == (
        403, "only an admin can change this contract",
    )  # fmt: skip
    assert "applications/end?" not in page.text
    assert again.json()["status"] == 1


@pytest.mark.spec("portal#6.1")
async def test_whoever_asks_again_and_again_has_to_wait(
    world: PortalWorld, ada: Browser
) -> None:
    """Each request for a service may be a mail to somebody."""
    service, app = await add_service(world), await make(ada)
    path = f"/applications/{app}/application_instances"
    seen = []
    for _ in range(ACT_BURST + 2):
        reply = await ada.call("POST", path, {"service": service})
        seen.append(reply.status)
        if reply.status == 201:
            await ada.call("DELETE", f"{path}/{reply.json()['id']}")
    page = await ada.post(f"{HOME}/applications/key?id={app}")

    assert seen[-2:] == [429, 429]
    assert page.status == 429
    world.base.clock.move(60)
    assert (await ada.call("POST", path, {"service": service})).status == 201


@pytest.mark.spec("T-K11")
async def test_changes_are_counted_and_the_rotation_of_a_key_is_one(
    ada: Browser,
) -> None:
    app = await make(ada)
    path = f"/applications/{app}"
    key = (await ada.call("POST", f"{path}/credentials")).json()["id"]
    csrf = token((await ada.ask(f"{HOME}/applications/view?id={app}")).text)
    for _ in range(ACT_BURST - 3):
        assert (await ada.call("PATCH", path, {"description": "d"})).status == 200
    at = f"{HOME}/applications/key/rotate?id={app}&key={key}"
    rotated = await ada.post(at, _csrf=csrf)
    late = await ada.call("PATCH", path, {"description": "e"})

    assert (rotated.status, late.status) == (200, 429)


@pytest.mark.spec("portal#3.8")
async def test_another_client_id_waits_for_approval_again(tmp_path: Path) -> None:
    async with portal_world(tmp_path, portal_app_auth="external-oauth2") as world:
        await world.switch_on()
        await world.developer(status=0)
        ada = world.browser()
        await ada.sign_in()
        app = await make(ada, custom_id="mine")
        service = await add_service(world, auto_approve=True)
        path = f"/applications/{app}/application_instances"
        before = await ada.call("POST", path, {"service": service})
        await ada.call(
            "PATCH", f"/applications/{app}", {"custom_id": "a-public-client"}
        )
        after = (await ada.call("GET", path)).json()["data"]

    assert before.json()["status"] == 0
    assert [row["status"] for row in after] == [1]


@pytest.mark.spec("portal#3.8")
async def test_a_client_is_made_for_whoever_may_call_something(tmp_path: Path) -> None:
    """Its tokens have every scope: services that ask for nothing else would be open to it."""
    clients = Clients()
    settings: dict[str, Any] = {"portal_app_auth": "external-oauth2", "portal_user_pool_id": "eu-west-1_a"}  # fmt: skip
    async with portal_world(tmp_path, clients=clients, **settings) as world:
        await world.switch_on()
        await world.developer(status=0)
        ada = world.browser()
        await ada.sign_in()
        chosen = await ada.call(
            "POST", "/applications", {"name": "A", "custom_id": "x"}
        )
        app = await make(ada)
        early = await ada.call("POST", f"/applications/{app}/credentials")
        page = await ada.ask(f"{HOME}/applications/view?id={app}")
        service = await add_service(world, auto_approve=True)
        path = f"/applications/{app}/application_instances"
        await ada.call("POST", path, {"service": service})
        form = await ada.ask(f"{HOME}/applications/view?id={app}")
        shown = await ada.post(
            f"{HOME}/applications/client?id={app}", _csrf=token(form.text)
        )
        after = await ada.ask(f"{HOME}/applications/view?id={app}")

    assert "this portal makes clients" in chosen.json()["fields"]["custom_id"]
    assert (early.status, "once it may call a service" in early.text) == (400, True)
    assert "Ask for a service first" in page.text
    assert clients.there == {"client1": "Shop"}
    assert 'id="new-client-secret">hush<' in shown.text
    assert "client1" in after.text
    assert "hush" not in after.text


@pytest.mark.spec("portal#1.8")
async def test_nobody_writes_into_an_unproven_mailbox(tmp_path: Path) -> None:
    """Names of people and of applications are theirs who chose them, and mails go to an address."""
    async with portal_world(tmp_path) as world:
        await world.configure(
            portal=True, portal_auth="basic-auth", portal_application_status_email=True
        )
        body = {"email": "ada@example.com", "meta": '{"full_name": "Win at evil.com"}'}
        await world.node.send("POST", "/developers", {**body, "status": 0})
        app = await add_app(world, "Go to evil.com now")
        service = await add_service(world, auto_approve=True)
        path = f"/applications/{app}/application_instances"
        await world.node.send("POST", path, {"service": {"id": service}})
        await told(world)
        words = " ".join(f"{m.subject} {m.text} {m.html}" for m in world.post.mails)

    assert len(world.post.mails) == 2
    assert "evil" not in words
    assert "Your application" in words
