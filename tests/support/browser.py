"""A browser without a network: keeps cookies, and puts requests to sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ostiary.adapters.shared import MemoryShared, MemoryStore
from ostiary.http.head import Fields, find_all
from ostiary.http.path import parse_target
from ostiary.ports.body import BodyTooLarge
from ostiary.ports.client_keys import ClientKeys
from ostiary.ports.consumers import NO_CONSUMERS, Consumers
from ostiary.ports.session_store import SessionStore, StorePlace
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.authenticate import Signin
from ostiary.signin.party import Party, compile_party
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import (
    Allowed,
    Refused,
    SendAway,
    SigninRequest,
    Step,
    Toolbox,
)
from tests.support.ports import FakeClock, FakeEntropy, LogBook
from tests.support.provider import CLIENT_ID, ISSUER, FakeProvider

RING = KeyRing((RingKey(b"aaaa", b"s" * 32),))
ORIGIN = "https://gw.example"


def build_config(**changes: Any) -> OpenidConnectConfig:
    return OpenidConnectConfig.model_validate(
        {"issuer": ISSUER, "client_id": [CLIENT_ID], **changes}, strict=False
    )


def build_party(row_id: str = "row-1", **changes: Any) -> Party:
    return compile_party(build_config(**changes), row_id)


class FakeBody:
    """A body that is there; counts how often it was read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reads = 0

    async def read(self, limit: int) -> bytes:
        self.reads += 1
        if len(self.content) > limit:
            raise BodyTooLarge
        return self.content


class FakeStores:
    """Opens the same store in memory for every place; `down` makes it unreachable."""

    def __init__(self, clock: FakeClock) -> None:
        self.store = MemoryStore(clock)
        self.down = False

    def open(self, _place: StorePlace) -> SessionStore:
        if self.down:
            raise SharedUnavailable("the store is away")
        return self.store


class World:
    """One node: a provider, shared state, any number of workers."""

    def __init__(
        self, *, ring: KeyRing = RING, client_keys: ClientKeys | None = None
    ) -> None:
        self.client_keys = client_keys
        self.clock = FakeClock()
        self.provider = FakeProvider(self.clock)
        self.shared = MemoryShared(self.clock)
        self.log = LogBook()
        self.ring = ring
        self.entropy = FakeEntropy()
        self.stores = FakeStores(self.clock)
        self.stories: list[Mapping[str, Any]] = []
        self.signin = self.worker()

    def worker(self, shared: MemoryShared | None = None) -> Signin:
        """One more worker of the same node, or the first of another with its own shared state."""
        return Signin(
            Toolbox(
                fetch=self.provider,
                shared=shared or self.shared,
                clock=self.clock,
                entropy=self.entropy,
                ring=self.ring,
                log=self.log,
                stores=self.stores,
                keep_trace=self.stories.append,
                client_keys=self.client_keys,
            )
        )

    def browser(self) -> Browser:
        return Browser(self)


class Browser:
    """One cookie jar."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self.ip = "203.0.113.7"
        self.consumers: Consumers = NO_CONSUMERS

    def request(
        self,
        url: str,
        *,
        method: bytes = b"GET",
        fields: Fields = (),
        cookies: bool = True,
        body: bytes = b"",
    ) -> SigninRequest:
        parts = urlsplit(url)
        sent = tuple(fields)
        if cookies and self.cookies:
            text = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
            sent += ((b"Cookie", text.encode()),)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return SigninRequest(
            method=method,
            target=parse_target(target.encode()),
            fields=sent,
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port,
            route_prefix="/cognito",
            request_id="r",
            client_ip=self.ip,
            body=FakeBody(body),
            consumers=self.consumers,
        )

    async def ask(
        self, party: Party, url: str, *, worker: Signin | None = None, **options: Any
    ) -> Step:
        """Put a request; take the cookies that come back."""
        request = self.request(url, **options)
        signin = worker or self.world.signin
        step = signin.decide(request, party)
        if step is None:
            step = await signin.authenticate(request, party)
        self.keep(step)
        return step

    def keep(self, step: Step) -> None:
        fields = (
            step.downstream_fields
            if isinstance(step, Allowed)
            else getattr(step, "fields", ())
        )
        for value in find_all(fields, b"set-cookie"):
            name, _, rest = value.decode().partition("=")
            content = rest.partition(";")[0]
            if "Max-Age=0" in rest:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = content

    async def start(
        self, party: Party, url: str = f"{ORIGIN}/cognito/page?x=1", **options: Any
    ) -> str:
        """Begin a sign-in; return the authorization URL."""
        step = await self.ask(party, url, **options)
        assert isinstance(step, SendAway), step
        assert step.status == 302
        return step.location

    async def sign_in(self, party: Party, **options: Any) -> SendAway:
        """The whole flow; return the redirect that ends it."""
        location = await self.start(party, **options)
        step = await self.ask(
            party,
            f"{ORIGIN}/cognito?{self.world.provider.authorize(location)}",
            **options,
        )
        assert isinstance(step, SendAway), step
        return step

    async def visit(self, party: Party, **options: Any) -> Step:
        return await self.ask(party, f"{ORIGIN}/cognito/page", **options)


def refused(step: Step) -> Refused:
    assert isinstance(step, Refused), step
    return step


def allowed(step: Step) -> Allowed:
    assert isinstance(step, Allowed), step
    return step
