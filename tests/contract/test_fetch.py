"""Our own requests to providers: where they may go, how much they read, how long they wait."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.http.exchange import OutgoingRequest
from ostiary.ports.fetch import FetchFailed, FetchLimits

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[int]:
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def fetching(**names: str) -> AsyncIterator[AiohttpFetch]:
    """A fetch that finds these names at these addresses."""
    fetch = AiohttpFetch()
    for name, address in names.items():
        host = name.replace("_", ".")
        row = ResolveResult(
            hostname=host,
            host=address,
            port=443,
            family=socket.AF_INET,
            proto=0,
            flags=0,
        )
        fetch._resolver._recent[host] = (math.inf, [row])
    try:
        yield fetch
    finally:
        await fetch.close()


def get(url: str) -> OutgoingRequest:
    return OutgoingRequest(method="GET", url=url)


async def refused(fetch: AiohttpFetch, url: str, *, beside: str) -> str:
    with pytest.raises(FetchFailed) as caught:
        await fetch.send(get(url), FetchLimits(beside=beside, timeout_s=5))
    return caught.value.reason


@pytest.mark.spec("T-J7")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.0.1", "private"),
        ("127.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("169.254.169.254", "link-local"),
        ("0.0.0.0", "link-local"),
        ("::1", "private"),
        ("fe80::1", "link-local"),
        ("fd00::1", "private"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::ffff:127.0.0.1", "private"),
        ("100.64.0.1", "private"),
        ("192.0.0.8", "private"),
        ("198.18.0.1", "private"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("fec0::1", "private"),
        ("::127.0.0.1", "private"),
        ("2001:0:a9fe:a9fe::1", "private"),
        ("64:ff9b:1::a9fe:a9fe", "local NAT64"),
        ("64:ff9b:1::8.8.8.8", "local NAT64"),
        ("64:ff9b:1:a9fe:a9:fe00:808:808", "local NAT64"),  # embedded after /48
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::169.254.169.254", "link-local"),
        ("2002:a9fe:a9fe::", "link-local"),
        ("2002:7f00:1::", "private"),
        ("100.100.100.200", "cloud"),
        ("192.0.0.192", "cloud"),
        ("168.63.129.16", "cloud"),
        ("fd00:ec2::254", "cloud"),
        ("64:ff9b::100.100.100.200", "cloud"),
        ("fd00:ec2::254%1", "cloud"),
        ("fd20:ce::254%251", "cloud"),
        ("fe80::1%1", "link-local"),
    ],
)
async def test_metadata_of_a_public_issuer_leads_nowhere_inside(
    address: str, why: str
) -> None:
    async with fetching(inner_example=address, idp_example="93.184.216.34") as fetch:
        reason = await refused(
            fetch, "https://inner.example/jwks", beside="idp.example"
        )
        literal = f"[{address}]" if ":" in address else address
        written = await refused(fetch, f"https://{literal}/jwks", beside="idp.example")

    assert why in reason
    assert why in written


@pytest.mark.spec("T-J7")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("169.254.169.254", "link-local"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::169.254.169.254", "link-local"),
        ("2002:a9fe:a9fe::", "link-local"),
        ("64:ff9b:1::169.254.169.254", "local NAT64"),
        ("64:ff9b:1::100.100.100.200", "local NAT64"),
        ("64:ff9b:1:a9fe:a9:fe00::", "local NAT64"),
        ("64:ff9b:1:1:a9:fea9:fe00:0", "local NAT64"),
        ("100.100.100.200", "cloud"),
        ("192.0.0.192", "cloud"),
        ("fd00:ec2::254", "cloud"),
    ],
)
async def test_an_inner_issuer_may_lead_inside_but_never_to_the_cloud_s_own_address(
    address: str, why: str
) -> None:
    async with fetching(
        inner_example="127.0.0.1", cloud_example=address, idp_example="10.0.0.5"
    ) as fetch:
        inner = await refused(fetch, "https://inner.example/jwks", beside="idp.example")
        cloud = await refused(fetch, "https://cloud.example/jwks", beside="idp.example")

    assert "no connection" in inner
    assert why in cloud


@pytest.mark.spec("D7")
@pytest.mark.parametrize(
    ("address", "issuer"),
    [
        ("93.184.216.34", "8.8.8.8"),
        ("2606:2800:220:1::1", "8.8.8.8"),
        ("64:ff9b::93.184.216.34", "8.8.8.8"),
        ("::ffff:93.184.216.34", "64:ff9b::8.8.8.8"),
        ("2002:5db8:d822::1", "8.8.8.8"),
        ("10.0.0.9", "100.64.0.1"),
        ("100.64.0.2", "10.0.0.5"),
        ("fd00::1", "10.0.0.5"),
        ("198.18.0.1", "64:ff9b::10.0.0.5"),
    ],
)
async def test_metadata_leads_to_the_open_internet_or_as_far_inside_as_its_issuer(
    address: str, issuer: str
) -> None:
    async with fetching(other_example=address, idp_example=issuer) as fetch:
        await fetch._check_place(
            "https://other.example/jwks", FetchLimits(beside="idp.example")
        )


@pytest.mark.spec("T-J7")
@pytest.mark.parametrize("issuer", ["64:ff9b:1::8.8.8.8", "64:ff9b:1::10.0.0.5"])
async def test_an_issuer_behind_a_local_nat64_leads_nowhere_inside(issuer: str) -> None:
    async with fetching(
        inner_example="10.0.0.9", open_example="93.184.216.34", idp_example=issuer
    ) as fetch:
        inner = await refused(fetch, "https://inner.example/jwks", beside="idp.example")
        await fetch._check_place(
            "https://open.example/jwks", FetchLimits(beside="idp.example")
        )
        await fetch._check_place(
            "https://idp.example/jwks", FetchLimits(beside="idp.example")
        )

    assert "private" in inner


class Names(AbstractResolver):
    """A system's resolver that answers every time with the next address, the last one again."""

    def __init__(self, *answers: str) -> None:
        self.answers = [*answers]
        self.asked: list[tuple[str, int]] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append((host, port))
        address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        if family not in {socket.AF_UNSPEC, kind}:
            raise socket.gaierror(socket.EAI_NODATA, "no address of this family")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


