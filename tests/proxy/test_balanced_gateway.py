"""A gateway in front of several targets, from a client's socket to theirs and back."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from pathlib import Path
from typing import Any

import pytest

from ostiary.gateway.balance import Balancer
from ostiary.gateway.decision import NO_PEER
from ostiary.gateway.gateway import Gateway
from ostiary.gateway.plan import Referred
from ostiary.model.certificates import CaCertificate, Certificate
from tests.proxy.balanced import active, address
from tests.proxy.certificates import issue, serve_issued
from tests.proxy.support import Handler, Stage, always_ok, echo, get, read_request
from tests.proxy.test_upstreams import free_port
from tests.unit.gateway.balance_kit import passive, serve, target

ROOT = issue("root.test", ca=True)
LEAF = issue("api.test", by=ROOT)
SHOWN = issue("gate.test", by=ROOT)
CA_ID, PAIR_ID = (str(uuid.UUID(int=n)) for n in (7, 8))
ROWS = Referred(
    certificates={PAIR_ID: Certificate(id=PAIR_ID, cert=SHOWN.pem, key=SHOWN.key_pem)},
    authorities={CA_ID: CaCertificate(id=CA_ID, cert=ROOT.pem)},
)
SEAT: dict[str, Any] = {"hash_on": "cookie", "hash_on_cookie": "seat"}


async def open_gateway(stage: Stage, *places: str, **more: Any) -> Balancer:
    gateway: Gateway
    gateway, made = serve([target(place) for place in places], **more)
    await stage.serve(gateway.on_request)
    return made


def named(name: bytes) -> Handler:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name)

    return handle


@pytest.mark.spec("Kong#3.10")
async def test_a_client_that_keeps_its_cookie_stays_with_its_target(
    stage: Stage,
) -> None:
    servers = [await stage.upstream(named(b"%d" % n)) for n in range(4)]
    await open_gateway(stage, *(address(server) for server in servers), **SEAT)
    client = await stage.client()
    head, first = await client.ask(get())
    (line,) = (v for v in head.split(b"\r\n") if v.startswith(b"Set-Cookie: seat="))
    cookie = line.removeprefix(b"Set-Cookie: ").partition(b";")[0]
    answers = [
        await client.ask(get(b"/", b"Cookie: " + cookie + b"\r\n")) for _ in range(6)
    ]
    strangers = {(await client.ask(get()))[1] for _ in range(40)}

    assert {body for _, body in answers} == {first}
    assert not any(b"Set-Cookie" in head for head, _ in answers)
    assert len(strangers) > 1


@pytest.mark.spec("Kong#3.9")
async def test_a_target_that_is_gone_costs_no_client_an_error(stage: Stage) -> None:
    alive = await stage.upstream(always_ok)
    made = await open_gateway(
        stage,
        f"127.0.0.1:{free_port()}",
        address(alive),
        healthchecks=passive(tcp_failures=1),
    )
    client = await stage.client()
    answers = [(await client.ask(get()))[0].split(b" ")[1] for _ in range(6)]

    assert answers == [b"200"] * 6
    assert (made.available, made.total) == (100, 200)
    assert active(made) == 0


@pytest.mark.spec("Kong#3.11")
async def test_with_everybody_ill_the_answer_is_kongs(stage: Stage) -> None:
    await open_gateway(
        stage, f"127.0.0.1:{free_port()}", healthchecks=passive(tcp_failures=1)
    )
    client = await stage.client()
    for _ in range(2):
        head, body = await client.ask(get())

        assert head.startswith(b"HTTP/1.1 503 ")
        assert NO_PEER.encode() in body


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(
    ("header", "trusts", "status"),
    [("api.test", True, b"200"), ("other.test", True, b"502"), ("api.test", False, b"502")],
)  # fmt: skip
async def test_targets_over_tls_are_verified_by_the_host_that_they_hear(
    stage: Stage, tmp_path: Path, header: str, trusts: bool, status: bytes
) -> None:
    context = serve_issued(tmp_path / "c.pem", LEAF)
    context.load_verify_locations(cadata=ROOT.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await stage.upstream(echo, tls=context)
    trust = {"ca_certificates": [CA_ID]} if trusts else {}
    await open_gateway(
        stage,
        address(server),
        host_header=header,
        client_certificate=PAIR_ID,
        service_={"protocol": "https", **trust},
        referred=ROWS,
    )
    client = await stage.client()
    head, body = await client.ask(get())

    assert head.split(b" ")[1] == status
    assert status != b"200" or b"\r\nHost: api.test:%d\r\n" % server.port in body
