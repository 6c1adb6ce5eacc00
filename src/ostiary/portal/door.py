"""
The portal's door: sign-in at the provider, carried out for pages and for the portal's API.

Nothing about OpenID Connect is decided here: `signin` does that, as it does for the plugin. What is
the portal's own is where the request is, which address browsers know it by, and which claim tells
who a developer is.

Spec: portal §§2.1-2.5; decisions D4, D6, D9, D15.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from ostiary.http.head import Fields, find
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.http.url import split_host
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import is_compact_jws, read_unverified_claims
from ostiary.oidc.claims import Claims, find_path
from ostiary.portal.config import CLAIM_HEADER, VERIFIED_HEADER, Portal
from ostiary.ports.body import BodyTooLarge
from ostiary.ports.session_store import StorePlace
from ostiary.signin.authenticate import Signin
from ostiary.signin.party import Party, compile_party
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Allowed, Refused, SigninRequest, Step
from ostiary.web.body import BodyTooLarge as BodyTooLong
from ostiary.web.body import read_body

# Where sessions lie that no Redis is named for: the node's own database.
OWN_PLACE: Final = StorePlace(host="", port=0)
_KEPT_PARTIES: Final = 256
# By this the gateway knows what no upstream may see (`http.cookies.OWN_PREFIXES`).
COOKIE_PREFIX: Final = "ostiary-portal-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """
    Somebody whom the provider knows. `value` is the claim that developers are known by.

    `is_verified` is whether the provider has verified their address, None where it does not say;
    `name` is what it calls them. Whoever signed in at the portal itself is known by
    `developer_id`, as long as the developer's epoch is that of the session.
    """

    value: str | None
    name: str | None
    is_verified: bool | None
    session_id: str
    expires_at: float | None = None
    developer_id: str | None = None
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a request's cookies say, and the fields that its answer must carry."""

    who: SignedIn | None = None
    fields: Fields = field(default=(), repr=False)


class DoorClosed(Exception):
    """Whether somebody is signed in cannot be known now (D6)."""

    code = "door_closed"


class _Body:
    """A request's body, as sign-in reads it."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def read(self, limit: int) -> bytes:
        try:
            return await read_body(self._request, limit)
        except BodyTooLong as error:
            raise BodyTooLarge(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parties:
    """One portal's relying party: that which signs in, and the same that only reads sessions."""

    entrance: Party
    reader: Party


class Door:
    """Signs developers in and out, and tells who is signed in."""

    def __init__(self, signin: Signin) -> None:
        self._signin = signin
        self._known: OrderedDict[str, tuple[OpenidConnectConfig, _Parties]] = (
            OrderedDict()
        )

    async def enter(self, request: Request, portal: Portal) -> Step:
        """
        Answer a request to the API's `/auth`: begin a sign-in, end one, or sign out.

        Raises:
            DoorClosed: The portal has no sign-in.
            AmbiguousTarget: The request's path can be read in two ways.
        """
        parties = self._parties(portal)
        return await self._signin.authenticate(
            _build_request(request, portal), parties.entrance
        )

    async def read(self, request: Request, portal: Portal) -> Read:
        """
        Who is signed in.

        Raises:
            DoorClosed: It cannot be known now.
        """
        if portal.oidc is None:
            return Read()
        try:
            built = _build_request(request, portal, reads_only=True)
        except AmbiguousTarget:
            return Read()
        step = await self._signin.authenticate(built, self._parties(portal).reader)
        if isinstance(step, Allowed) and step.session is not None:
            cookies = tuple(
                f for f in step.downstream_fields if f[0].lower() == b"set-cookie"
            )
            return Read(who=_read_who(step, portal), fields=cookies)
        if isinstance(step, Refused) and step.status >= 500:
            raise DoorClosed(step.detail)
        fields = step.fields if isinstance(step, Refused) else ()
        return Read(fields=tuple(f for f in fields if f[0].lower() == b"set-cookie"))

    async def read_newcomer(
        self, request: Request, portal: Portal, set_now: Fields
    ) -> Read:
        """
        Who has just signed in: whoever the browser will be with the cookies that it is given now.

        Raises:
            DoorClosed: It cannot be known now.
        """
        jar = [v.partition(b";")[0] for n, v in set_now if n.lower() == b"set-cookie"]
        kept = b"; ".join(pair for pair in jar if not pair.endswith(b"="))
        fields = [f for f in request.headers.raw if f[0].lower() != b"cookie"]
        scope = {**request.scope, "headers": [*fields, (b"cookie", kept)]}
        return await self.read(Request(scope), portal)

    def _parties(self, portal: Portal) -> _Parties:
        if portal.oidc is None:
            raise DoorClosed(portal.problem or "the portal has no sign-in")
        known = self._known.get(portal.id)
        if known is not None and known[0] == portal.oidc:
            self._known.move_to_end(portal.id)
            return known[1]
        entrance = _place(
            compile_party(
                portal.oidc, f"portal:{portal.id}", cookie_prefix=COOKIE_PREFIX
            )
        )
        reader = replace(entrance, methods=frozenset({"session"}))
        parties = _Parties(entrance=entrance, reader=reader)
        self._known[portal.id] = (portal.oidc, parties)
        while len(self._known) > _KEPT_PARTIES:
            self._known.popitem(last=False)
        return parties


