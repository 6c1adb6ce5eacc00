"""
A provider in memory, behind the fetch port: real keys, real tokens, and faults on demand.

It shares no code with the product's own provider.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.ports.fetch import FetchFailed, FetchLimits
from tests.support.ports import FakeClock

ISSUER = "https://idp.example/pool"
CLIENT_ID = "client-1"
KEY = PrivateKey.generate_ec("key-1")
OTHER_KEY = PrivateKey.generate_ec("key-2")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class FakeProvider:
    """Answers discovery, keys, tokens, revocation; remembers what it was asked."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.keys = [KEY]
        self.signing = KEY
        self.other_keys: list[PrivateKey] = []
        self.requests: list[OutgoingRequest] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.down = False
        self.metadata_edits: dict[str, Any] = {}
        self.id_edits: dict[str, Any] = {}
        self.access_edits: dict[str, Any] = {}
        self.token_reply: Callable[[dict[str, str]], IncomingReply] | None = None
        self.lifetime = 3600
        self.gives_refresh = True
        self.refreshes = 0
        self.registered: list[str] | None = None
        self.date: str | None = None
        self.users = {"ada": "correct horse"}
        self.told: dict[str, dict[str, Any]] = {}
        self.people: dict[str, dict[str, Any]] = {}
        self.replies: dict[str, IncomingReply] = {}

    def metadata(self) -> dict[str, Any]:
        base = {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/jwks",
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "revocation_endpoint": f"{ISSUER}/revoke",
            "end_session_endpoint": f"{ISSUER}/end",
            "introspection_endpoint": f"{ISSUER}/introspect",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
        }
        return {**base, **self.metadata_edits}

    def asked(self, path: str) -> list[OutgoingRequest]:
        return [r for r in self.requests if urlsplit(r.url).path.endswith(path)]

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        self.requests.append(request)
        if self.down:
            raise FetchFailed("no connection to idp.example (refused)")
        path = urlsplit(request.url).path
        if request.method == "OPTIONS":
            allowed = {"access-control-allow-origin": "*"}
            return IncomingReply(status=204, fields=allowed, body=b"")
        if path.endswith("openid-configuration"):
            body = json.dumps(self.metadata()).encode()
            fields = {} if self.date is None else {"date": self.date}
            return IncomingReply(status=200, fields=fields, body=body)
        if "other-jwks" in self.replies and path.endswith("/other-jwks"):
            return self.replies["other-jwks"]
        if path.endswith("/other-jwks"):
            return self.json(200, {"keys": [k.public_jwk() for k in self.other_keys]})
        if path.endswith("/jwks"):
            return self.json(200, {"keys": [k.public_jwk() for k in self.keys]})
        if path.endswith("/revoke"):
            return self.json(200, {})
        if path.endswith("/authorize"):
            return self.ask_to_sign_in(request.url)
        if path.endswith("/userinfo"):
            return self.user_info(dict(request.fields).get("Authorization", ""))
        form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        if path.endswith("/introspect"):
            return self.introspect(form.get("token", ""))
        if self.token_reply is not None:
            return self.token_reply(form)
        return self.token(form)

    @staticmethod
    def json(status: int, value: Any) -> IncomingReply:
        return IncomingReply(status=status, fields={}, body=json.dumps(value).encode())

    def ask_to_sign_in(self, url: str) -> IncomingReply:
        """The login page, or the provider's error page for a redirect URI it does not know."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        known = self.registered is None or asked["redirect_uri"] in self.registered
        place = "/login" if known else "/error?error=redirect_mismatch"
        fields = {"location": f"{ISSUER}{place}"}
        return IncomingReply(status=302, fields=fields, body=b"")

    def introspect(self, token: str) -> IncomingReply:
        """What is said of a token: `told`, else that it is not active."""
        if "introspect" in self.replies:
            return self.replies["introspect"]
        return self.json(200, self.told.get(token, {"active": False}))

    def user_info(self, authorization: str) -> IncomingReply:
        """What is said of a token's owner: `people`, else 401."""
        if "userinfo" in self.replies:
            return self.replies["userinfo"]
        found = self.people.get(authorization.removeprefix("Bearer "))
        return self.json(401, {}) if found is None else self.json(200, found)

    def authorize(self, location: str) -> str:
        """What the browser brings back: the callback's query for an authorization URL."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        code = f"code-{len(self.codes) + 1}"
        self.codes[code] = asked
        return f"code={code}&state={asked['state']}"

    def token(self, form: dict[str, str]) -> IncomingReply:
        if form["grant_type"] == "password":
            if self.users.get(form["username"]) != form["password"]:
                return self.json(400, {"error": "invalid_grant"})
            return self.grant("", {"sub": form["username"]})
        if form["grant_type"] == "client_credentials":
            return self.json(
                200,
                {
                    "access_token": self.access_token(sub=None, scope="machine"),
                    "token_type": "Bearer",
                    "expires_in": self.lifetime,
                },
            )
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] == "refused":
                return self.json(400, {"error": "invalid_grant"})
            self.refreshes += 1
            return self.grant("", {"sub": "ada"})
        asked = self.codes.pop(form["code"], None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return self.json(400, {"error": "invalid_grant"})
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked.get("code_challenge", challenge) != challenge:
            return self.json(400, {"error": "invalid_grant"})
        return self.grant(asked["nonce"], {})

    def grant(self, nonce: str, more: dict[str, Any]) -> IncomingReply:
        reply: dict[str, Any] = {
            "access_token": self.access_token(sub=more.get("sub", "ada")),
            "id_token": self.id_token(nonce, **more),
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }
        if self.gives_refresh:
            reply["refresh_token"] = f"refresh-{self.refreshes}"
        return self.json(200, reply)

    def _claims(self) -> dict[str, Any]:
        now = int(self.clock.now())
        return {"iss": ISSUER, "sub": "ada", "iat": now, "exp": now + self.lifetime}

    def id_token(self, nonce: str, **more: Any) -> str:
        claims = {**self._claims(), "aud": CLIENT_ID, "email": "ada@example.com"}
        if nonce:
            claims["nonce"] = nonce
        claims |= {**more, **self.id_edits}
        return sign_jwt(
            {k: v for k, v in claims.items() if v is not None}, self.signing
        )

    def access_token(self, **more: Any) -> str:
        claims = {
            **self._claims(),
            "client_id": CLIENT_ID,
            "token_use": "access",
            "scope": "openid",
        }
        claims |= {**self.access_edits, **more}
        return sign_jwt(
            {k: v for k, v in claims.items() if v is not None}, self.signing
        )
