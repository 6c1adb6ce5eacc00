"""
Operators at the door: sent to their provider, and known when they come back.

Nothing of OpenID Connect is decided here: `signin` does that, as for the plugin and the portal.
What is the Manager's own is where answers arrive, and which claims tell who somebody is and what
they may do. An address counts only when the provider has verified it.

Spec: portal §2.7; decision 0047.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from starlette.requests import Request

from ostiary.http.head import Fields, find
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.http.url import split_host
from ostiary.jose.encoding import decode_base64url, encode_base64url
from ostiary.jose.errors import BrokenSeal, JoseError
from ostiary.jose.jwt import is_compact_jws, read_unverified_claims
from ostiary.manager.provider import (
    ACCESS_TOKEN,
    ID_TOKEN,
    USER_INFO,
    AdminProvider,
)
from ostiary.model.portal import read_email
from ostiary.oidc.claims import Claims, find_path
from ostiary.oidc.rp.logout import LogoutRequest, build_logout_url
from ostiary.ports.clock import Entropy
from ostiary.sessions.keys import KeyRing, Sealer
from ostiary.signin.authenticate import Signin
from ostiary.signin.claims import read_words
from ostiary.signin.issuer import ProviderUnavailable
from ostiary.signin.party import compile_party
from ostiary.signin.values import Allowed, Refused, SigninRequest, Step

COOKIE_PREFIX: Final = "ostiary-manager-"
_HINT: Final = b"ostiary manager id token"
_NONCE_BYTES: Final = 12
_MOST_CHARS: Final = 255
_MOST_BITS: Final = 256

Lack = Literal["claim_missing", "unverified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """
    Somebody whom the provider knows.

    `value` is the claim that admins are known by; `email` an address that is verified. `groups`
    None: roles are given by hand. `id_token` is what the provider is shown at the end.
    """

    value: str
    email: str | None
    groups: tuple[str, ...] | None
    id_token: str | None = field(default=None, repr=False)


class _NoBody:
    """What answers by query have."""

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 - the protocol's
        return b""


class Reception:
    """Sends operators to their provider and takes them back."""

    def __init__(
        self, signin: Signin, provider: AdminProvider, ring: KeyRing, entropy: Entropy
    ) -> None:
        self.provider = provider
        self._signin = signin
        self._party = compile_party(
            provider.config, "manager", cookie_prefix=COOKIE_PREFIX
        )
        self._sealer = Sealer(ring, _HINT)
        self._entropy = entropy

    def is_answer(self, request: Request) -> bool:
        """Whether the provider sends somebody back with this request."""
        return (
            request.method == "GET"
            and request.scope["path"] == self.provider.callback
            and any(n in request.query_params for n in ("state", "code", "error"))
        )

    def is_home(self, request: Request) -> bool:
        """Whether the browser is at the address that the provider sends people back to."""
        home = urlsplit(self.provider.home)
        return request.headers.get("host", "").lower() == home.netloc

    async def begin(self, request: Request, path: str) -> Step:
        """Where to send somebody; `path` is the page of ours where "sign in again" leads."""
        return await self._ask(request, path, b"")

    async def finish(self, request: Request) -> Step:
        """What becomes of somebody who comes back."""
        query: bytes = request.scope["query_string"]
        return await self._ask(request, self.provider.callback, query)

    async def _ask(self, request: Request, path: str, query: bytes) -> Step:
        home = urlsplit(self.provider.home)
        host, port = split_host(home.netloc)
        raw = path.encode() + (b"?" + query if query else b"")
        try:
            target = parse_target(raw)
        except AmbiguousTarget as error:
            return Refused(
                status=400, code="login_failed", message="not an answer", detail=str(error),
            )  # fmt: skip
        asked = SigninRequest(
            method=b"GET",
            target=target,
            fields=tuple(request.headers.raw),
            scheme=home.scheme,
            host=host,
            port=port,
            route_prefix="/auth",
            request_id=request.headers.get("x-request-id", "")[:64],
            client_ip=request.client.host if request.client else "",
            body=_NoBody(),
        )
        return await self._signin.authenticate(asked, self._party)

    def read(self, step: Allowed) -> Arrived | Lack:
        """Who it is that has come back, or what the provider did not say of them."""
        return read_arrived(step.upstream_fields, self.provider)

    def keep_hint(self, id_token: str | None) -> str:
        """An ID token as it may lie in the node's state; empty where there is none."""
        if id_token is None:
            return ""
        nonce = self._entropy.bytes(_NONCE_BYTES)
        sealed = self._sealer.seal(id_token.encode(), binding=b"", nonce=nonce)
        return encode_base64url(sealed)

    async def goodbye(self, hint: str) -> str | None:
        """Where the provider ends its own session; None where it has no such page."""
        client = self._party.client(0)
        assert client is not None
        metadata = None
        try:
            metadata = (await self._signin.issuers.load(self._party)).metadata
        except ProviderUnavailable:
            return None  # signed out here all the same
        return build_logout_url(
            LogoutRequest(
                issuer=metadata.issuer,
                client_id=client.client_id,
                end_session_endpoint=self.provider.config.end_session_endpoint
                or metadata.end_session_endpoint,
                logout_redirect_uri=client.logout_redirect_uri,
                id_token=self._open_hint(hint),
            )
        )

    def _open_hint(self, hint: str) -> str | None:
        try:
            return self._sealer.open(decode_base64url(hint), binding=b"").decode()
        except (BrokenSeal, JoseError, ValueError):
            return None  # none, or the key is another one now

    async def close(self, within_s: float) -> None:
        """Finish what is under way."""
        await self._signin.close(within_s)


