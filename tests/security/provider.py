"""
An identity provider whose users call themselves anything: real RS256 tokens, hostile claims.

Issuers are paths of one address: `/good` behaves, `/huge` answers with more than anybody
should read.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "client-1"
OTHER_CLIENT_ID = "client-2"
CLIENT_SECRET = "a secret of this test"
HUGE_BYTES = 64 << 20
_LIFETIME_S = 3600


class Provider:
    """Discovery, keys and tokens over HTTP; consent in memory."""

    def __init__(self, port: int = 0) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "security-1", "use": "sig"})
        self._codes: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self.huge_sent = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                provider.answer(self)

            def do_POST(self) -> None:
                provider.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def issuer(self, name: str = "good") -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    # What tests ask for

    def bearer(self, client_id: str = CLIENT_ID, **claims: Any) -> str:
        """An access token that is valid in every respect."""
        return self._sign({"aud": client_id, "client_id": client_id, **claims})

    def approve(self, location: str, **claims: Any) -> str:
        """The URL that a browser is sent back to after somebody has signed in."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}
        code = secrets.token_urlsafe(24)
        self._codes[code] = (asked, claims)
        back = {"code": code, "state": asked.get("state", "")}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    # What the gateway asks for

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name, _, path = request.path.lstrip("/").partition("/")
        with contextlib.suppress(OSError):
            if name == "huge":
                self._flood(request)
                return
            size = int(request.headers.get("Content-Length", "0"))
            form = parse_qs(request.rfile.read(size).decode())
            body = self._page(name, path, {k: v[0] for k, v in form.items()})
            raw = json.dumps(body).encode()
            request.send_response(400 if "error" in body else 200)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(raw)))
            request.end_headers()
            request.wfile.write(raw)

    def _page(self, name: str, path: str, form: dict[str, str]) -> dict[str, Any]:
        issuer = self.issuer(name)
        if path == ".well-known/openid-configuration":
            return {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/jwks",
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "end_session_endpoint": f"{issuer}/end",
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
            }
        if path == "jwks":
            return {"keys": [self._key.as_dict(private=False)]}
        if path == "token":
            return self._token(form)
        return {"error": "not_found"}

    def _token(self, form: dict[str, str]) -> dict[str, Any]:
        asked, claims = self._codes.pop(form.get("code", ""), ({}, {}))
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if not asked or asked.get("code_challenge", proof) != proof:
            return {"error": "invalid_grant"}
        client = asked["client_id"]
        more = {"nonce": asked["nonce"]} if "nonce" in asked else {}
        return {
            "access_token": self._sign({"aud": client, "client_id": client, **claims}),
            "id_token": self._sign({"aud": client, **claims, **more}),
            "token_type": "Bearer",
            "expires_in": _LIFETIME_S,
        }

    def _sign(self, claims: dict[str, Any]) -> str:
        now = int(time.time())
        base = {
            "iss": self.issuer(),
            "sub": "ada",
            "iat": now,
            "exp": now + _LIFETIME_S,
            "scope": "openid",
        }
        header = {"alg": "RS256", "kid": "security-1", "typ": "JWT"}
        return jwt.encode(header, {**base, **claims}, self._key)

    def _flood(self, request: BaseHTTPRequestHandler) -> None:
        """An endless document: counts what the other side was ready to take."""
        self.huge_sent = 0
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(HUGE_BYTES))
        request.end_headers()
        piece = b" " * (1 << 16)
        while self.huge_sent < HUGE_BYTES:
            request.wfile.write(piece)
            self.huge_sent += len(piece)