class NoNames(Names):
    """A system's resolver that knows nobody."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.spec("T-J7")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_leads_elsewhere_once_it_was_checked_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr("ostiary.adapters.fetch.REMEMBERED_S", 0)
    async with fetching(idp_example="93.184.216.34") as fetch:
        names = fetch._resolver._system = Names("93.184.216.35", "127.0.0.1")
        reason = await refused(
            fetch, f"{scheme}://turns.example/jwks", beside="idp.example"
        )

    assert "a private address" in reason
    assert names.asked == [("turns.example", 80 if scheme == "http" else 443)] * 2


@pytest.mark.spec("D7")
async def test_what_is_asked_next_is_not_judged_by_what_was_asked_before() -> None:
    async with fetching(idp_example="93.184.216.34") as fetch:
        fetch._resolver._system = Names("127.0.0.1")
        url = "https://inner.example/jwks"
        found = await refused(fetch, url, beside="idp.example")
        with pytest.raises(FetchFailed) as chosen:  # an URL of the operator's
            await fetch.send(get(url), FetchLimits(timeout_s=5))

    assert "a private address" in found
    assert "no connection" in chosen.value.reason


@pytest.mark.spec("D7")
async def test_a_host_may_have_addresses_of_ipv6_alone() -> None:
    async with fetching(idp_example="93.184.216.34") as fetch:
        fetch._resolver._system = Names("2606:4700::1111", "fd00::1")
        await fetch._check_place(
            "https://six.example/jwks", FetchLimits(beside="idp.example")
        )
        reason = await refused(
            fetch, "https://inner.example/jwks", beside="idp.example"
        )

    assert "a private address" in reason


@pytest.mark.spec("T-J7")
async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    hits = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal hits
        hits += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    async with serving(talk) as port, fetching() as fetch:
        reply = await fetch.send(get(f"http://127.0.0.1:{port}/a"), FetchLimits())

    assert (reply.status, reply.fields["location"], hits) == (302, "/elsewhere", 1)


@pytest.mark.spec("T-J7")
@pytest.mark.parametrize("packed", [False, True])
async def test_no_more_is_read_than_allowed(*, packed: bool) -> None:

    sent = 0
    squeeze = zlib.compressobj(wbits=31)
    plain = b"x" * 1_000_000
    body = squeeze.compress(plain * 50) + squeeze.flush() if packed else b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        coding = b"Content-Encoding: gzip\r\n" if packed else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + coding + b"Connection: close\r\n\r\n")
        try:
            for _ in range(1 if packed else 50):
                writer.write(body if packed else plain)
                await writer.drain()
                sent += 1
        except ConnectionError:
            pass
        writer.close()

    async with serving(talk) as port, fetching() as fetch:
        with pytest.raises(FetchFailed, match="more than 524288 bytes"):
            await fetch.send(get(f"http://127.0.0.1:{port}/"), FetchLimits())

    assert sent < 50


@pytest.mark.spec("T-J7")
async def test_nobody_is_waited_for_longer_than_allowed() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(talk) as port, fetching() as fetch:
        with pytest.raises(FetchFailed, match="did not answer in time"):
            await fetch.send(
                get(f"http://127.0.0.1:{port}/"), FetchLimits(timeout_s=0.1)
            )


async def test_no_cookie_of_a_provider_is_kept() -> None:
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    async with serving(talk) as port, fetching() as fetch:
        for _ in range(2):
            await fetch.send(get(f"http://127.0.0.1:{port}/"), FetchLimits())

    assert len(seen) == 2
    assert not any(b"cookie" in head.lower() for head in seen)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200"]
)
async def test_no_reach_but_any_leads_where_clouds_keep_secrets(address: str) -> None:
    async with fetching(idp_example=address) as fetch:
        for reach in ("inside", "outside"):
            with pytest.raises(FetchFailed) as caught:
                await fetch._check_place(
                    "https://idp.example/", FetchLimits(reach=reach)
                )

            assert caught.value.kind == "place"

        await fetch._check_place("https://idp.example/", FetchLimits())


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "fd00::1"])
async def test_a_reach_outside_leads_to_no_private_address(address: str) -> None:
    async with fetching(idp_example=address) as fetch:
        url = "https://idp.example/"
        with pytest.raises(FetchFailed, match="a private address"):
            await fetch._check_place(url, FetchLimits(reach="outside"))
        await fetch._check_place(url, FetchLimits(reach="inside"))


async def test_a_reach_outside_holds_for_the_address_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ostiary.adapters.fetch.REMEMBERED_S", 0)
    async with fetching() as fetch:
        names = fetch._resolver._system = Names("93.184.216.35", "127.0.0.1")
        limits = FetchLimits(reach="outside", timeout_s=5)
        with pytest.raises(FetchFailed, match="a private address"):
            await fetch.send(get("http://idp.example/"), limits)

    assert len(names.asked) == 2


@pytest.mark.parametrize(
    "limits",
    [FetchLimits(), FetchLimits(reach="outside"), FetchLimits(beside="localhost")],
)
async def test_a_name_that_nobody_knows_is_called_so(limits: FetchLimits) -> None:
    async with fetching() as fetch:
        fetch._resolver._system = NoNames()
        with pytest.raises(FetchFailed, match="cannot be resolved") as caught:
            await fetch.send(get("https://nowhere.invalid/"), limits)

    assert caught.value.kind == "name"


async def test_without_keeping_no_connection_serves_two_requests() -> None:
    """Else one that was made under other limits could lead where this request may not go."""
    made = 0

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal made
        made += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.release()

    ended = asyncio.Semaphore(0)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    counts = []
    for keeps in (True, False):
        fetch = AiohttpFetch(keeps=keeps)
        before = made
        for _ in range(2):
            await fetch.send(get(url), FetchLimits(reach="inside"))
        counts.append(made - before)
        await fetch.close()
    async with asyncio.timeout(10):
        for _ in range(made):
            await ended.acquire()
    server.close()
    await server.wait_closed()

    assert counts == [1, 2]


@pytest.mark.spec("D7")
async def test_a_name_is_the_same_place_at_every_port() -> None:
    async with fetching() as fetch:
        names = fetch._resolver._system = Names("93.184.216.34", "127.0.0.1")
        await fetch._check_place("https://idp.example/", FetchLimits(reach="outside"))
        await fetch._check_place(
            "https://idp.example:8443/", FetchLimits(reach="outside")
        )

    assert len(names.asked) == 1
