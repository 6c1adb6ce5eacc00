"""The Admin API's providers: what workers fetched, by id and by issuer; forgotten on request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from ostiary.jose.encoding import encode_base64url
from ostiary.jose.keys import PrivateKey
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.known import KnownIssuers
from ostiary.signin.party import Party, compile_party
from tests.support.browser import World, allowed, build_config
from tests.support.parties import PAGE, bearer
from tests.support.provider import ISSUER
from tests.unit.admin.test_admin import Node
from tests.unit.demo.asgi import Reply

LIST = "/openid-connect/issuers"
WELL_KNOWN = "/.well-known/openid-configuration"


class Site:
    """A node of workers, and its Admin API."""

    def __init__(self, **rows: dict[str, Any]) -> None:
        self.world = World()
        self.providers = KnownIssuers(self.world.shared)
        self.show(**(rows or {"row": {}}))
        self.node = Node(providers=self.providers)

    def show(self, **rows: dict[str, Any]) -> None:
        configs = {row: build_config(**config) for row, config in rows.items()}
        self.parties = [compile_party(config, row) for row, config in configs.items()]
        self.providers.show(configs)

    async def use(self, party: Party | None = None) -> int:
        """Let two workers answer; how often the document was fetched for it."""
        fetched = len(self.world.provider.asked(WELL_KNOWN))
        for worker in (self.world.signin, self.other):
            token = bearer(self.world.provider.access_token())
            step = await self.world.browser().ask(
                party or self.parties[0], PAGE, fields=token, worker=worker
            )
            allowed(step)
        return len(self.world.provider.asked(WELL_KNOWN)) - fetched

    @property
    def other(self) -> Any:  # Any: a Signin, made once
        if not hasattr(self, "_other"):
            self._other = self.world.worker()
        return self._other

    async def call(self, key: str | None = None, method: str = "GET") -> Reply:
        # Servers decode a path before they route it.
        target = LIST if key is None else f"{LIST}/{unquote(key)}"
        return await self.node.call(target, method)


@pytest.mark.spec("oidc-plugin#12.7")
async def test_what_a_worker_has_fetched_is_listed() -> None:
    site = Site()
    before = (await site.call()).json()
    await site.use()

    reply = await site.call()

    assert before == {"data": [], "next": None}
    assert (reply.status, reply.json()["next"]) == (200, None)
    row = reply.json()["data"][0]
    assert row.keys() == {"id", "issuer", "created_at", "configuration", "keys"}
    assert (row["issuer"], row["created_at"]) == (ISSUER, 1_800_000_000)
    assert row["configuration"]["issuer"] == ISSUER
    assert [key["kid"] for key in row["keys"]] == [site.world.provider.signing.kid]
    assert "d" not in row["keys"][0]


@pytest.mark.spec("oidc-plugin#12.7")
@pytest.mark.parametrize(
    "key",
    [
        ISSUER,
        f"{ISSUER}/",
        f"{ISSUER}{WELL_KNOWN}",
        ISSUER.replace(":", "%3A").replace("/", "%2F"),
    ],
)
@pytest.mark.parametrize("configured", [ISSUER, f"{ISSUER}{WELL_KNOWN}"])
async def test_a_provider_is_found_in_every_form_of_its_issuer(
    key: str, configured: str
) -> None:
    site = Site(row={"issuer": configured})
    await site.use()

    found = await site.call(key)

    assert found.status == 200
    assert (await site.call(found.json()["id"])).json() == found.json()


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("key", ["https://else.example", "x", ISSUER[:-1], "%20"])
async def test_an_unknown_provider_is_not_found(key: str, method: str) -> None:
    site = Site()
    await site.use()

    reply = await site.call(key, method)

    assert (reply.status, reply.json()) == (404, {"message": "Not found"})
    assert await site.use() == 0


async def test_a_provider_that_nobody_has_fetched_is_not_found() -> None:
    site = Site()

    assert (await site.call(ISSUER)).status == 404
    assert (await site.call(ISSUER, "DELETE")).status == 404


@pytest.mark.spec("oidc-plugin#12.7")
@pytest.mark.parametrize("by", ["all", "id", "issuer"])
async def test_a_forgotten_provider_is_fetched_again_by_every_worker(by: str) -> None:
    site = Site()
    assert await site.use() == 1
    row = (await site.call()).json()["data"][0]
    assert await site.use() == 0

    gone = await site.call({"all": None, "id": row["id"], "issuer": ISSUER}[by], "DELETE")  # fmt: skip

    assert (gone.status, gone.body) == (204, b"")
    assert (await site.call()).json()["data"] == []
    assert site.world.signin.issuers.peek(site.parties[0]) is None
    assert site.other.issuers.peek(site.parties[0]) is None
    site.world.clock.move(5)
    assert await site.use() == 1
    again = (await site.call(row["id"])).json()
    assert again == {**row, "created_at": row["created_at"] + 5}


async def test_nobody_is_signed_out_by_it() -> None:
    site = Site()
    browser = site.world.browser()
    await browser.sign_in(site.parties[0])
    await site.call(method="DELETE")

    for worker in (site.world.signin, site.other):
        assert allowed(await browser.visit(site.parties[0], worker=worker)).session


@pytest.mark.parametrize(("forgets", "is_fetched"), [(True, 1), (False, 0)])
async def test_a_failure_just_now_does_not_keep_it_from_being_fetched(
    *, forgets: bool, is_fetched: int
) -> None:
    site = Site(row={"cache_ttl": 10})
    world = site.world
    await site.use()
    world.clock.move(11)
    world.provider.down = True
    await site.use()  # what is old is used

    world.provider.down = False
    if forgets:
        await site.call(ISSUER, "DELETE")

    assert await site.use() == is_fetched


@pytest.mark.spec("oidc-plugin#12.7")
async def test_only_the_one_that_was_named_is_forgotten() -> None:
    extra = {"extra_jwks_uris": [f"{ISSUER}/other-jwks"]}
    site = Site(one={}, two=extra, three={})
    site.world.provider.replies["other-jwks"] = site.world.provider.json(
        200, {"keys": [PrivateKey.generate_ec("more").public_jwk()]}
    )
    for party in site.parties:
        await site.use(party)
    rows = (await site.call()).json()["data"]
    assert len(rows) == 2  # the first and the third share what is known

    await site.call(rows[0]["id"], "DELETE")

    assert (await site.call()).json()["data"] == rows[1:]
    assert await site.use(site.parties[0]) == 1
    assert await site.use(site.parties[1]) == 0


async def test_only_providers_of_the_configuration_are_shown() -> None:
    site = Site()
    await site.use()
    site.show(row={"issuer": "https://else.example"})

    assert (await site.call()).json()["data"] == []


async def test_nothing_private_is_shown_and_nothing_broken_breaks_it() -> None:
    site = Site()
    private = PrivateKey.generate_ec("lost").to_private_jwk()
    odd: list[Any] = [private, {"kty": "oct", "k": "c2VjcmV0"}, "x"]
    sets = [json.dumps({"keys": odd}).encode(), b'{"keys": 1}', b"no json"]
    stored = [1.5, None, [encode_base64url(text) for text in sets]]
    key = f"issuer:{site.parties[0].provider_key}"
    await site.world.shared.set(key, json.dumps(stored).encode(), ttl_s=9)

    reply = await site.call()

    row = reply.json()["data"][0]
    assert row["configuration"] == {}
    assert row["keys"] == [{k: v for k, v in private.items() if k != "d"}]
    assert private["d"] not in reply.text


class Away:
    async def rows(self, key: str | None = None) -> list[dict[str, Any]]:
        raise SharedUnavailable(key or "")

    async def forget(self, key: str | None = None) -> bool:
        raise SharedUnavailable(key or "")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", [LIST, f"{LIST}/x"])
async def test_shared_state_that_is_away_is_said(path: str, method: str) -> None:
    reply = await Node(providers=Away()).call(path, method)

    assert reply.status == 503
    assert "try again" in reply.json()["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_nothing_can_be_written(method: str) -> None:
    assert (await Node().call(f"{LIST}/x", method)).status == 405
