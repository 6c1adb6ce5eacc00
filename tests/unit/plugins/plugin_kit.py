"""A gateway with one route and the plugins that a test configures, in front of no network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from ostiary.adapters.shared import MemoryShared
from ostiary.gateway.decision import Answer, Decision, Forward, Outcome, Peer, Pending
from ostiary.gateway.directory import Directory
from ostiary.gateway.fields import CookieFilter
from ostiary.gateway.gateway import Gateway, GatewayOptions
from ostiary.gateway.phases import plan_hooks
from ostiary.gateway.plan import build_plan
from ostiary.gateway.router import RouterBuilder, build_entries
from ostiary.gateway.snapshot import EMPTY, Snapshot
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.head import Fields, Reply, RequestHead, ResponseHead, find_all
from ostiary.kit import Background, Handler, OwnCookies, Services
from ostiary.model.gateway import Route, Service
from ostiary.model.words import Problem, read_problems
from ostiary.plugins import CATALOG
from ostiary.ports.body import BodyTooLarge
from ostiary.ports.consumers import Consumer, Credential, CredentialKind
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import Counters
from tests.support.ports import FakeClock, FakeEntropy, LogBook

PEER = Peer(ip="203.0.113.9", port=5, local_ip="10.0.0.1", local_port=8443, tls=True)
ROUTE_ID = "11111111-1111-4111-8111-111111111111"
SERVICE_ID = "22222222-2222-4222-8222-222222222222"
ANNA = Consumer(id="aaaaaaaa-0000-4000-8000-000000000001", username="anna")
BERT = Consumer(
    id="aaaaaaaa-0000-4000-8000-000000000002", username="bert", custom_id="b-42"
)
NOBODY = Consumer(id="aaaaaaaa-0000-4000-8000-000000000009", username="nobody")


class FakeConsumers:
    """Consumers, credentials and groups, as a test says."""

    def __init__(self, *consumers: Consumer) -> None:
        self.consumers = consumers or (ANNA, BERT, NOBODY)
        self.credentials: dict[tuple[str, str], Credential] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        self._ids = itertools.count(1)

    def give(
        self,
        consumer: Consumer,
        kind: CredentialKind,
        name: str,
        *,
        expires_at: float | None = None,
        **values: Any,
    ) -> str:
        """A credential of a consumer; its id."""
        row_id = f"cccccccc-0000-4000-8000-{next(self._ids):012}"
        self.credentials[kind, name] = Credential(
            id=row_id, consumer=consumer, values=values, expires_at=expires_at
        )
        return row_id

    def of(self, workspace: str | None, *, applications: bool = False) -> FakeConsumers:
        """They are in the one workspace that there is."""
        assert workspace is None
        return self

    def find(
        self, value: str, *, by: Sequence[str], ignore_case: bool = False
    ) -> Consumer | None:
        return next(
            (c for n in by for c in self.consumers if getattr(c, n) == value), None
        )

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        return self.credentials.get((kind, name))

    def acl_groups(self, consumer_id: str) -> tuple[str, ...]:
        return self.groups.get(consumer_id, ())

    def memberships(self, consumer_id: str) -> tuple[str, ...]:
        return self.members.get(consumer_id, ())


class FakeFetch:
    """Remembers what was sent, and answers as told; a None is a failure."""

    def __init__(self) -> None:
        self.sent: list[OutgoingRequest] = []
        self.limits: list[FetchLimits] = []
        self.answers: list[int | None] = []

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        self.sent.append(request)
        self.limits.append(limits)
        status = self.answers.pop(0) if self.answers else 200
        if status is None:
            raise FetchFailed("connection refused")
        return IncomingReply(status=status, fields={}, body=b"")


@dataclass(slots=True)
class Lender:
    """What a gateway lends, in memory."""

    clock: FakeClock = field(default_factory=FakeClock)
    book: LogBook = field(default_factory=LogBook)
    fetch: FakeFetch = field(default_factory=FakeFetch)
    counted: list[str] = field(default_factory=list)
    places: dict[StorePlace, Counters] = field(default_factory=dict)
    shared: Counters | None = None
    background: Background = field(default_factory=Background)

    def __post_init__(self) -> None:
        if self.shared is None:
            self.shared = MemoryShared(self.clock)

    def counters(self, place: StorePlace) -> Counters:
        return self.places.setdefault(place, MemoryShared(self.clock))

    def services(self) -> Services:
        return Services(
            signin=None,  # type: ignore[arg-type]  # no plugin here signs anybody in
            log=self.book,
            shared=self.shared,  # type: ignore[arg-type]  # some tests lend half of it
            clock=self.clock,
            entropy=FakeEntropy(),
            fetch=self.fetch,
            counters=self.counters,
            background=self.background,
            node_id="node-1",
            hostname="gate.internal",
            count=self.counted.append,
        )


class FakeBody:
    """A request's body in memory."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    async def read(self, limit: int) -> bytes:
        if len(self.data) > limit:
            raise BodyTooLarge
        return self.data


