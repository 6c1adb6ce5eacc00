"""
An OpenID provider over real TLS that misbehaves in exactly one way, which its address names.

`https://idp.auth.localhost:<port>/<fault>` is an issuer; `honest` is the one without a fault. It
asks nobody to sign in, and is strict about clients, redirect URIs, codes and verifiers. It signs
by hand, so that headers and signatures can be anything, and keeps what it issues apart for each
fault.

The faults are in `misbehaving_faults`.

Spec: RFC 6749, RFC 7009, RFC 7636, RFC 7662, RFC 9207, OpenID Connect Core 1.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import secrets
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from ostiary.adapters.certificates import read_pair, write_pair
from ostiary.node.serving import serve_site
from tests.support.misbehaving_faults import (
    BAD_CLIENT,
    CERTIFICATES,
    CLIENT_UNKNOWN,
    FAULTS,
    HONEST,
    HOST,
    HOUR_S,
    KEY,
    REDIRECT_UNREGISTERED,
    RIGHT,
    SECRET,
    Behaviour,
    Certificate,
    Edits,
    at_hash,
    make_certificate,
    make_test_ca,
    sign_as,
)
from tests.support.provider import b64

CLIENTS = {"public": "", "confidential": SECRET}
SCOPES = ("openid", "profile", "email", "offline_access")
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
PERSON = {"sub": "ada", "name": "Ada Lovelace", "email": "ada@example.com"}
CLAIMS_OF_SCOPE = {"name": "profile", "email": "email"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What all clients may be sent back to."""

    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: its method, the arguments of its query or form, and its Authorization."""

    method: str
    pairs: Mapping[str, str] = field(repr=False)
    authorization: str = field(repr=False)

    def get(self, name: str) -> str:
        return self.pairs.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A path below the issuer. `is_open`: pages of other origins may use it."""

    name: str
    metadata_name: str = ""
    methods: tuple[str, ...]
    is_open: bool = False


ENDPOINTS = {
    ".well-known/openid-configuration": Endpoint(name="discovery", methods=("GET",), is_open=True),
    "jwks": Endpoint(name="jwks", metadata_name="jwks_uri", methods=("GET",), is_open=True),
    "authorize": Endpoint(name="authorize", metadata_name="authorization_endpoint", methods=("GET",)),
    "token": Endpoint(name="token", metadata_name="token_endpoint", methods=("POST",), is_open=True),
    "userinfo": Endpoint(name="userinfo", metadata_name="userinfo_endpoint", methods=("GET", "POST"), is_open=True),
    "introspect": Endpoint(name="introspect", metadata_name="introspection_endpoint", methods=("POST",)),
    "revoke": Endpoint(name="revoke", metadata_name="revocation_endpoint", methods=("POST",)),
    "end": Endpoint(name="end", metadata_name="end_session_endpoint", methods=("GET", "POST")),
}  # fmt: skip


# Two grants are never the same, however alike they are.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grant:
    """What somebody allowed a client. `person` is empty where the client acts for itself."""

    client_id: str
    scope: tuple[str, ...]
    person: str = ""
    redirect_uri: str = ""
    nonce: str = field(default="", repr=False)
    challenge: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token that is good as long as it is kept."""

    kind: Literal["access_token", "refresh_token"]
    grant: Grant
    at: int


class _Refused(Exception):
    """An OAuth error that the client is told as JSON."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, challenge: str = ""
    ) -> None:
        super().__init__(error)
        self.error, self.description = error, description
        self.status, self.challenge = status, challenge

    def reply(self) -> Response:
        reply = _json(
            {"error": self.error, "error_description": self.description}, self.status
        )
        if self.challenge:
            reply.headers["WWW-Authenticate"] = self.challenge
        return reply


def _json(value: Any, status: int = 200) -> Response:
    return JSONResponse(value, status, {"Cache-Control": "no-store"})