def read_arrived(fields: Fields, provider: AdminProvider) -> Arrived | Lack:
    """
    Who somebody is, by what sign-in has verified: ID token, user info, access token.

    Spec: portal §2.4 (the order of sources), §2.7 (an address must be verified).
    """
    token = _read_text(fields, ID_TOKEN)
    sources = (
        _read_token(token),
        _read_info(fields),
        _read_token(_read_text(fields, ACCESS_TOKEN)),
    )
    found = next(
        (v for s in sources if (v := find_path(s, provider.claim)) is not None), None
    )
    value = _read_value(found)
    if value is None:
        return "claim_missing"
    email = _read_email(sources)
    named = read_email(value)
    if provider.is_by_email and named is None:
        return "claim_missing"
    # Also in another claim: people choose some of them, and may choose an admin's address.
    if named is not None and email != named:
        return "unverified"
    if provider.is_by_email and email is not None:
        value = email
    return Arrived(
        value=value,
        email=email,
        groups=_read_groups(sources, provider.groups),
        id_token=token,
    )


def _read_text(fields: Fields, name: str) -> str | None:
    value = find(fields, name.encode())
    return None if value is None else value.decode("latin-1")


def _read_token(token: str | None) -> Claims:
    if token is None or not is_compact_jws(token):
        return {}
    try:
        return read_unverified_claims(token)
    except JoseError:
        return {}


def _read_info(fields: Fields) -> Claims:
    """What the provider says of somebody besides: base64 of JSON, as sign-in hands it over."""
    text = _read_text(fields, USER_INFO)
    if text is None:
        return {}
    try:
        found: Any = json.loads(base64.b64decode(text, validate=True))  # Any: JSON
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_value(found: object) -> str | None:
    if isinstance(found, int) and not isinstance(found, bool):
        # A longer one could be nobody's name, and to write it down takes long.
        return str(found) if found.bit_length() <= _MOST_BITS else None
    if isinstance(found, str) and len(found) <= _MOST_CHARS:
        return found.strip() or None
    return None


def _read_email(sources: Sequence[Claims]) -> str | None:
    """
    The address that the provider has verified, in small letters.

    Whoever says that it is verified must say which one: two sources may know two of them.
    """
    said = next((s["email"] for s in sources if s.get("email") is not None), None)
    email = read_email(said) if isinstance(said, str) else None
    if email is None:
        return None
    told = [s["email_verified"] for s in sources if _knows(s, email)]
    # Cognito's user info says it as a text.
    is_verified = bool(told) and all(v is True or v == "true" for v in told)
    return email if is_verified else None


def _knows(source: Mapping[str, Any], email: str) -> bool:
    said = source.get("email")
    return (
        isinstance(said, str)
        and read_email(said) == email
        and "email_verified" in source
    )


def _read_groups(
    sources: Sequence[Claims], path: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """The groups of somebody. Whom the provider names none for has none: it may leave out the claim."""
    if path is None:
        return None
    found = next((v for s in sources if (v := find_path(s, path)) is not None), None)
    return read_words(found)
