"""Applications in the Manager: what asks for services, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.admin.test_applications import APPS, add_app, add_service, ask
from tests.unit.manager.desk import Desk, open_desk
from tests.unit.portal.portal_kit import EMAIL

pytestmark = pytest.mark.spec("portal#4.1")
LIST = "/default/applications"
REQUESTED = f"{LIST}/requested"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as made:
        await made.world.switch_on()
        await made.world.developer(status=0)
        yield made


async def test_without_applications_the_page_says_where_they_come_from(
    desk: Desk,
) -> None:
    page = await desk.browser.get(LIST)
    requested = await desk.browser.get(REQUESTED)

    assert "No applications yet." in page.words
    assert "No application waits." in requested.words


async def test_a_request_is_approved_from_the_list(desk: Desk) -> None:
    app, service = await add_app(desk.world), await add_service(desk.world)
    row = await ask(desk.world, app, service)
    page = await desk.browser.get(REQUESTED)
    done = await desk.browser.post(
        f"{LIST}/{app}", {"contract": row["id"], "status": "0", "back": "requested"}
    )
    path = f"/applications/{app}/application_instances/{row['id']}"

    assert all(word in page.words for word in ("Shop", EMAIL, "pets", "Approve"))
    assert done.location == f"{REQUESTED}?done=contract-0"
    assert (await desk.world.node.call(path)).json()["status"] == 0
    assert "Shop" in (await desk.browser.get(LIST)).words


async def test_an_application_shows_contracts_keys_and_its_developer(
    desk: Desk,
) -> None:
    app = await add_app(desk.world, custom_id="client-1", description="<b>Sells</b>")
    row = await ask(desk.world, app, await add_service(desk.world, auto_approve=True))
    keys = f"{APPS}/{app}/credentials/key-auth"
    key = (await desk.world.node.send("POST", keys)).json()
    page = await desk.browser.get(f"{LIST}/{app}")
    owner = await desk.world.node.call(f"/developers/{EMAIL}")
    whose = await desk.browser.get(f"/default/developers/{owner.json()['id']}")

    assert f"{LIST}/{app}" in whose.text
    assert all(w in page.words for w in (EMAIL, "client-1", "pets", key["key"][:4]))
    assert key["key"] not in page.text
    assert "<b>Sells" not in page.text
    for go, held in (("hold", True), ("free", False)):
        await desk.browser.post(f"{LIST}/{app}", {"contract": row["id"], "go": go})
        path = f"/applications/{app}/application_instances/{row['id']}"
        assert (await desk.world.node.call(path)).json()["suspended"] is held
    await desk.browser.post(f"{LIST}/{app}", {"key": key["id"], "go": "delete-key"})
    assert (await desk.world.node.call(keys)).json()["data"] == []


async def test_what_cannot_be_is_told_on_the_page(desk: Desk) -> None:
    app, service = await add_app(desk.world), await add_service(desk.world)
    row = await ask(desk.world, app, service)
    wrong = await desk.browser.post(
        f"{LIST}/{app}", {"contract": row["id"], "status": "3"}
    )
    missing = await desk.browser.get(f"{LIST}/{row['id']}")

    assert wrong.status == 400
    assert "cannot change from Pending Approval to Revoked" in wrong.words
    assert missing.status == 404


async def test_an_application_is_deleted_with_all_of_it(desk: Desk) -> None:
    app = await add_app(desk.world)
    row = await ask(desk.world, app, await add_service(desk.world))
    await desk.browser.post(
        f"{LIST}/{app}", {"contract": row["id"], "go": "delete-contract"}
    )
    contracts = await desk.world.node.call(f"/applications/{app}/application_instances")
    done = await desk.browser.post(f"{LIST}/{app}", {"go": "delete"})

    assert contracts.json()["data"] == []
    assert done.location == f"{LIST}?done=application-deleted"
    assert (await desk.world.node.call(f"/applications/{app}")).status == 404
