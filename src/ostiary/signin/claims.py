"""
What a signed-in somebody may do, and which claims travel in headers. Pure.

Spec: oidc-plugin §7.2 (`*_required`: AND inside an element, OR between elements), §8.2.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ostiary.http.head import Fields
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import is_compact_jws, parse_header
from ostiary.jose.keys import KeySet
from ostiary.oidc.claims import Claims, find_path
from ostiary.oidc.rp.claims_sources import ToldClaims
from ostiary.signin.party import HeaderSource, Party, TokenHeader

_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")


_NO_CLAIMS: Claims = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """
    Everything known of who asks: tokens, the claims inside them, what the provider told of them.

    Which source counts first depends on the question (oidc-plugin §7.2, §7.3, §8.2).
    """

    access_token: str | None = field(repr=False)
    access_claims: Claims = field(repr=False)
    id_token: str | None = field(repr=False, default=None)
    id_claims: Claims = field(repr=False, default_factory=dict)
    refresh_token: str | None = field(repr=False, default=None)
    introspection: ToldClaims | None = field(repr=False, default=None)
    user_info: ToldClaims | None = field(repr=False, default=None)
    session_id: str | None = None

    @property
    def _told(self) -> tuple[Claims, Claims]:
        told, info = self.introspection, self.user_info
        return (
            _NO_CLAIMS if told is None else told.claims,
            _NO_CLAIMS if info is None else info.claims,
        )

    def find(self, path: tuple[str, ...]) -> object | None:
        """A claim for headers and credentials: access token, ID token, introspection, user info."""
        told, info = self._told
        return _first(path, self.access_claims, self.id_claims, told, info)

    def find_for_consumer(self, path: tuple[str, ...]) -> object | None:
        """A claim for consumer mapping: ID token, access token, introspection, user info."""
        told, info = self._told
        return _first(path, self.id_claims, self.access_claims, told, info)

    def find_required(self, path: tuple[str, ...]) -> object | None:
        """A claim that access depends on: access token, introspection, ID token, user info."""
        told, info = self._told
        return _first(path, self.access_claims, told, self.id_claims, info)

    @property
    def subject(self) -> str:
        """The sub claim, empty when there is none."""
        found = self.find(("sub",))
        return found if isinstance(found, str) else ""


def _first(path: tuple[str, ...], *sources: Claims) -> object | None:
    found = (find_path(claims, path) for claims in sources)
    return next((value for value in found if value is not None), None)


class Forbidden(Exception):
    """A requirement is not met; `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def read_values(value: object) -> frozenset[str]:
    """A claim as a set of words: a text is split on blanks, an array is taken as it is."""
    return frozenset(read_words(value))


def read_words(value: object) -> tuple[str, ...]:
    """A claim as a list of words, in its order: a text is split on blanks."""
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list):
        return tuple(str(v) for v in value if isinstance(v, str | int))
    return ()


def is_satisfied(required: Sequence[str], present: frozenset[str]) -> bool:
    """Tell whether one of the elements has all its words present."""
    return any(
        words and words <= present for words in (frozenset(r.split()) for r in required)
    )


def check_required(party: Party, identity: Identity) -> None:
    """
    Scopes, audience, groups, roles and domain that the configuration asks for, and claims it forbids.

    A credential that does not say its domain (`hd`) has none of those asked for (decision 0025).

    Raises:
        Forbidden: One is missing, or a forbidden claim is there.
    """
    config = party.config
    for what, required, path in (
        ("scopes", config.scopes_required, config.scopes_claim),
        ("audience", config.audience_required, config.audience_claim),
        ("groups", config.groups_required, config.groups_claim),
        ("roles", config.roles_required, config.roles_claim),
    ):
        if required and not is_satisfied(
            required, read_values(identity.find_required(path or ()))
        ):
            raise Forbidden(f"required {what} were not found")
    if config.domains and identity.find_required(("hd",)) not in config.domains:
        raise Forbidden("required domains were not found")
    for name in config.claims_forbidden or ():
        if identity.find_required((name,)) is not None:
            raise Forbidden(f"forbidden claim {name} was found")


def encode_header(value: object) -> bytes | None:
    """
    A claim as a header's value: plain text as it is, all else as base64 of JSON.

    A text with control signs (a header-splitting attack) or non-ASCII letters is base64 too.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int | float):
        return str(value).encode("ascii")
    if isinstance(value, str) and _HEADER_TEXT.fullmatch(value):
        return value.encode("ascii")
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return base64.b64encode(text.encode("utf-8", "replace"))


def _read_source(
    source: HeaderSource, identity: Identity, keys: KeySet | None
) -> object | None:
    """What a header of tokens shows: a text as it is, or claims."""
    told, info = identity.introspection, identity.user_info
    match source:
        case "access_token":
            return identity.access_token
        case "id_token":
            return identity.id_token
        case "refresh_token":
            return identity.refresh_token
        case "session_id":
            return identity.session_id
        case "introspection":
            return None if told is None else told.claims
        case "introspection_jwt":
            return None if told is None else told.jwt
        case "user_info":
            return None if info is None else info.claims
        case "user_info_jwt":
            return None if info is None else info.jwt
        case "access_token_jwk":
            return find_jwk(identity.access_token, keys)
        case "id_token_jwk":
            return find_jwk(identity.id_token, keys)


def find_jwk(token: str | None, keys: KeySet | None) -> dict[str, str] | None:
    """The key that signed a token, as a JWK; None where that is not certain."""
    if token is None or keys is None or not is_compact_jws(token):
        return None
    try:
        header = parse_header(token)
    except JoseError:
        return None
    fitting = keys.fitting(header.kid, header.alg)
    return fitting[0].to_jwk(header.alg) if len(fitting) == 1 else None


def build_fields(
    tokens: Sequence[TokenHeader],
    claims: Sequence[tuple[bytes, tuple[str, ...]]],
    identity: Identity,
    keys: KeySet | None = None,
) -> Fields:
    """
    The fields that carry tokens and claims. Absent values make no field.

    Args:
        keys: The provider's, where a field shows the key of a token.
    """
    found: list[tuple[bytes, bytes]] = []
    for header in tokens:
        value = _read_source(header.source, identity, keys)
        if value is None:
            continue
        text = f"Bearer {value}" if header.bearer and isinstance(value, str) else value
        if (encoded := encode_header(text)) is not None:
            found.append((header.name, encoded))
    for name, path in claims:
        value_bytes = encode_header(identity.find(path))
        if value_bytes is not None:
            found.append((name, value_bytes))
    return tuple(found)
