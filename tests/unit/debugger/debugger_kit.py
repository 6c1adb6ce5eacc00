"""A provider, a client and a desk for the tests of the debugger, without a socket."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from hypothesis import strategies as st

from ostiary.debugger.carrying import Carrier
from ostiary.debugger.conversation import Conversation
from ostiary.debugger.desk import Desk
from ostiary.debugger.reach import parse_allow_list
from ostiary.debugger.values import Flow, Run, Setup
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.forms import Pairs, parse_form
from ostiary.ports.debugging import DebugCall, DebugFile, DebugPage
from ostiary.ports.fetch import FailureKind, FetchFailed, FetchLimits
from ostiary.sessions.keys import KeyRing, RingKey
from tests.support.ports import FakeClock, FakeEntropy
from tests.support.provider import CLIENT_ID, ISSUER, FakeProvider

ORIGIN = "https://debugger.example"
TYPED = {"issuer": ISSUER, "client_id": CLIENT_ID, "scope": "openid", "pkce": "on"}
NOW = 1_800_000_000.0
BACK = "https://debugger.example/callback"
SECRET = "s3cret of-the/shop+1"
SETUP = Setup(issuer=ISSUER, client_id=CLIENT_ID, redirect_uri=BACK)
FLOW = Flow(state="S" * 43, nonce="N" * 43, verifier="V" * 43, begun_at=NOW)
RING = KeyRing((RingKey(b"ring", b"\x07" * 32),))
OTHER_RING = KeyRing((RingKey(b"gnir", b"\x08" * 32),))

Act = Callable[[Desk, Run], Awaitable[Run]]
FURTHER: dict[str, Act] = {
    "userinfo": Desk.ask_userinfo,
    "introspection": Desk.introspect,
    "refresh": Desk.refresh,
    "revocation": Desk.revoke,
    "logout": Desk.sign_out,
    "client_credentials": Desk.use_client_credentials,
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["http://[", "https://[::1", "x" * 5000, "a.b.c", "eyJ.eyJ."]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def objects(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects in which these members are likely, and may be anything."""
    named = st.dictionaries(st.sampled_from(names), JSON, max_size=len(names))
    return st.builds(
        lambda a, b: {**a, **b},
        st.dictionaries(st.text(max_size=8), JSON, max_size=2),
        named,
    )


def reply(status: int = 200, body: object = None, **fields: str) -> IncomingReply:
    """A reply with JSON, or with a page where the body is a text."""
    is_page = isinstance(body, str)
    data = body.encode() if isinstance(body, str) else json.dumps(body or {}).encode()
    kind = "text/html" if is_page else "application/json"
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return IncomingReply(
        status=status, fields={"content-type": kind, **named}, body=data
    )


_PATHS = {"openid-configuration", "jwks", "authorize", "token", "revoke", "introspect", "userinfo"}  # fmt: skip


class Wire:
    """A fetch in front of a provider: remembers limits, and can be away or answer by itself."""

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.asked: list[tuple[OutgoingRequest, FetchLimits]] = []
        self.replies: dict[str, IncomingReply] = {}
        self.makes: dict[str, Callable[[OutgoingRequest], IncomingReply]] = {}
        self.away: FailureKind | None = None

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        self.asked.append((request, limits))
        if self.away is not None:
            raise FetchFailed("no connection to idp.example (refused)", self.away)
        path = urlsplit(request.url).path.rpartition("/")[2]
        if path in self.makes:
            return self.makes[path](request)
        if path in self.replies:
            return self.replies[path]
        if request.method == "OPTIONS":
            return reply(204, access_control_allow_origin="*")
        if path == "end":
            return reply(200, "You are signed out")
        if path not in _PATHS:
            return reply(404, "Not found")
        return await self.provider.send(request, limits)

    def paths(self) -> list[str]:
        return [urlsplit(request.url).path for request, _ in self.asked]


class Scene:
    """A provider with its wire, and a debugger in front of it."""

    def __init__(self, allowed: str = "*") -> None:
        self.clock = FakeClock(NOW)
        self.provider = FakeProvider(self.clock)
        self.wire = Wire(self.provider)
        entropy = FakeEntropy("desk")
        self.desk = Desk(self.wire, self.clock, entropy, parse_allow_list(allowed))
        self.carrier = Carrier.of(RING, FakeEntropy("carrier"))
        self.conversation = Conversation(self.desk, self.carrier)

    def come_back(self, run: Run, **changes: str) -> Pairs:
        """What the browser brings back from the provider for the sign-in of a run."""
        sent = next(
            request.url
            for request, _ in reversed(self.wire.asked)
            if urlsplit(request.url).path.endswith("/authorize")
        )
        pairs = dict(parse_form(self.provider.authorize(sent)))
        return tuple({**pairs, **changes}.items())

    async def sign_in(
        self, setup: Setup = SETUP, changes: dict[str, str] | None = None
    ) -> Run:
        """Look the provider up, sign in, and redeem the code, or what came back instead."""
        run = await self.desk.prepare(await self.desk.discover(setup))
        assert run.flow is not None
        return await self.desk.finish(
            run, run.flow, self.come_back(run, **changes or {})
        )


class Browser:
    """Somebody in front of the page: carries its hidden field and its cookies."""

    def __init__(self, scene: Scene, owner: str = "ada") -> None:
        self.scene = scene
        self.owner = owner
        self.run = ""
        self.cookies: dict[str, str] = {}
        self.page = DebugPage(values={})

    async def _ask(self, **more: Any) -> DebugPage:
        call = DebugCall(
            redirect_uri=BACK,
            origin=ORIGIN,
            admin="http://admin",
            owner=self.owner,
            **more,
        )
        found = await self.scene.conversation.answer(call)
        assert isinstance(found, DebugPage)
        self.page = found
        self.run = str(found.values["sealed"])
        if found.flow is not None:
            self.cookies[found.flow[0]] = found.flow[1]
        if found.done is not None:
            self.cookies.pop(found.done, None)
        return found

    async def post(self, act: str, **form: str) -> DebugPage:
        carried = {"run": self.run} if self.run else {}
        return await self._ask(form=tuple({**carried, "act": act, **form}.items()))

    async def visit(self, query: Pairs = ()) -> DebugPage:
        return await self._ask(query=query)

    async def come_back(self, pairs: Pairs) -> DebugPage:
        name = self.scene.conversation.flow_cookie(pairs)
        flow = None if name is None else self.cookies.get(name)
        return await self._ask(query=pairs, flow=flow, is_answer=True)

    async def save(self, act: str) -> DebugFile:
        form = (("act", act), ("run", self.run))
        call = DebugCall(form=form, redirect_uri=BACK, origin=ORIGIN, owner=self.owner)
        found = await self.scene.conversation.answer(call)
        assert isinstance(found, DebugFile)
        return found

    async def sign_in(self, **form: str) -> DebugPage:
        """All the way there and back."""
        page = await self.post("sign_in", **{**TYPED, **form})
        assert page.flow is not None
        return await self.come_back(self.scene.come_back(self.opened))

    @property
    def opened(self) -> Run:
        return self.scene.carrier.unpack(self.run, self.owner, now=NOW)

    def value(self, name: str) -> Any:
        return self.page.values[name]

    @property
    def kinds(self) -> list[str]:
        return [shown.step.kind for shown in self.value("steps")]


def codes(run: Run) -> list[tuple[str, list[str]]]:
    """Each step's kind, and the codes of its causes."""
    return [(step.kind, [cause.code for cause in step.causes]) for step in run.steps]
