"""
What a signed-in somebody may do, and which claims travel in headers. Pure.

Spec: oidc-plugin §7.2 (`*_required`: AND inside an element, OR between elements), §8.2.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ostiary.http.head import Fields
from ostiary.oidc.claims import Claims, find_path
from ostiary.signin.party import Party, TokenHeader

_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Everything known of who asks: tokens, and the claims inside them."""

    access_token: str = field(repr=False)
    access_claims: Claims = field(repr=False)
    id_token: str | None = field(repr=False, default=None)
    id_claims: Claims = field(repr=False, default_factory=dict)
    session_id: str | None = None

    def find(self, path: tuple[str, ...]) -> object | None:
        """A claim: of the access token first, then of the ID token."""
        found = find_path(self.access_claims, path)
        return find_path(self.id_claims, path) if found is None else found

    @property
    def subject(self) -> str:
        """The sub claim, empty when there is none."""
        found = self.find(("sub",))
        return found if isinstance(found, str) else ""


class Forbidden(Exception):
    """A requirement is not met; `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def read_values(value: object) -> frozenset[str]:
    """A claim as a set of words: a text is split on blanks, an array is taken as it is."""
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(str(v) for v in value if isinstance(v, str | int))
    return frozenset()


def is_satisfied(required: Sequence[str], present: frozenset[str]) -> bool:
    """Tell whether one of the elements has all its words present."""
    return any(
        words and words <= present for words in (frozenset(r.split()) for r in required)
    )


def check_required(party: Party, identity: Identity) -> None:
    """
    Scopes, audience, groups and roles that the configuration asks for, and claims it forbids.

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
            required, read_values(identity.find(path or ()))
        ):
            raise Forbidden(f"required {what} were not found")
    for name in config.claims_forbidden or ():
        if identity.find((name,)) is not None:
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


def build_fields(
    tokens: Sequence[TokenHeader],
    claims: Sequence[tuple[bytes, tuple[str, ...]]],
    identity: Identity,
) -> Fields:
    """The fields that carry tokens and claims. Absent values make no field."""
    found: list[tuple[bytes, bytes]] = []
    sources: Mapping[str, str | None] = {
        "access_token": identity.access_token,
        "id_token": identity.id_token,
        "session_id": identity.session_id,
    }
    for header in tokens:
        token = sources[header.source]
        if token is not None:
            value = f"Bearer {token}" if header.bearer else token
            found.append((header.name, value.encode("ascii")))
    for name, path in claims:
        value_bytes = encode_header(identity.find(path))
        if value_bytes is not None:
            found.append((name, value_bytes))
    return tuple(found)
