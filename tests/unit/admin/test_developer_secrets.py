"""Passwords of developers through the Admin API: taken, kept apart, shown nowhere; who hears of what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.admin.developers import decide_events
from ostiary.model.portal import Developer
from tests.unit.admin.audit_kit import audited_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.portal.own_kit import PASSWORD, mails, switch_own
from tests.unit.portal.portal_kit import ADMIN, EMAIL, PortalWorld, portal_world

META = json.dumps({"full_name": "Ada L"})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    """A portal with passwords of its own."""
    async with portal_world(tmp_path) as made:
        await switch_own(made)
        yield made


@pytest.mark.spec("portal#1.7")
async def test_a_password_is_kept_apart_and_goes_with_its_developer(
    world: PortalWorld,
) -> None:
    row = await world.developer(password=PASSWORD)
    where = {"developer": row["id"]}
    store = world.node.store
    first = await store.find("developer_secrets", where)
    path = f"/developers/{row['id']}"
    await world.node.send("PATCH", path, {"password": PASSWORD[::-1]})
    second = await store.find("developer_secrets", where)
    await world.node.send("DELETE", path)

    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert first.model_dump()["password"] != second.model_dump()["password"]
    assert await store.find("developer_secrets", where) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"password": "short"}, "at least 8"), ({"password": 5}, "expected a string"),
        ({"password": ["a"]}, "expected a string"), ({"key": "x" * 30}, "does not sign in with it"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_password_is_said_at_its_field(
    world: PortalWorld, body: dict[str, object], words: str
) -> None:
    await world.developer("b@b.c")
    (name,) = body
    made = await world.node.send("POST", "/developers", {"email": EMAIL, "meta": META, **body})  # fmt: skip
    changed = await world.node.send("PATCH", "/developers/b@b.c", body)

    for reply in (made, changed):
        assert reply.status == 400
        assert words in reply.json()["fields"][name]
    assert (await world.node.call(f"/developers/{EMAIL}")).status == 404


async def test_a_portal_of_a_provider_takes_no_password(world: PortalWorld) -> None:
    await world.switch_on()
    body = {"email": EMAIL, "meta": META, "password": PASSWORD}
    reply = await world.node.send("POST", "/developers", body)

    assert "does not sign in with it" in reply.json()["fields"]["password"]


async def test_nobody_sets_or_sees_what_ends_sessions(world: PortalWorld) -> None:
    row = await world.developer(epoch=7, was_approved=True)
    path = f"/developers/{row['id']}"
    await world.node.send("PATCH", path, {"epoch": 9})
    kept = await world.node.store.get("developers", row["id"])

    assert isinstance(kept, Developer)
    assert (kept.epoch, kept.was_approved) == (0, False)
    assert "epoch" not in row


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"status": 3}, True), ({"password": "another long one"}, True), ({"email": "n@b.c"}, True),
        ({"meta": '{"full_name":"B"}'}, False), ({"status": 0}, False), ({}, False),
    ],
)  # fmt: skip
async def test_only_what_ends_trust_begins_an_epoch(
    world: PortalWorld, change: dict[str, object], ends: bool
) -> None:
    row = await world.developer(status=0, password=PASSWORD)
    reply = await world.node.send("PATCH", f"/developers/{row['id']}", change)
    kept = await world.node.store.get("developers", row["id"])

    assert reply.status == 200
    assert isinstance(kept, Developer)
    assert kept.epoch == ends


async def test_an_admin_makes_somebody_who_must_verify(world: PortalWorld) -> None:
    await world.developer(status=5, password=PASSWORD)
    (mail,) = await mails(world, EMAIL)

    assert "account/verify?token=" in mail.text
    await world.set_status(1)
    assert [m.recipient for m in await mails(world)] == [EMAIL, ADMIN]


@pytest.mark.spec("portal#1.8")
@pytest.mark.parametrize(
    ("before", "after", "by_portal", "events"),
    [
        (5, 0, True, ("account-verification-approved",)), (5, 0, False, ("approved-access",)),
        (5, 1, True, ("account-verification-pending", "request-access")), (5, 1, False, ("request-access",)),
        (1, 0, False, ("approved-access",)), (1, 2, False, ("developer-rejected",)),
        (0, 3, False, ("developer-revoked",)), (2, 0, False, ("approved-access",)), (0, 0, False, ()), (5, 2, False, ("developer-rejected",)),
    ],
)  # fmt: skip
def test_a_change_is_told_to_whom_it_concerns(
    before: int, after: int, by_portal: bool, events: tuple[str, ...]
) -> None:
    old = Developer(email=EMAIL, status=before)
    new = old.model_copy(update={"status": after})

    assert decide_events(old, new, by_portal=by_portal) == events


def test_an_approval_is_not_told_again() -> None:
    old = Developer(email=EMAIL, status=3, was_approved=True)
    new = old.model_copy(update={"status": 0})

    assert decide_events(old, new, by_portal=False) == ()


@pytest.mark.spec("gateway#1.17")
async def test_no_password_and_no_hash_is_in_the_audit_log(tmp_path: Path) -> None:
    """It says that one was set, and not which."""
    planted = "pLaNtEd7x"
    async with audited_node(tmp_path, portal=OpenDesk()) as node:
        body = {"email": EMAIL, "password": planted}
        made = await node.send("POST", "/developers", body)
        changed = await node.send("PATCH", f"/developers/{EMAIL}", {"key": planted})
        written = node.written()
        told = await node.records("objects")

    assert (made.status, changed.status) == (200, 200)
    assert planted not in written
    assert planted not in made.text + changed.text
    kinds = [(r["dao_name"], r["operation"]) for r in told]
    assert ("developer_secrets", "create") in kinds
    assert ("developer_secrets", "update") in kinds


@pytest.mark.parametrize("path", ["/developer_secrets", "/developer-secrets", "/tags"])
async def test_no_path_leads_to_what_is_kept(world: PortalWorld, path: str) -> None:
    row = await world.developer(password=PASSWORD)
    replies = [
        await world.node.call(path),
        await world.node.call(f"/developers/{row['id']}/developer_secrets"),
        await world.node.call("/schemas/developer_secrets"),
    ]

    for reply in replies:
        assert "argon2" not in reply.text
        assert reply.status == 404 or reply.json().get("data") == []
