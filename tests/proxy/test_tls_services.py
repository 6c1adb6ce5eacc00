"""How a service trusts its upstream and what it shows it, over real TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ostiary.gateway.decision import KeyPair, Target, TlsTo
from tests.proxy.certificates import Issued, issue, serve_issued
from tests.proxy.support import Stage, always_ok, get

ROOT = issue("root.test", ca=True)
STRANGER = issue("stranger.test", ca=True)
MIDDLE = issue("middle.test", by=ROOT, ca=True)
LEAF = issue("app.test", by=ROOT)
FAR_LEAF = issue("app.test", by=MIDDLE)
ONE = issue("one.test", by=ROOT)
TWO = issue("two.test", by=ROOT)


def pair(issued: Issued) -> KeyPair:
    return KeyPair(cert=issued.pem, key=issued.key_pem)


async def statuses(
    stage: Stage, context: ssl.SSLContext, *ways: TlsTo
) -> tuple[list[bytes], int]:
    """Ask an upstream once in each way, over one proxy; the connections it saw."""
    upstream = await stage.upstream(always_ok, tls=context)
    targets = iter(
        [Target(host="127.0.0.1", port=upstream.port, tls=way) for way in ways]
    )
    await stage.serve(lambda head, _p, _b: stage.forward(head, 0, target=next(targets)))
    client = await stage.client()
    heads = [(await client.ask(get()))[0] for _ in ways]
    return [head.split(b" ")[1] for head in heads], upstream.connections


def way(
    *, ca: Issued = ROOT, depth: int | None = None, client: Issued | None = None
) -> TlsTo:
    return TlsTo(
        server_name="app.test",
        ca_pem=ca.pem,
        verify_depth=depth,
        client=None if client is None else pair(client),
    )


@pytest.mark.spec("Kong#1.2")
async def test_services_that_trust_others_never_share_a_connection(
    stage: Stage, tmp_path: Path
) -> None:
    """What one has verified says nothing to whoever would have refused it."""
    context = serve_issued(tmp_path / "c.pem", LEAF)
    told, connections = await statuses(
        stage, context, way(), way(ca=STRANGER), way(), way(ca=STRANGER)
    )

    assert told == [b"200", b"502", b"200", b"502"]
    assert connections == 1


@pytest.mark.spec("Kong#1.2")
async def test_a_service_whose_authorities_are_gone_trusts_nobody(
    stage: Stage, tmp_path: Path
) -> None:
    context = serve_issued(tmp_path / "c.pem", LEAF)
    nobody = TlsTo(server_name="app.test", ca_pem="")

    assert (await statuses(stage, context, nobody))[0] == [b"502"]


@pytest.mark.spec("Kong#1.2")
@pytest.mark.parametrize(
    ("chain", "depth", "status"),
    [
        ((FAR_LEAF, MIDDLE), None, b"200"),
        ((FAR_LEAF, MIDDLE), 1, b"200"),
        ((FAR_LEAF, MIDDLE), 0, b"502"),
        ((LEAF,), 0, b"200"),
    ],
)
async def test_a_chain_is_no_longer_than_the_service_allows(
    stage: Stage,
    tmp_path: Path,
    chain: tuple[Issued, ...],
    depth: int | None,
    status: bytes,
) -> None:
    context = serve_issued(tmp_path / "c.pem", *chain)
    told, _ = await statuses(stage, context, way(depth=depth), way(depth=depth))

    assert told == [status, status]


@pytest.mark.spec("Kong#1.2")
async def test_each_service_shows_its_own_certificate(
    stage: Stage, tmp_path: Path
) -> None:
    seen: list[str] = []

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        seen.append(writer.get_extra_info("peercert")["subject"][0][0][1])
        await always_ok(reader, writer)

    context = serve_issued(tmp_path / "c.pem", LEAF)
    context.load_verify_locations(cadata=ROOT.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    upstream = await stage.upstream(handle, tls=context)
    order = iter([ONE, TWO, ONE, None])
    await stage.serve(
        lambda head, _p, _b: stage.forward(
            head,
            0,
            target=Target(
                host="127.0.0.1", port=upstream.port, tls=way(client=next(order))
            ),
        )
    )
    client = await stage.client()
    told = [(await client.ask(get()))[0].split(b" ")[1] for _ in range(4)]

    assert told == [b"200", b"200", b"200", b"502"]
    assert seen == ["one.test", "two.test"]


async def test_people_may_write_beside_certificates_in_their_own_language(
    stage: Stage, tmp_path: Path
) -> None:
    context = serve_issued(tmp_path / "c.pem", LEAF)
    context.load_verify_locations(cadata=ROOT.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    noted = TlsTo(
        server_name="app.test",
        ca_pem=f"# Zürich\n{ROOT.pem}",
        client=KeyPair(cert=f"# Genève\n{ONE.pem}", key=ONE.key_pem),
    )

    assert (await statuses(stage, context, noted))[0] == [b"200"]


def test_a_key_is_in_no_representation() -> None:
    assert "PRIVATE" not in repr(way(client=ONE))