def _place(party: Party) -> Party:
    """Sessions are kept here, not in cookies, unless a Redis is named for them."""
    return party if party.store is not None else replace(party, store=OWN_PLACE)


def _build_request(
    request: Request, portal: Portal, *, reads_only: bool = False
) -> SigninRequest:
    """
    A request as sign-in takes it. Its origin is the configured one, whatever the Host says.

    Raises:
        AmbiguousTarget: Its path can be read in two ways.
    """
    api = urlsplit(portal.api)
    host, port = split_host(api.netloc)
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    path = b"/" if reads_only else raw.partition(b"?")[0]
    target = parse_target(path if reads_only or not query else path + b"?" + query)
    prefix = f"{api.path}/auth"
    if not reads_only:
        # A proxy in front may serve the API below a path of its own.
        target = replace(target, path=prefix, raw_path=prefix)
    return SigninRequest(
        method=b"GET" if reads_only else request.method.encode("ascii", "replace"),
        target=target,
        fields=tuple(request.headers.raw),
        scheme=api.scheme,
        host=host,
        port=port,
        route_prefix=prefix,
        request_id=request.headers.get("x-request-id", "")[:64],
        client_ip=request.client.host if request.client else "",
        body=_Body(request),
    )


def _read_who(step: Allowed, portal: Portal) -> SignedIn:
    assert step.session is not None
    claims = _read_claims(step.session.id_token)
    told: Mapping[bytes, bytes] = {k.lower(): v for k, v in step.upstream_fields}
    value = find_path(claims, portal.claim)
    if value is None:
        said = find(step.upstream_fields, CLAIM_HEADER.encode())
        value = said.decode("ascii", "replace") if said else None
    verified = claims.get("email_verified")
    if verified is None:
        said = told.get(VERIFIED_HEADER.encode())
        verified = None if said is None else said.decode("ascii", "replace")
    name = next(
        (claims[n] for n in ("name", "given_name") if isinstance(claims.get(n), str)),
        None,
    )
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return SignedIn(
        value=str(value) if is_text else None,
        name=name if isinstance(name, str) else None,
        # Cognito's user info says it as a text.
        is_verified=None
        if verified is None
        else verified is True or verified == "true",
        session_id=step.session.id,
        expires_at=step.session.expires_at,
    )


def _read_claims(id_token: str | None) -> Claims:
    """The claims of an ID token that was verified when the session began."""
    if id_token is None or not is_compact_jws(id_token):
        return {}
    try:
        return read_unverified_claims(id_token)
    except JoseError:
        return {}
