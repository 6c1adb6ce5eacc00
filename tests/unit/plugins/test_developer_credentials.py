"""Whom plugins know by a developer's own credential, and where it opens nothing."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from ostiary.gateway.decision import Forward
from ostiary.gateway.directory import (
    NO_SELF_SERVICE,
    Directory,
    SelfService,
    build_directory,
)
from ostiary.model.applications import Application, ApplicationKey, digest_key
from ostiary.model.credentials import Acl, KeyAuth
from ostiary.model.developer_credentials import DeveloperCredential, build_name
from ostiary.model.gateway import Consumer
from ostiary.model.identity import hash_password
from ostiary.model.row import Row
from ostiary.plugins import CATALOG
from tests.unit.plugins.plugin_kit import Asked, Gate, build_snapshot, check
from tests.unit.plugins.test_jwt import token

pytestmark = pytest.mark.spec("portal#1.7")
DEVELOPER, CONSUMER, ONE, WORKSPACE, APP = (
    str(uuid.UUID(int=n, version=4)) for n in range(1, 6)
)
KEY, SECRET = "k" * 32, "s" * 32
SELF = SelfService(usual=frozenset({"key-auth", "basic-auth", "jwt"}))
_VALUES: dict[str, dict[str, Any]] = {
    "key-auth": {},
    "basic-auth": {"password": hash_password("pass", DEVELOPER)},
    "jwt": {"secret": SECRET, "algorithm": "HS256"},
}
PLUGINS = tuple(_VALUES)


def credential(plugin: str = "key-auth", **more: Any) -> DeveloperCredential:
    return DeveloperCredential(
        id=ONE,
        developer=DEVELOPER,
        plugin=plugin,
        name=build_name(plugin, KEY),
        **{**_VALUES[plugin], **more},
    )


def _fields(plugin: str) -> tuple[tuple[bytes, bytes], ...]:
    if plugin == "key-auth":
        return ((b"apikey", KEY.encode()),)
    if plugin == "basic-auth":
        pair = base64.b64encode(f"{KEY}:pass".encode())
        return ((b"authorization", b"Basic " + pair),)
    signed = token({"iss": KEY}, secret=SECRET.encode())
    return ((b"authorization", f"Bearer {signed}".encode()),)


async def ask(
    rows: Iterable[Row],
    plugin: str = "key-auth",
    *more: tuple[str, dict[str, Any]],
    self_service: SelfService = NO_SELF_SERVICE,
) -> Asked:
    """A service behind the plugin, and behind some more."""
    gate = Gate()
    services = gate.lender.services()
    chain: list[Any] = [
        CATALOG[name].build(check(name, config), name, services)
        for name, config in ((plugin, {}), *more)
    ]
    directory = build_directory(rows, self_service)
    gate.gateway.snapshot = build_snapshot(tuple(chain), directory, {}, {})
    return await gate.ask(fields=_fields(plugin))


def said(asked: Asked) -> tuple[int, str]:
    return asked.reply.status, json.loads(asked.reply.body)["message"]


@pytest.mark.parametrize("plugin", PLUGINS)
async def test_a_developer_passes_and_the_upstream_hears_an_id_alone(
    plugin: str,
) -> None:
    asked = await ask([credential(plugin)], plugin)

    assert asked.sent("x-consumer-id") == [DEVELOPER]
    assert asked.sent("x-consumer-username") == []
    assert asked.sent("x-consumer-custom-id") == []
    identifier = ONE if plugin == "key-auth" else KEY
    assert asked.sent("x-credential-identifier") == [identifier]


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize(
    "more", [{"held": True}, {"expires_at": 1}, {"ws_id": WORKSPACE}]
)
async def test_held_ended_and_foreign_ones_open_nothing(
    plugin: str, more: dict[str, Any]
) -> None:
    asked = await ask([credential(plugin, **more)], plugin)

    assert asked.reply.status == 401


@pytest.mark.parametrize("plugin", PLUGINS)
async def test_one_for_a_plugin_opens_no_other(plugin: str) -> None:
    for other in PLUGINS:
        asked = await ask([credential(other)], plugin)
        assert isinstance(asked.decision, Forward) is (other == plugin), other


@pytest.mark.parametrize("plugin", PLUGINS)
async def test_what_was_made_in_the_portal_passes_where_it_still_gives_them_out(
    plugin: str,
) -> None:
    rows = [credential(plugin, self_made=True)]
    passed = await ask(rows, plugin, self_service=SELF)
    gone = await ask(rows, plugin)
    elsewhere = SelfService(usual=SELF.usual, own={WORKSPACE: frozenset()})
    still = await ask(rows, plugin, self_service=elsewhere)
    here = SelfService(usual=SELF.usual, own={"": frozenset()})
    off = await ask(rows, plugin, self_service=here)
    by_admin = await ask([credential(plugin)], plugin, self_service=here)

    assert passed.sent("x-consumer-id") == [DEVELOPER]
    assert still.sent("x-consumer-id") == [DEVELOPER]
    assert by_admin.sent("x-consumer-id") == [DEVELOPER]
    assert (gone.reply.status, off.reply.status) == (401, 401)


async def test_what_an_operator_has_entered_comes_first() -> None:
    rows = [
        credential(),
        Consumer(id=CONSUMER, username="anna"),
        KeyAuth(id=str(uuid.uuid4()), consumer=CONSUMER, key=KEY, created_at=1),
    ]
    asked = await ask(rows)

    assert asked.sent("x-consumer-id") == [CONSUMER]


async def test_groups_are_not_theirs_even_where_a_consumer_has_their_id() -> None:
    rows = [
        Consumer(id=DEVELOPER, username="anna"),
        Acl(id=str(uuid.uuid4()), consumer=DEVELOPER, group="staff"),
    ]
    staff = ("acl", {"allow": ["staff"]})
    without = await ask([credential()], "key-auth", staff)
    with_same_id = await ask([credential(), *rows], "key-auth", staff)

    not_staff = ("acl", {"deny": ["staff"]})
    others = await ask([credential()], "key-auth", not_staff)

    assert others.sent("x-consumer-id") == [DEVELOPER]
    assert said(without) == (403, "You cannot consume this service")
    assert said(with_same_id) == (401, "Unauthorized")


@pytest.mark.spec("portal#3.8")
async def test_a_service_that_takes_applications_judges_them_as_consumers() -> None:
    name = "application-registration"
    plain = {"display_name": "Pets"}
    both = {**plain, "enable_proxy_with_consumer_credential": True}
    refused = await ask([credential()], "key-auth", (name, plain))
    passed = await ask([credential()], "key-auth", (name, both))

    assert said(refused) == (401, "Unauthorized")
    assert passed.sent("x-consumer-id") == [DEVELOPER]


@pytest.mark.spec("T-O7")
@pytest.mark.parametrize("by", ["id", "username", "custom_id"])
def test_nobody_finds_a_developer_but_by_a_credential(by: str) -> None:
    directory = build_directory([credential(), credential("basic-auth")], SELF)
    values = (DEVELOPER, KEY, digest_key(KEY), build_name("key-auth", KEY), ONE)

    for applications in (False, True):
        people = directory.of(None, applications=applications)
        assert {people.find(value, by=(by,)) for value in values} == {None}


def test_a_digest_is_no_key() -> None:
    people = build_directory([credential()]).of(None)

    assert people.credential("keyauth_credentials", digest_key(KEY)) is None
    assert people.credential("basicauth_credentials", digest_key(KEY)) is None
    assert people.credential("keyauth_credentials", KEY) is not None


def test_an_applications_key_is_found_before_a_developers() -> None:
    rows: list[Row] = [
        Application(id=APP, name="Shop", developer=DEVELOPER),
        ApplicationKey(
            id=str(uuid.uuid4()), application=APP, digest=digest_key(KEY), hint="kkkk"
        ),
        credential(),
    ]
    directory = build_directory(rows)
    plain = directory.of(None).credential("keyauth_credentials", KEY)
    taking = directory.of(None, applications=True).credential("keyauth_credentials", KEY)  # fmt: skip

    assert plain is not None
    assert plain.consumer.id == DEVELOPER
    assert taking is not None
    assert taking.consumer.id == APP


def test_other_self_service_is_another_directory_and_the_same_is_the_same() -> None:
    directory: Directory = build_directory([credential(self_made=True)])
    people = directory.of(None)
    other = directory.serving(SELF)

    assert directory.serving(NO_SELF_SERVICE) is directory
    assert other.of(None) is not people
    assert other.of(None).credential("keyauth_credentials", KEY) is not None
    assert people.credential("keyauth_credentials", KEY) is None
