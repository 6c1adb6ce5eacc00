"""
A provider that misbehaves in exactly one way, as a module of the OpenID RP suite does.

It signs by hand, so that headers and signatures can be anything. Unlike the friendly
provider it is strict about what it is asked: paths, methods, clients and secrets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.head import find_all
from ostiary.jose.keys import PrivateKey
from ostiary.ports.fetch import Fetch, FetchFailed, FetchLimits
from ostiary.signin.authenticate import Signin
from ostiary.signin.party import Party
from ostiary.signin.values import Refused, SendAway, Step, Toolbox
from tests.support.browser import ORIGIN, Browser, World
from tests.support.ports import FakeClock
from tests.support.provider import CLIENT_ID, ISSUER, FakeProvider, b64
from tests.unit.jose.jose_kit import EC, RSA, part, sign_with

NOW = int(FakeClock().now())
CALLBACK = f"{ORIGIN}/cognito"
SECRET = "s:e cr%t&+=ü"
OLD_RSA = PrivateKey.generate_rsa("rsa-old")
STRANGER = PrivateKey.generate_rsa("rsa")
FORGED = {"issuer": f"{ISSUER}1", "client": f"{CLIENT_ID}1"}
Edits = Mapping[str, Any]


def without_kid(key: PrivateKey) -> dict[str, str]:
    """A public key that has no name."""
    return {k: v for k, v in key.public_jwk().items() if k != "kid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    What the provider does differently. In edits, None takes a member away.

    `spoiled` signs another text than the one that is sent. `secret` signs with HS256.
    `at_hash` adds that claim: right, or of another token.
    """

    claims: Edits = field(default_factory=dict)
    header: Edits = field(default_factory=dict)
    key: PrivateKey = RSA
    published: tuple[Mapping[str, str], ...] = (RSA.public_jwk(), EC.public_jwk())
    metadata: Edits = field(default_factory=dict)
    spoiled: bool = False
    unsigned: bool = False
    secret: bytes | None = None
    at_hash: str | None = None
    answer: Callable[[str], str] = str