def _page(text: str, status: int) -> Response:
    title = html.escape(text)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1></html>',
        status,
    )


def _send_back(uri: str, pairs: Edits) -> Response:
    query = urlencode({k: v for k, v in pairs.items() if v})
    url = f"{uri}{'&' if '?' in uri else '?'}{query}" if query else uri
    return RedirectResponse(url, 302, {"Cache-Control": "no-store"})


def _edited(value: Edits, edits: Edits) -> dict[str, Any]:
    return {k: v for k, v in {**value, **edits}.items() if v is not None}


def _read_basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


class _Provider:
    """One issuer: its endpoints, its codes and its tokens."""

    def __init__(self, issuer: str, how: Behaviour, registered: Registered) -> None:
        self.issuer, self.how, self.registered = issuer, how, registered
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Issued] = {}
        self._answers: dict[str, Callable[[Asked], Response]] = {
            "discovery": lambda _: _json(self._metadata()),
            "jwks": lambda _: _json({"keys": [KEY.public_jwk()]}),
            "authorize": self._authorize,
            "token": self._token,
            "userinfo": self._userinfo,
            "introspect": self._introspect,
            "revoke": self._revoke,
            "end": self._end,
        }

    def answer(self, path: str, asked: Asked) -> Response:
        """What is said at a path below the issuer, and who may read it."""
        endpoint = ENDPOINTS.get(path)
        if endpoint is None:
            return _json({"error": "not_found"}, 404)
        reply = self._reply(endpoint, asked)
        if endpoint.is_open and self.how.cors:
            reply.headers["Access-Control-Allow-Origin"] = "*"
        return reply

    def _reply(self, endpoint: Endpoint, asked: Asked) -> Response:
        if asked.method == "OPTIONS" and endpoint.is_open and self.how.cors:
            fields = {
                "Access-Control-Allow-Methods": ", ".join(endpoint.methods),
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
            }
            return Response(status_code=204, headers=fields)
        if asked.method not in endpoint.methods:
            fields = {"Allow": ", ".join(endpoint.methods)}
            return Response("Method Not Allowed", 405, fields, "text/plain")
        if endpoint.name in self.how.replies:
            status, value = self.how.replies[endpoint.name]
            return _page(value, status) if isinstance(value, str) else _json(value, status)  # fmt: skip
        try:
            return self._answers[endpoint.name](asked)
        except _Refused as refused:
            return refused.reply()

    def _metadata(self) -> dict[str, Any]:
        found = {
            e.metadata_name: f"{self.issuer}/{path}"
            for path, e in ENDPOINTS.items()
            if e.metadata_name
        }
        for name in self.how.plain:
            found[name] = found[name].replace("https:", "http:")
        base = {
            "issuer": self.issuer,
            **found,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(GRANT_TYPES),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
            "scopes_supported": list(SCOPES),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return _edited(base, self.how.metadata)

    def _now(self) -> int:
        return int(time.time()) + self.how.shift_s

    def _authorize(self, asked: Asked) -> Response:
        uri = asked.get("redirect_uri")
        if asked.get("client_id") not in CLIENTS:
            return _page(CLIENT_UNKNOWN, 400)
        if uri not in self.registered.redirect_uris:
            return _page(REDIRECT_UNREGISTERED, 400)
        response: dict[str, Any] = {"state": asked.get("state"), "iss": self.issuer}
        try:
            self._check_authorization(asked)
        except _Refused as refused:
            told = {"error": refused.error, "error_description": refused.description}
            return _send_back(uri, {**told, **response})
        code = secrets.token_urlsafe()
        self._codes[code] = Grant(
            client_id=asked.get("client_id"),
            scope=tuple(asked.get("scope").split()),
            person=PERSON["sub"],
            redirect_uri=uri,
            nonce=asked.get("nonce"),
            challenge=asked.get("code_challenge"),
        )
        return _send_back(uri, {"code": code, **response, **self.how.response})

    def _check_authorization(self, asked: Asked) -> None:
        if asked.get("response_type") != "code":
            raise _Refused("unsupported_response_type", "Only code is supported")
        if asked.get("response_mode") not in {"", "query"}:
            raise _Refused("invalid_request", "Only the response mode query is known")
        self._check_scope(asked)
        if not asked.get("code_challenge"):
            if self.how.needs_challenge:
                raise _Refused("invalid_request", "Code challenge required")
        elif asked.get("code_challenge_method") != "S256":
            raise _Refused("invalid_request", "Only the challenge method S256 is known")

    def _check_scope(self, asked: Asked) -> None:
        for word in asked.get("scope").split():
            if word not in SCOPES or word == self.how.refused_scope:
                raise _Refused(
                    "invalid_scope", f"The scope {word} is not allowed for this client"
                )

    def _authenticate(self, asked: Asked) -> str:
        """The client that asks, which is the one it says it is."""
        basic = _read_basic(asked.authorization)
        if basic and asked.get("client_secret"):
            raise _Refused("invalid_request", "More than one way of authentication")
        name, secret = basic or (asked.get("client_id"), asked.get("client_secret"))
        known = CLIENTS.get(name, "")
        wanted = {"own": known, "all": SECRET, "none": ""}[self.how.secrets]
        refused_method = basic is not None and not self.how.takes_basic
        if name not in CLIENTS or refused_method or secret != wanted:
            raise _Refused(
                *BAD_CLIENT.values(),
                status=401,
                challenge='Basic realm="idp"' if basic else "",
            )
        return name

    def _token(self, asked: Asked) -> Response:
        client_id = self._authenticate(asked)
        kind = asked.get("grant_type")
        if kind in self.how.refuses:
            raise _Refused("invalid_grant", self.how.refuses[kind])
        match kind:
            case "authorization_code":
                return self._redeem_code(client_id, asked)
            case "refresh_token":
                return self._refresh(client_id, asked)
            case "client_credentials":
                return self._let_client_in(client_id, asked)
            case _:
                raise _Refused("unsupported_grant_type", "This grant type is not known")

    def _redeem_code(self, client_id: str, asked: Asked) -> Response:
        grant = self._codes.pop(asked.get("code"), None)
        if grant is None or grant.client_id != client_id:
            raise _Refused("invalid_grant", "The code is not valid")
        if grant.redirect_uri != asked.get("redirect_uri"):
            raise _Refused("invalid_grant", "The redirect URI is not that of the code")
        verifier = asked.get("code_verifier")
        digest = hashlib.sha256(verifier.encode()).digest()
        # A verifier for a code without a challenge is a sign of a downgrade (RFC 9700 §4.8.2).
        fits = grant.challenge == (b64(digest) if verifier else "")
        if not fits or (verifier and self.how.refuses_verifier):
            raise _Refused("invalid_grant", "PKCE verification failed")
        return self._issue(grant, nonce=grant.nonce)

    def _refresh(self, client_id: str, asked: Asked) -> Response:
        token = asked.get("refresh_token")
        found = self._find(token, "refresh_token")
        if found is None or found.grant.client_id != client_id:
            raise _Refused("invalid_grant", "The refresh token is not valid")
        del self._tokens[token]
        return self._issue(found.grant, nonce="")

    def _let_client_in(self, client_id: str, asked: Asked) -> Response:
        if not CLIENTS[client_id]:
            raise _Refused("unauthorized_client", "A public client cannot have this")
        self._check_scope(asked)
        scope = tuple(asked.get("scope").split())
        return self._issue(Grant(client_id=client_id, scope=scope), nonce="")

    def _find(self, token: str, kind: str) -> Issued | None:
        found = self._tokens.get(token)
        return found if found is not None and found.kind == kind else None

    def _issue(self, grant: Grant, *, nonce: str) -> Response:
        now = self._now()
        access = self._mint_access(grant, now)
        self._tokens[access] = Issued(kind="access_token", grant=grant, at=now)
        reply = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": HOUR_S,
            "scope": " ".join(grant.scope),
        }
        if grant.person:
            fresh = secrets.token_urlsafe()
            self._tokens[fresh] = Issued(kind="refresh_token", grant=grant, at=now)
            reply["refresh_token"] = fresh
            if "openid" in grant.scope and self.how.gives_id_token:
                reply["id_token"] = self._mint_id_token(grant, access, nonce, now)
        return _json(reply)

    def _mint_access(self, grant: Grant, now: int) -> str:
        """An access token without a fault (RFC 9068)."""
        claims = {
            "iss": self.issuer,
            "sub": grant.person or grant.client_id,
            "aud": grant.client_id,
            "client_id": grant.client_id,
            "scope": " ".join(grant.scope),
            "iat": now,
            "exp": now + HOUR_S,
            "jti": secrets.token_urlsafe(),
        }
        return sign_as(RIGHT, claims, "at+jwt")

    def _mint_id_token(self, grant: Grant, access: str, nonce: str, now: int) -> str:
        made = now - self.how.age_s
        claims = {
            "iss": self.issuer,
            "aud": grant.client_id,
            "iat": made,
            "exp": made + self.how.lifetime_s,
            "auth_time": made,
            "nonce": nonce or None,
            "at_hash": at_hash(access),
            **self._tell(grant),
        }
        return sign_as(self.how, _edited(claims, self.how.claims))

    def _tell(self, grant: Grant) -> dict[str, str]:
        """What the scope lets a client know of the person."""
        return {
            k: v
            for k, v in PERSON.items()
            if CLAIMS_OF_SCOPE.get(k, "openid") in {"openid", *grant.scope}
        }

    def _userinfo(self, asked: Asked) -> Response:
        scheme, _, token = asked.authorization.partition(" ")
        found = self._find(token, "access_token")
        if scheme.lower() != "bearer" or found is None:
            raise _Refused(
                "invalid_token",
                "The access token is not valid",
                status=401,
                challenge='Bearer error="invalid_token"' if token else "Bearer",
            )
        if "openid" not in found.grant.scope or not found.grant.person:
            raise _Refused(
                "insufficient_scope",
                "The scope openid is needed",
                status=403,
                challenge='Bearer error="insufficient_scope", scope="openid"',
            )
        return _json(_edited(self._tell(found.grant), self.how.userinfo))

    def _introspect(self, asked: Asked) -> Response:
        self._authenticate(asked)
        found = self._tokens.get(asked.get("token"))
        if found is None:
            return _json({"active": False})
        grant = found.grant
        told = {
            "active": True,
            "iss": self.issuer,
            "sub": grant.person or grant.client_id,
            "client_id": grant.client_id,
            "scope": " ".join(grant.scope),
            "iat": found.at,
        }
        if found.kind == "access_token":
            told |= {"token_type": "Bearer", "exp": found.at + HOUR_S}
        return _json(told)

    def _revoke(self, asked: Asked) -> Response:
        """Forget a token; with a refresh token, all of its grant (RFC 7009 §2.1)."""
        client_id = self._authenticate(asked)
        token = asked.get("token")
        found = self._tokens.get(token)
        if found is not None and found.grant.client_id != client_id:
            raise _Refused("invalid_grant", "The token is another client's")
        if found is not None and found.kind == "refresh_token":
            kept = {k: v for k, v in self._tokens.items() if v.grant != found.grant}
            self._tokens = kept
        self._tokens.pop(token, None)
        return Response(status_code=200)

    def _end(self, asked: Asked) -> Response:
        uri = asked.get("post_logout_redirect_uri")
        if not uri:
            return _page("Signed out", 200)
        if uri not in self.registered.logout_uris:
            text = "invalid_request: The post_logout_redirect_uri is not registered"
            return _page(text, 400)
        return _send_back(uri, {"state": asked.get("state")})


