"""What decK asks of an Admin API, asked of a real node: sync, then nothing is different."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.interop.deck_steps import NOT_HERE, DeckSteps
from tests.support.lean_node import LeanNode, lean_node
from tests.unit.admin.rows_kit import AUTHORITY, JWK, PAIR

pytestmark = [
    pytest.mark.spec("gateway#1.20"),
    pytest.mark.asyncio(loop_scope="module"),
]
EVERYTHING: dict[str, list[dict[str, Any]]] = {
    "certificates": [{"cert": PAIR.cert, "key": PAIR.key}],
    "ca_certificates": [{"cert": AUTHORITY.cert}],
    "snis": [{"name": "a.example", "certificate": ("certificates", PAIR.cert)}],
    "vaults": [{"prefix": "my-env", "name": "env", "config": {"prefix": "X_", "base64_decode": False}}],
    "key-sets": [{"name": "ring"}],
    "keys": [{"name": "k", "kid": "k1", "jwk": JWK, "set": ("key-sets", "ring")}],
    "consumers": [{"username": "ada", "custom_id": "1"}, {"username": "grace"}],
    "consumer_groups": [{"name": "gold"}],
    "members": [{"group": "gold", "consumer": "ada"}],
    "key-auths": [{"key": "secret", "consumer": ("consumers", "ada")}],
    "basic-auths": [{"username": "ada", "password": "p", "consumer": ("consumers", "ada")}],
    "jwts": [{"key": "i", "secret": "s", "algorithm": "HS256", "consumer": ("consumers", "ada")}],
    "acls": [{"group": "staff", "consumer": ("consumers", "ada")}],
    "services": [
        {"name": "one", "host": "pool.internal", "path": "/x"},
        {"name": "two", "host": "b.example", "protocol": "https", "port": 443,
         "client_certificate": ("certificates", PAIR.cert)},
    ],
    "routes": [
        {"name": f"r{n}", "paths": [f"/r{n}"], "service": ("services", "one"), "tags": ["x"]}
        for n in range(25)
    ],
    "upstreams": [
        {"name": "pool.internal", "healthchecks": {"active": {"healthy": {"interval": 3}}}},
        {"name": "hash.internal", "hash_on": "header", "hash_on_header": "X-User", "algorithm": "consistent-hashing"},
        {"name": "least.internal", "algorithm": "least-connections"},
    ],
    "targets": [
        {"target": f"10.0.0.{n}:80", "upstream": ("upstreams", "pool.internal")} for n in (1, 2)
    ],
    "plugins": [
        {"name": "cors"},
        {"name": "key-auth", "service": ("services", "one")},
        {"name": "rate-limiting", "config": {"minute": 5}, "consumer": ("consumers", "ada")},
        {"name": "rate-limiting", "config": {"hour": 5}, "consumer_group": ("consumer_groups", "gold")},
        {"name": "openid-connect", "route": ("routes", "r1"),
         "config": {"issuer": "https://idp.example/", "client_id": ["c"], "scopes": ["openid"]}},
        {"name": "ip-restriction", "route": ("routes", "r2"), "config": {"allow": ["10.0.0.0/8"]}},
    ],
}  # fmt: skip
NOTHING: dict[str, list[dict[str, Any]]] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LeanNode]:
    folder = tmp_path_factory.mktemp("node")
    async with lean_node(folder, database="sqlite") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def deck(node: LeanNode) -> AsyncIterator[DeckSteps]:
    made = DeckSteps(node=node)
    yield made
    await made.sync(NOTHING)


async def test_ping_reads_a_version(deck: DeckSteps) -> None:
    assert await deck.ping() == "3.9.1"


async def test_a_file_with_every_entity_is_the_same_afterwards(
    deck: DeckSteps,
) -> None:
    rows = sum(map(len, EVERYTHING.values()))
    done = []
    for _ in range(2):
        done.append(await deck.sync(EVERYTHING))
        assert await deck.diff(EVERYTHING) == ([], [], [])
    assert done == [rows, 0]
    dumped = await deck.dump()

    assert {n: len(r) for n, r in dumped.items()} == {
        **{n: len(r) for n, r in EVERYTHING.items()},
        **dict.fromkeys(NOT_HERE, 0),
    }


async def test_one_changed_row_is_one_write(deck: DeckSteps) -> None:
    await deck.sync(EVERYTHING)
    changed = {
        **EVERYTHING,
        "consumers": [*EVERYTHING["consumers"], {"username": "new"}],
        "upstreams": [
            {**row, "slots": 100} if row["name"] == "pool.internal" else row
            for row in EVERYTHING["upstreams"]
        ],
        "routes": EVERYTHING["routes"][:-1],
    }

    assert await deck.sync(changed) == 3
    assert await deck.diff(changed) == ([], [], [])


async def test_everything_goes_in_order(deck: DeckSteps) -> None:
    await deck.sync(EVERYTHING)
    await deck.sync(NOTHING)

    assert [rows for rows in (await deck.dump()).values() if rows] == []


async def test_a_tag_selects_rows_and_leaves_others_alone(deck: DeckSteps) -> None:
    await deck.sync({"services": [{"name": "other", "host": "o.example"}]})
    mine = DeckSteps(node=deck.node, tags=("team-a", "blue"))
    wanted = {
        name: EVERYTHING[name]
        for name in ("services", "routes", "upstreams", "targets")
    }
    wanted |= {"certificates": EVERYTHING["certificates"]}
    for _ in range(2):
        await mine.sync(wanted)
        assert await mine.diff(wanted) == ([], [], [])
    await mine.sync(NOTHING)

    assert [row["name"] for row in (await deck.dump())["services"]] == ["other"]


@pytest.mark.spec("gateway#1.15")
async def test_a_workspace_is_synced_beside_the_others(deck: DeckSteps) -> None:
    await deck.sync(EVERYTHING)
    team = DeckSteps(node=deck.node, workspace="team")
    assert await team.enter()
    assert not await team.enter()
    assert await team.ping() == "3.9.1"
    # What is unique everywhere or asks for the same requests stays out.
    apart = {"snis", "vaults", "routes", "plugins"}
    wanted = {name: rows for name, rows in EVERYTHING.items() if name not in apart}
    for _ in range(2):
        await team.sync(wanted)
        assert await team.diff(wanted) == ([], [], [])

    assert await deck.diff(EVERYTHING) == ([], [], [])
    # Authorities are in no workspace: they would go for everybody.
    await team.sync({"ca_certificates": EVERYTHING["ca_certificates"]})
    assert await deck.diff(EVERYTHING) == ([], [], [])