FRIENDLY = Behaviour()
BEHAVIOURS: dict[str, Behaviour] = {
    "friendly": FRIENDLY,
    "invalid-iss": Behaviour(claims={"iss": FORGED["issuer"]}),
    "missing-sub": Behaviour(claims={"sub": None}),
    "invalid-aud": Behaviour(claims={"aud": FORGED["client"]}),
    "missing-aud": Behaviour(claims={"aud": None}),
    "missing-iat": Behaviour(claims={"iat": None}),
    "nonce-invalid": Behaviour(claims={"nonce": "of another sign-in"}),
    "nonce-missing": Behaviour(claims={"nonce": None}),
    "kid-absent-single-jwks": Behaviour(
        header={"kid": None}, published=(without_kid(RSA),)
    ),
    "kid-absent-single-jwks-stranger": Behaviour(
        header={"kid": None}, published=(without_kid(RSA),), key=STRANGER
    ),
    "kid-absent-multiple-jwks": Behaviour(
        header={"kid": None}, published=(without_kid(OLD_RSA), without_kid(RSA))
    ),
    "kid-absent-multiple-jwks-stranger": Behaviour(
        header={"kid": None},
        published=(without_kid(OLD_RSA), without_kid(RSA)),
        key=STRANGER,
    ),
    "sig-none": Behaviour(header={"alg": "none", "kid": None}, unsigned=True),
    "sig-none-with-signature": Behaviour(header={"alg": "none"}),
    "invalid-sig-rs256": Behaviour(spoiled=True),
    "stranger-under-our-kid": Behaviour(key=STRANGER),
    "sig-es256": Behaviour(key=EC),
    "invalid-sig-es256": Behaviour(key=EC, spoiled=True),
    "sig-hs256": Behaviour(header={"alg": "HS256"}, secret=SECRET.encode()),
    "invalid-sig-hs256": Behaviour(header={"alg": "HS256"}, secret=b"another secret"),
    "sig-hs256-with-public-key": Behaviour(
        header={"alg": "HS256"}, secret=json.dumps(RSA.public_jwk()).encode()
    ),
    "discovery-issuer-mismatch": Behaviour(metadata={"issuer": FORGED["issuer"]}),
    "key-not-published": Behaviour(published=(EC.public_jwk(),)),
    "expired": Behaviour(claims={"exp": NOW}),
    "almost-expired": Behaviour(claims={"exp": NOW + 1}),
    "missing-exp": Behaviour(claims={"exp": None}),
    "future-iat": Behaviour(claims={"iat": NOW + 1}),
    "present-iat": Behaviour(claims={"iat": NOW}),
    "azp-missing": Behaviour(claims={"aud": [CLIENT_ID, "other"]}),
    "azp-other": Behaviour(claims={"aud": [CLIENT_ID, "other"], "azp": "other"}),
    "azp-other-single": Behaviour(claims={"azp": "other"}),
    "azp-without-aud": Behaviour(claims={"aud": ["other"], "azp": CLIENT_ID}),
    "azp-ours": Behaviour(claims={"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}),
    "aud-array": Behaviour(claims={"aud": [CLIENT_ID]}),
    "crit": Behaviour(header={"crit": ["bork"], "bork": True}),
    "crit-empty": Behaviour(header={"crit": []}),
    "crit-b64": Behaviour(header={"crit": ["b64"], "b64": False}),
    "jwk-forged": Behaviour(key=STRANGER, header={"jwk": STRANGER.public_jwk()}),
    "jku-forged": Behaviour(key=STRANGER, header={"jku": "https://evil.example/jwks"}),
    "x5u-forged": Behaviour(key=STRANGER, header={"x5u": "https://evil.example/x5u"}),
    "jku-unknown-kid": Behaviour(
        key=STRANGER, header={"kid": "theirs", "jku": "https://evil.example/jwks"}
    ),
    "jwk-harmless": Behaviour(header={"jwk": STRANGER.public_jwk()}),
    "jku-harmless": Behaviour(header={"jku": "https://evil.example/jwks"}),
    "at-hash-wrong": Behaviour(at_hash="wrong"),
    "at-hash-of-another-kind": Behaviour(claims={"at_hash": 5}),
    "at-hash-right": Behaviour(at_hash="right"),
    "iss-parameter-wrong": Behaviour(answer=lambda q: f"{q}&iss=https://evil.example"),
    "iss-parameter-missing": Behaviour(
        metadata={"authorization_response_iss_parameter_supported": True}
    ),
    "iss-parameter-right": Behaviour(
        metadata={"authorization_response_iss_parameter_supported": True},
        answer=lambda q: f"{q}&iss={ISSUER}",
    ),
    "duplicate-code": Behaviour(answer=lambda q: f"{q}&code=another"),
    "duplicate-state": Behaviour(answer=lambda q: f"{q}&state=another"),
    "duplicate-iss": Behaviour(answer=lambda q: f"{q}&iss={ISSUER}&iss={ISSUER}"),
    "duplicate-unknown": Behaviour(answer=lambda q: f"{q}&hint=a&hint=b"),
}


class MisbehavingProvider(FakeProvider):
    """Strict about requests, and itself as wrong as it is told to be."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.behaviour = FRIENDLY
        self.client_secret: str | None = None
        self.last_id_token = ""

    def behave(self, name: str, **changes: Any) -> None:
        self.behaviour = replace(BEHAVIOURS[name], **changes)

    def metadata(self) -> dict[str, Any]:
        return {**super().metadata(), **self.behaviour.metadata}

    def authorize(self, location: str) -> str:
        return self.behaviour.answer(super().authorize(location))

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        self.requests.append(request)
        if self.down:
            raise FetchFailed("no connection to idp.example (refused)")
        metadata = super().metadata()
        endpoints = {**metadata, **self.behaviour.metadata}
        if request.url == f"{ISSUER}/.well-known/openid-configuration":
            return self.json(200, endpoints)
        if request.url == endpoints["jwks_uri"]:
            return self.json(200, {"keys": list(self.behaviour.published)})
        if request.method != "POST":
            return self.json(404, {"error": "not_found"})
        form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        if request.url == endpoints["revocation_endpoint"]:
            return self.json(200, {})
        if request.url != endpoints["token_endpoint"]:
            return self.json(404, {"error": "not_found"})
        if not self._knows(request, form):
            return self.json(401, {"error": "invalid_client"})
        return self.token_reply(form) if self.token_reply else self.token(form)

    def _knows(self, request: OutgoingRequest, form: Mapping[str, str]) -> bool:
        if self.client_secret is None:
            return form.get("client_id") == CLIENT_ID
        scheme, _, text = dict(request.fields).get("Authorization", "").partition(" ")
        if scheme != "Basic" or "client_secret" in form:
            return False
        name, _, secret = base64.b64decode(text).decode("ascii").partition(":")
        pair = (unquote_plus(name), unquote_plus(secret))
        return pair == (CLIENT_ID, self.client_secret)

    def grant(self, nonce: str, more: dict[str, Any]) -> IncomingReply:
        reply = json.loads(super().grant(nonce, more).body)
        mode = self.behaviour.at_hash
        if mode is not None:
            token = reply["access_token"] if mode == "right" else "another token"
            half = hashlib.sha256(token.encode()).digest()[:16]
            reply["id_token"] = self.id_token(nonce, **more, at_hash=b64(half))
        self.last_id_token = reply["id_token"]
        return self.json(200, reply)

    def id_token(self, nonce: str, **more: Any) -> str:
        claims = {**self._claims(), "aud": CLIENT_ID, "email": "ada@example.com"}
        if nonce:
            claims["nonce"] = nonce
        claims |= {**more, **self.id_edits, **self.behaviour.claims}
        return self.sign({k: v for k, v in claims.items() if v is not None})

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token as the behaviour wants it signed."""
        how = self.behaviour
        edited = {"alg": how.key.alg, "kid": how.key.kid, **how.header}
        header = {k: v for k, v in edited.items() if v is not None}
        payload = json.dumps(claims).encode()
        text = f"{part(header)}.{part(payload)}"
        if how.unsigned:
            return f"{text}."
        if how.secret is not None:
            signature = b64(hmac.new(how.secret, text.encode(), "sha256").digest())
        else:
            signed = payload + b" " if how.spoiled else payload
            signature = sign_with(how.key, header, signed).rpartition(".")[2]
        return f"{text}.{signature}"


class Suite(World):
    """A node whose provider can be told to misbehave."""

    provider: MisbehavingProvider

    def __init__(self, behaviour: str = "friendly", **changes: Any) -> None:
        super().__init__()
        self.provider = MisbehavingProvider(self.clock)
        self.provider.behave(behaviour, **changes)
        self.signin = self.worker()


def worker_with(world: World, fetch: Fetch) -> Signin:
    """A worker of a node that reaches providers in another way."""
    return Signin(
        Toolbox(
            fetch=fetch,
            shared=world.shared,
            clock=world.clock,
            entropy=world.entropy,
            ring=world.ring,
            log=world.log,
        )
    )


async def attempt(world: Suite, browser: Browser, party: Party) -> Step:
    """One sign-in up to the callback's step, whatever it is."""
    location = await browser.start(party)
    return await browser.ask(party, f"{CALLBACK}?{world.provider.authorize(location)}")


def session_cookies(browser: Browser) -> list[str]:
    return [name for name in browser.cookies if "session" in name]


def cookies_set(step: Step) -> list[str]:
    """The names of the cookies that a step sets, removals left out."""
    values = find_all(getattr(step, "fields", ()), b"set-cookie")
    return [v.decode().partition("=")[0] for v in values if b"Max-Age=0" not in v]


def assert_nobody(
    world: Suite,
    browser: Browser,
    step: Step,
    *,
    detail: str,
    status: int = 401,
    code: str = "login_failed",
) -> Refused:
    """Nobody was signed in, the log names the fault, and the page does not."""
    assert isinstance(step, Refused), step
    assert (step.status, step.code) == (status, code)
    assert detail in step.detail
    assert detail in world.log.text
    assert detail not in step.message
    assert cookies_set(step) == []
    assert session_cookies(browser) == []
    return step


async def assert_signs_in(
    world: Suite, browser: Browser, party: Party, behaviour: str = "friendly"
) -> None:
    """The same flow at a provider without the fault."""
    world.provider.behave(behaviour)
    step = await attempt(world, browser, party)
    assert isinstance(step, SendAway), step
    assert (step.status, step.location) == (303, f"{ORIGIN}/cognito/page?x=1")
    assert len(session_cookies(browser)) == 1