@dataclass(slots=True)
class Asked:
    """What came of one request, and what happens to its response."""

    decision: Forward | Answer

    @property
    def reply(self) -> Reply:
        assert isinstance(self.decision, Answer), self.decision
        return self.decision.reply

    @property
    def forward(self) -> Forward:
        assert isinstance(self.decision, Forward), self.decision
        return self.decision

    def sent(self, name: str) -> list[str]:
        """What the upstream hears of a field."""
        return values(self.forward.head.fields, name)

    def got(self, name: str) -> list[str]:
        """What the client hears of a field of our own answer."""
        return values(self.reply.fields, name)

    def respond(
        self, status: int = 200, fields: Fields = (), body: bytes = b""
    ) -> tuple[ResponseHead, bytes]:
        """The upstream's response as the client gets it."""
        forward = self.forward
        assert forward.on_response is not None
        head = forward.on_response(ResponseHead(status=status, fields=fields), 5.0)
        edit = None if forward.on_body is None else forward.on_body()
        return (head, body) if edit is None else edit(body)

    def finish(self, **more: Any) -> None:
        """Let everybody hear how it ended."""
        assert self.decision.on_finish is not None
        is_forward = isinstance(self.decision, Forward)
        outcome: dict[str, Any] = {
            "status": 200 if is_forward else self.reply.status,
            "sent_bytes": 120,
            "body_bytes": 20,
            "total_ms": 12.0,
        }
        if is_forward:
            outcome |= {"upstream_status": 200, "upstream_ms": 5.0}
        self.decision.on_finish(Outcome(**(outcome | more)))


class Gate:
    """One route with plugins. `lender` and `consumers` may be asked and moved."""

    def __init__(
        self,
        *plugins: tuple[str, Mapping[str, Any]],
        handlers: Sequence[Handler] = (),
        consumers: FakeConsumers | None = None,
        lender: Lender | None = None,
        route: Mapping[str, Any] | None = None,
        service: Mapping[str, Any] | None = None,
    ) -> None:
        self.lender = lender or Lender()
        self.consumers = consumers or FakeConsumers()
        ids = itertools.count(1)
        self.gateway = Gateway(
            GatewayOptions(version="1"),
            new_request_id=lambda: f"id-{next(ids)}",
            now=self.lender.clock.now,
        )
        lent = self.lender.services()
        made = sorted(
            (
                (
                    CATALOG[name],
                    CATALOG[name].build(check(name, config), f"row-{n}", lent),
                )
                for n, (name, config) in enumerate(plugins)
            ),
            key=lambda pair: (pair[0].priority, pair[0].name),
            reverse=True,
        )
        chain = (*(handler for _, handler in made), *handlers)
        self.gateway.snapshot = build_snapshot(
            chain, self.consumers, route or {}, service or {}
        )

    def decide(
        self,
        target: bytes = b"/",
        *,
        method: bytes = b"GET",
        fields: Fields = (),
        body: bytes = b"",
        peer: Peer = PEER,
        host: bytes = b"gw.example",
    ) -> Decision:
        sent = ((b"Host", host), *fields)
        head = RequestHead(method=method, target=target, fields=sent)
        return self.gateway.on_request(head, peer, FakeBody(body))

    async def ask(self, target: bytes = b"/", **more: Any) -> Asked:
        """One request, judged to the end."""
        decision = self.decide(target, **more)
        if isinstance(decision, Pending):
            return Asked(await decision.decision)
        return Asked(decision)


def build_snapshot(
    chain: tuple[Handler, ...],
    consumers: FakeConsumers | Directory,
    route: Mapping[str, Any],
    service: Mapping[str, Any],
) -> Snapshot:
    there = Service.model_validate(
        {"id": SERVICE_ID, "name": "s", "host": "up.example", **service}, strict=False
    )
    way = Route.model_validate(
        {"id": ROUTE_ID, "name": "r", "paths": ["/"], "service": SERVICE_ID, **route},
        strict=False,
    )
    changes = RouterBuilder(EMPTY.router)
    for entry in build_entries(way, there):
        changes.add(entry)
    plan = build_plan(way, there, plain=chain, secure=chain, verify=True)
    hooks = plan_hooks(chain)
    return replace(
        EMPTY,
        router=changes.build(),
        plans={ROUTE_ID: plan},
        consumers=consumers,  # type: ignore[arg-type]  # a fake of the port
        unrouted=(hooks, hooks),
        cookies=CookieFilter(OwnCookies()),
    )


def check(name: str, config: Mapping[str, Any]) -> Any:
    """A checked config."""
    return CATALOG[name].schema.model_validate(config, strict=False)


def problems(name: str, config: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with a config."""
    try:
        check(name, config)
    except ValidationError as error:
        return read_problems(error)
    return ()


def defaults(name: str, **needed: Any) -> dict[str, Any]:
    """A config as it is shown: with everything that was not said."""
    shown: dict[str, Any] = check(name, needed).model_dump(mode="json")
    return shown


def values(fields: Fields, name: str) -> list[str]:
    return [v.decode() for v in find_all(fields, name.lower().encode())]
