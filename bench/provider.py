"""
A small OpenID Provider for a run, on a port of 127.0.0.1, in a thread of this process.

Its authorization endpoint asks nobody: `person=<number>` in the query says who signs in. It
checks what a client must get right (redirect URI, PKCE, one use per code) and issues tokens of
the size that Cognito's have.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from bench.people import LIFETIME_S, OPAQUE, sign_tokens

from ostiary.jose.keys import PrivateKey


class Provider:
    """The provider. `issuer` is its URL; `key` signs."""

    def __init__(self) -> None:
        self.key = PrivateKey.generate_rsa("bench-key")
        self.codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(_Handler):
            site = provider

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def jwks(self) -> dict[str, object]:
        """The keys that verify."""
        return {"keys": [self.key.public_jwk()]}

    def public_pem(self) -> bytes:
        """The key that verifies, as PEM."""
        return self.key.library_key.as_pem(private=False)

    def metadata(self) -> dict[str, object]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "profile"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes with its code."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return f"{asked['redirect_uri']}?{query}"

    @staticmethod
    def introspect(token: str) -> dict[str, object]:
        """What is said of an opaque token: those of the run are active for an hour."""
        if not token.startswith(OPAQUE):
            return {"active": False}
        ends = int(time.time()) + LIFETIME_S
        return {"active": True, "sub": token, "scope": "openid", "exp": ends}

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        """The tokens for a code, or why not."""
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        if asked.get("code_challenge") != challenge:
            return 400, {"error": "invalid_grant"}
        person = int(asked.get("person", "0"))
        made = sign_tokens(self.issuer, self.key, person, asked.get("nonce"))
        return 200, {
            "access_token": made.access,
            "id_token": made.id,
            "refresh_token": made.refresh,
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
        }


def _first(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


class _Handler(BaseHTTPRequestHandler):
    """HTTP around one provider."""

    site: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        match parts.path:
            case "/.well-known/openid-configuration":
                self._answer(200, self.site.metadata())
            case "/jwks":
                self._answer(200, self.site.jwks())
            case "/authorize":
                self._answer(302, {}, location=self.site.authorize(_first(parts.query)))
            case _:
                self._answer(404, {})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        form = _first(self.rfile.read(size).decode())
        if self.path == "/introspect":
            self._answer(200, self.site.introspect(form.get("token", "")))
            return
        self._answer(*self.site.token(form))

    def _answer(
        self, status: int, value: dict[str, object], *, location: str | None = None
    ) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
