"""The `application-registration` plugin, and whom plugins know where it is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from ostiary.gateway.directory import build_directory
from ostiary.kit import Exchange, Instant
from ostiary.model.applications import (
    Application,
    ApplicationInstance,
    ApplicationKey,
    digest_key,
)
from ostiary.model.credentials import KeyAuth
from ostiary.model.gateway import Consumer
from ostiary.model.row import Row
from ostiary.plugins import CATALOG
from tests.unit.plugins.plugin_kit import (
    SERVICE_ID,
    Asked,
    Gate,
    build_snapshot,
    check,
    problems,
)

OTHER_SERVICE = "33333333-3333-4333-8333-333333333333"
DEVELOPER, APP, CONSUMER, WORKSPACE = (
    str(uuid.UUID(int=n, version=4)) for n in range(1, 5)
)
KEY, OTHER_KEY = "k" * 32, "o" * 32


def contract(service: str = SERVICE_ID, **more: Any) -> ApplicationInstance:
    values = {"status": 0, **more}
    return ApplicationInstance(
        id=str(uuid.uuid4()), application=APP, service=service, **values
    )


def people(*contracts: Row, **key: Any) -> Iterable[Row]:
    yield Application(id=APP, name="Shop", developer=DEVELOPER, custom_id="client-1")
    yield ApplicationKey(
        id=str(uuid.uuid4()),
        application=APP,
        digest=digest_key(KEY),
        hint="kkkk",
        **key,
    )
    yield Consumer(id=CONSUMER, username="anna")
    yield KeyAuth(id=str(uuid.uuid4()), consumer=CONSUMER, key=OTHER_KEY, created_at=1)
    yield from contracts


async def ask(
    rows: Iterable[Row],
    key: str = KEY,
    *,
    registers: bool = True,
    gate: Gate | None = None,
    **config: Any,
) -> Asked:
    """A service with key-auth, which takes applications or does not."""
    gate = gate or Gate()
    services = gate.lender.services()
    chain: list[Any] = [CATALOG["key-auth"].build(check("key-auth", {}), "k", services)]
    if registers:
        kind = CATALOG["application-registration"]
        checked = check(kind.name, {"display_name": "Pets", **config})
        chain.append(kind.build(checked, "r", services))
    gate.gateway.snapshot = build_snapshot(tuple(chain), build_directory(rows), {}, {})
    return await gate.ask(fields=((b"apikey", key.encode()),))


def said(asked: Asked) -> tuple[int, str]:
    return asked.reply.status, json.loads(asked.reply.body)["message"]


@pytest.mark.spec("portal#3.8")
async def test_an_application_with_a_contract_passes_by_its_key() -> None:
    asked = await ask(people(contract()))

    assert asked.sent("x-consumer-id") == [APP]
    assert asked.sent("x-consumer-username") == []
    assert asked.sent("x-consumer-custom-id") == []


@pytest.mark.spec("portal#3.8")
@pytest.mark.parametrize(
    "held",
    [
        [],
        [contract(OTHER_SERVICE)],
        [contract(status=1)],
        [contract(status=2)],
        [contract(status=3)],
        [contract(suspended=True)],
        [contract(held=True)],
    ],
)
async def test_without_a_good_contract_nobody_passes(held: list[Row]) -> None:
    asked = await ask(people(*held))

    assert said(asked) == (403, "You cannot consume this service")


@pytest.mark.spec("portal#3.8")
async def test_a_key_of_an_application_opens_no_other_service() -> None:
    asked = await ask(people(contract()), registers=False)

    assert said(asked) == (401, "Unauthorized")


@pytest.mark.spec("portal#5.2")
async def test_a_key_that_has_ended_opens_nothing() -> None:
    asked = await ask(people(contract(), expires_at=1))

    assert said(asked) == (401, "Unauthorized")


@pytest.mark.spec("portal#3.8")
async def test_ordinary_consumers_pass_only_where_that_is_said() -> None:
    refused = await ask(people(contract()), OTHER_KEY)
    passed = await ask(
        people(contract()), OTHER_KEY, enable_proxy_with_consumer_credential=True
    )

    assert said(refused) == (401, "Unauthorized")
    assert passed.sent("x-consumer-username") == ["anna"]


@pytest.mark.spec("portal#3.8")
async def test_whoever_is_anonymous_does_not_pass() -> None:
    class Anonymous(Instant):
        def access(self, exchange: Exchange) -> None:
            exchange.consumer = exchange.consumers.find("anna", by=("username",))

    gate = Gate()
    kind = CATALOG["application-registration"]
    config = {"display_name": "P", "enable_proxy_with_consumer_credential": True}
    built = kind.build(check(kind.name, config), "r", gate.lender.services())
    gate.gateway.snapshot = build_snapshot(
        (Anonymous(), built), build_directory(people()), {}, {}
    )

    assert said(await gate.ask()) == (401, "Unauthorized")


@pytest.mark.spec("portal#3.8")
def test_a_client_id_finds_its_application_only_where_those_are_taken() -> None:
    directory = build_directory(people(contract()))
    here = directory.of(None, applications=True)
    found = here.find("client-1", by=("custom_id",))

    assert found is not None
    assert (found.id, found.custom_id) == (APP, "client-1")
    assert found.application is not None
    assert found.application.services == {SERVICE_ID}
    assert directory.of(None).find("client-1", by=("custom_id",)) is None
    assert directory.of(None).credential("keyauth_credentials", KEY) is None
    assert here.find("client-1", by=("username", "id")) is None
    like_anna = [*people(), Application(id=OTHER_SERVICE, name="B", developer=DEVELOPER, custom_id="anna")]  # fmt: skip
    both = build_directory(like_anna).of(None, applications=True)
    first = both.find("anna", by=("custom_id", "username"))
    assert first is not None
    assert first.id == CONSUMER
    assert here.find(APP, by=("id",)) is None
    assert here is directory.of(None, applications=True)


@pytest.mark.spec("portal#6.1")
def test_an_application_of_another_workspace_is_not_known() -> None:
    directory = build_directory(people(contract()))
    other = directory.of(WORKSPACE, applications=True)

    assert other.find("client-1", by=("custom_id",)) is None
    assert other.credential("keyauth_credentials", KEY) is None


@pytest.mark.spec("portal#1.9")
async def test_requests_of_applications_are_counted() -> None:
    gate = Gate()
    passed = await ask(people(contract()), gate=gate)
    passed.finish()
    passed.finish(status=502)
    (await ask(people(), gate=gate)).finish()
    (await ask(people(), OTHER_KEY, gate=gate)).finish()

    prefix = f"application:{APP}:{SERVICE_ID}"
    assert gate.lender.counted == [f"{prefix}:{w}" for w in ("ok", "failed", "refused")]


@pytest.mark.spec("portal#3.8")
def test_a_service_has_a_name_that_developers_see() -> None:
    assert problems("application-registration", {}) != ()
    assert problems("application-registration", {"display_name": "P"}) == ()
