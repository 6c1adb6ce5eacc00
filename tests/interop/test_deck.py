"""decK as it is, against the Admin API of a real node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.deck import Deck
from tests.support.lean_node import lean_node
from tests.unit.admin.rows_kit import AUTHORITY, JWK, PAIR

pytestmark = pytest.mark.spec("gateway#1.20")
CERTIFICATE = "11111111-2222-4333-8444-555555555555"
FILE: dict[str, Any] = {
    "certificates": [
        {"id": CERTIFICATE, "cert": PAIR.cert, "key": PAIR.key, "snis": [{"name": "a.example"}]}
    ],
    "ca_certificates": [{"cert": AUTHORITY.cert}],
    "vaults": [{"prefix": "my-env", "name": "env", "config": {"prefix": "X_"}}],
    "key_sets": [{"name": "ring"}],
    "keys": [{"name": "k", "kid": "k1", "jwk": JWK, "set": "ring"}],
    "consumer_groups": [{"name": "gold"}],
    "consumers": [
        {
            "username": "ada", "custom_id": "1", "groups": [{"name": "gold"}],
            "keyauth_credentials": [{"key": "secret"}],
            "basicauth_credentials": [{"username": "ada", "password": "p"}],
            "jwt_secrets": [{"key": "i", "secret": "s", "algorithm": "HS256"}],
            "acls": [{"group": "staff"}],
            "plugins": [{"name": "rate-limiting", "config": {"minute": 5}}],
        }
    ],
    "services": [
        {
            "name": "one", "host": "pool.internal", "plugins": [{"name": "key-auth"}],
            "routes": [{"name": "r", "paths": ["/r"], "plugins": [{"name": "cors"}]}],
        },
        {"name": "two", "url": "https://b.example", "client_certificate": CERTIFICATE},
    ],
    "upstreams": [{"name": "pool.internal", "targets": [{"target": "10.0.0.1:80"}]}],
    "plugins": [{"name": "correlation-id"}],
}  # fmt: skip


@pytest.fixture
async def deck(tmp_path: Path) -> AsyncIterator[Deck]:
    async with lean_node(tmp_path, database="sqlite") as node:
        yield Deck(admin=f"http://127.0.0.1:{node.ports.admin}", folder=tmp_path)


async def run(deck: Deck, *words: str) -> str:
    code, said = await asyncio.to_thread(deck.run, *words)
    assert code == 0, said
    return said


async def test_ping(deck: Deck) -> None:
    assert "Successfully connected to Kong" in await run(deck, "ping")


async def test_sync_dump_and_diff_twice(deck: Deck) -> None:
    file = deck.write("kong.yaml", FILE)
    for _ in range(2):
        await run(deck, "sync", file)
        await run(deck, "diff", "--non-zero-exit-code", file)
    await run(deck, "dump", "--yes", "--output-file", "dumped.yaml")
    await run(deck, "diff", "--non-zero-exit-code", "dumped.yaml")
    await run(deck, "validate", file)


async def test_a_tag_selects_rows_and_leaves_others_alone(deck: Deck) -> None:
    other = {"services": [{"name": "other", "host": "o.example"}]}
    await run(deck, "sync", deck.write("other.yaml", other))
    file = deck.write("mine.yaml", {"services": FILE["services"][:1]})
    for _ in range(2):
        await run(deck, "sync", "--select-tag", "mine", file)
        await run(deck, "diff", "--non-zero-exit-code", "--select-tag", "mine", file)
    await run(deck, "dump", "--yes", "--output-file", "all.yaml")

    text = (deck.folder / "all.yaml").read_text()
    assert "name: other" in text
    assert "name: one" in text