class Misbehaving:
    """Where the providers are. `ca_file` is what one must trust, and is all one must trust."""

    def __init__(
        self, ca_file: Path, ports: Mapping[Certificate, int], registered: Registered
    ) -> None:
        self.ca_file = ca_file
        self._ports = ports
        self._providers = {
            name: _Provider(self.issuer(name), self._how(name), registered)
            for name in (HONEST, *FAULTS)
        }

    @staticmethod
    def _how(fault: str) -> Behaviour:
        return RIGHT if fault == HONEST else FAULTS[fault].how

    def issuer(self, fault: str) -> str:
        """The issuer that has this fault; `honest` has none."""
        port = self._ports[self._how(fault).certificate]
        return f"https://{HOST}:{port}/{fault}"

    def client(self, fault: str) -> tuple[str, str]:
        """The id and the secret with which the fault shows; an empty secret is none."""
        return ("public", "") if fault == HONEST else FAULTS[fault].client

    async def answer(self, request: Request) -> Response:
        """What the provider says that the path names."""
        provider = self._providers.get(request.path_params["fault"])
        if provider is None:
            return _json({"error": "not_found"}, 404)
        query = request.url.query.encode()
        text = await request.body() if request.method == "POST" else query
        asked = Asked(
            method=request.method,
            pairs=dict(parse_qsl(text.decode())),
            authorization=request.headers.get("authorization", ""),
        )
        return provider.answer(request.path_params["path"], asked)

    def shift_of(self, path: str) -> int:
        """By how many seconds the clock of the provider at a path is ahead."""
        provider = self._providers.get(path.strip("/").split("/")[0])
        return 0 if provider is None else provider.how.shift_s


