"""Bundled plugins on a real node of two workers, as clients and upstreams see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.lean_node import LeanNode, eventually, lean_node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[LeanNode]:
    async with lean_node(tmp_path, database="off") as made:
        yield made


def behind(node: LeanNode, *plugins: dict[str, Any]) -> dict[str, Any]:
    """One route to the echo upstream, with plugins on everything."""
    url = f"http://127.0.0.1:{node.ports.upstream}"
    route = {"name": "all", "paths": ["/"]}
    return {
        "services": [{"name": "echo", "url": url, "routes": [route]}],
        "plugins": [*plugins],
    }


@pytest.mark.spec("Kong#rate-limiting")
async def test_the_workers_of_a_node_count_together(node: LeanNode) -> None:
    limit = {"name": "rate-limiting", "config": {"year": 10, "limit_by": "service"}}
    await node.configure(behind(node, limit))

    asked = await asyncio.gather(*(node.proxy("/") for _ in range(30)))
    passed = [got for got in asked if got.status == 200]
    refused = [got for got in asked if got.status == 429]
    assert (len(passed), len(refused)) == (10, 20)
    left = sorted(int(got.headers["X-RateLimit-Remaining-Year"]) for got in passed)
    assert left == [*range(10)]
    assert all(got.headers["Retry-After"] for got in refused)


@pytest.mark.spec("Kong#4.2")
async def test_every_phase_is_run_for_upstreams_and_for_the_gateways_own_answers(
    node: LeanNode, tmp_path: Path
) -> None:
    log = tmp_path / "exchanges.log"
    await node.configure(
        behind(
            node,
            {"name": "correlation-id", "config": {"echo_downstream": True}},
            {"name": "cors", "config": {"origins": ["https://app.example"]}},
            {
                "name": "request-termination",
                "config": {"trigger": "X-End", "status_code": 418, "message": "no"},
            },
            {
                "name": "request-transformer",
                "config": {"add": {"headers": ["X-Added:$(query_params.q)"]}},
            },
            {
                "name": "response-transformer",
                "config": {
                    "add": {"json": ["added:1"], "headers": ["X-Response:1"]},
                },
            },
            {"name": "file-log", "config": {"path": str(log)}},
        )
    )

    passed = await node.proxy("/hello?q=there", authorization="Bearer planted")
    ended = await node.proxy("/", x_end="1")
    for got in (passed, ended):
        assert got.headers["Kong-Request-ID"]
        assert got.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert got.headers["X-Response"] == "1"
        assert got.json()["added"] == "1"
    assert ended.status == 418
    assert ended.json()["message"] == "no"
    assert "there" in passed.body.decode()

    async def written() -> bool:
        return log.exists() and len(log.read_text().splitlines()) == 2

    await eventually(written)
    text = log.read_text()
    assert "planted" not in text
    found = {json.loads(line)["response"]["status"] for line in text.splitlines()}
    assert found == {200, 418}


@pytest.mark.spec("Kong#request-size-limiting")
async def test_a_body_in_chunks_over_the_limit_is_cut_off(node: LeanNode) -> None:
    config = {"allowed_payload_size": 1, "size_unit": "kilobytes"}
    await node.configure(
        behind(node, {"name": "request-size-limiting", "config": config})
    )

    fits = await node.proxy("/", method="POST", body="x" * 1024)
    over = await node.proxy("/", method="POST", body="x" * 1025)
    assert (fits.status, over.status) == (200, 413)
    reader, writer = await asyncio.open_connection("127.0.0.1", node.ports.proxy)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    writer.write(b"401\r\n" + b"x" * 1025 + b"\r\n")
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
