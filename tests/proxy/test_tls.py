"""TLS on both sides, with certificates made here."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ostiary.gateway.decision import Target
from tests.proxy.certificates import public_pem, server_context
from tests.proxy.support import Stage, always_ok, get, to_tls


async def test_a_tls_listener_serves_and_tells_the_name_asked_for(
    stage: Stage, cert: Path
) -> None:
    upstream = await stage.upstream(always_ok)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port),
        tls=server_context(cert),
    )
    client = await stage.client(tls=ssl.create_default_context(cafile=str(cert)))

    answers = [await client.ask(get()) for _ in range(3)]
    peer = stage.decider.peers[0]

    assert [body for _, body in answers] == [b"ok"] * 3
    assert peer.tls
    assert peer.sni == "gate.test"
    assert peer.ip == "127.0.0.1"


@pytest.mark.spec("RFC9112#9.6")
async def test_a_refusal_in_the_middle_of_an_upload_over_tls_is_heard(
    stage: Stage, cert: Path
) -> None:
    upstream = await stage.upstream(always_ok)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port, max_body_bytes=10),
        tls=server_context(cert),
    )
    client = await stage.client(tls=ssl.create_default_context(cafile=str(cert)))

    client.send(get(b"/", b"Content-Length: 5000000\r\n", b"POST") + b"x" * 400_000)
    head, body = await client.reply()

    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in head
    assert body == b"Payload too large"


@pytest.mark.spec("RFC6125#6")
@pytest.mark.parametrize(
    ("name", "trust", "verify", "status"),
    [
        ("app.test", "gateway", True, 200),
        ("app.test", "target", True, 200),
        ("app.test", "none", True, 502),
        ("other.test", "gateway", True, 502),
        ("other.test", "none", False, 200),
    ],
)
async def test_upstream_certificates_are_verified(
    stage: Stage, cert: Path, name: str, trust: str, verify: bool, status: int
) -> None:
    upstream = await stage.upstream(always_ok, tls=server_context(cert))
    pem = public_pem(cert)
    target = Target(
        host="127.0.0.1",
        port=upstream.port,
        tls=to_tls(name, verify=verify, ca_pem=pem if trust == "target" else None),
    )
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        ca_pem=pem if trust == "gateway" else None,
    )
    client = await stage.client()

    for _ in range(2):
        head, _ = await client.ask(get())
        assert head.startswith(b"HTTP/1.1 %d " % status)
    assert status == 502 or upstream.connections == 1