class _Dated:
    """An app whose `Date` is that of the provider's clock."""

    def __init__(self, site: Misbehaving) -> None:
        route = Route("/{fault}/{path:path}", site.answer, methods=["GET", "POST", "OPTIONS"])  # fmt: skip
        self._site, self._app = site, Starlette(routes=[route])

    # Any: what uvicorn hands over is a method of its exchange.
    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        shift_s = self._site.shift_of(scope["path"])
        if shift_s:
            # uvicorn writes its own Date before ours, and a reply with two dates has none.
            date = formatdate(time.time() + shift_s, usegmt=True)
            send.__self__.default_headers = [(b"date", date.encode())]
        await self._app(scope, receive, send)


@asynccontextmanager
async def misbehaving(
    *,
    redirect_uris: Sequence[str],
    logout_uris: Sequence[str] = (),
    ca: tuple[Path, Path] | None = None,
) -> AsyncIterator[Misbehaving]:
    """
    All providers, honest and not, that answer while the context is open.

    Args:
        ca: The files of an authority that is trusted already and of its key, such as the demo's
            `ca.pem` and `ca.key`; without it one is made, which is `Misbehaving.ca_file`.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if ca is None:
            ca = folder / "ca.pem", folder / "ca.key"
            write_pair(*make_test_ca(), cert_path=ca[0], key_path=ca[1])
        socks = {kind: socket.create_server(("127.0.0.1", 0)) for kind in CERTIFICATES}
        ports = {kind: sock.getsockname()[1] for kind, sock in socks.items()}
        registered = Registered(
            redirect_uris=tuple(redirect_uris), logout_uris=tuple(logout_uris)
        )
        site = Misbehaving(ca[0], ports, registered)
        for kind, sock in socks.items():
            pair = make_certificate(kind, read_pair(*ca))
            cert, key = folder / f"{kind}.pem", folder / f"{kind}.key"
            write_pair(*pair, cert_path=cert, key_path=key)
            app = _Dated(site)
            await stack.enter_async_context(
                serve_site(app, [("tls", sock)], cert=cert, key=key)
            )
        yield site
