"""Upstreams and certificates of a real node: two workers that agree, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.balanced import address
from tests.proxy.certificates import Issued, issue
from tests.proxy.support import Handler, Stage, read_request
from tests.proxy.test_upstreams import free_port
from tests.support.lean_node import LeanNode, eventually, lean_node

ROOT = issue("root.test", ca=True)
FIRST = issue("shop.test", by=ROOT)
SECOND = issue("shop.test", by=ROOT)


class Server:
    """Answers with its name; a probe hears its status."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.status = 200

    @property
    def handle(self) -> Handler:
        async def handle(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            while True:
                head, _ = await read_request(reader)
                probed = head.startswith(b"GET /healthz ")
                status = self.status if probed else 200
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 1\r\n\r\n" % status)
                writer.write(self.name)

        return handle


def declare(*targets: str, **more: Any) -> dict[str, Any]:
    active = {
        "http_path": "/healthz",
        "healthy": {"interval": 1, "successes": 1},
        "unhealthy": {"interval": 1, "http_failures": 1},
    }
    pool = {
        "name": "pool.test",
        "targets": [{"target": target} for target in targets],
        "healthchecks": {"active": active},
    }
    return {
        "services": [{"name": "s", "host": "pool.test", "retries": 0}],
        "routes": [{"name": "r", "paths": ["/"], "service": "s"}],
        "upstreams": [pool],
        **more,
    }


async def answers(node: LeanNode, expected: set[bytes]) -> None:
    """Wait until these servers, and no others, answer."""

    async def agreed() -> bool:
        return {(await node.proxy("/")).body for _ in range(12)} == expected

    await eventually(agreed)


@pytest.mark.spec("Kong#3.11")
async def test_all_workers_leave_a_target_that_one_of_them_has_found_ill(
    stage: Stage, tmp_path: Path
) -> None:
    ill, well = Server(b"i"), Server(b"w")
    one, two = await stage.upstream(ill.handle), await stage.upstream(well.handle)
    named = f"app.localhost:{two.port}"
    async with lean_node(tmp_path) as node:
        await node.configure(declare(address(one), named))
        await answers(node, {b"i", b"w"})
        ill.status = 503
        await answers(node, {b"w"})
        ill.status = 200
        await answers(node, {b"i", b"w"})
        ill.status = 503
        await answers(node, {b"w"})
        # The next configuration knows it too, and has another target at once.
        await node.configure(declare(address(one), named, f"127.0.0.1:{free_port()}"))
        found = {(await node.proxy("/")).body[:1] for _ in range(6)}

    assert b"i" not in found


async def shown(port: int, name: str) -> bytes:
    context = ssl.create_default_context(cadata=ROOT.pem)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=name
    )
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return found


def served(issued: Issued) -> dict[str, Any]:
    row = {
        "cert": issued.pem,
        "key": issued.key_pem,
        "snis": [{"name": "shop.test"}],
        "id": "5f0c5cf8-7c36-4b6e-8a57-0a2f0a8f3f3a",
    }
    return {"certificates": [row]}


@pytest.mark.spec("Kong#1.8")
async def test_all_workers_show_a_new_certificate_to_new_connections(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with lean_node(tmp_path, proxy_listen=f"127.0.0.1:{port} ssl") as node:
        for issued in (FIRST, SECOND):
            await node.configure(declare(**served(issued)))
            found = {await shown(port, "shop.test") for _ in range(6)}

            assert found == {ssl.PEM_cert_to_DER_cert(issued.pem)}
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown(port, "other.test")
