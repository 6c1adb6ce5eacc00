"""
Whether every client can tell the provider who it is, in the way that is configured for it.

Arrays shorter than `client_id` are fine, as in Kong: a client without an entry of its own takes the
first, and one without a secret is a public one. Only what is said of a client and cannot be done is
refused: a secret that is not there would silently make it a public client, and an algorithm that
does not fit would fail at the first sign-in.

Spec: oidc-plugin §2.3, §3.3, §14.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
_WITH_SECRET = ("client_secret_basic", "client_secret_post", "client_secret_jwt")
_GRANTS = frozenset({"authorization_code", "password", "refresh_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """
    What is configured about clients.

    `own` are the methods of endpoints that have one of their own; `used` are the endpoints that
    are asked as a configured client, which a caller's own client is not. That has its own secret,
    and signs with the first client's algorithm.
    """

    ids: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)
    methods: tuple[str, ...]
    algorithms: tuple[str, ...]
    has_keys: bool
    own: Mapping[str, str]
    used: frozenset[str]
    has_callers: bool


def find_used_endpoints(
    auth_methods: frozenset[str], *, refreshes: bool, revokes: bool
) -> frozenset[str]:
    """The endpoints that are asked as a configured client, for sessions too."""
    used = set()
    has_sessions = "session" in auth_methods
    if auth_methods & _GRANTS or (has_sessions and refreshes):
        used.add("token")
    if "introspection" in auth_methods:
        used.add("introspection")
    if has_sessions and revokes:
        used.add("revocation")
    return frozenset(used)


def describe_client_problems(clients: Clients) -> Iterator[str]:
    """What cannot work, each with the field and what to do."""
    yield from _describe_missing_secrets(clients)
    yield from dict.fromkeys(_describe_algorithms(clients))


def _describe_missing_secrets(clients: Clients) -> Iterator[str]:
    if not clients.ids:
        return  # only callers' own clients, with secrets of their own
    for endpoint in sorted(clients.own.keys() & clients.used):
        method = clients.own[endpoint]
        if method in _WITH_SECRET and not clients.secrets:
            yield (
                f"{endpoint}_endpoint_auth_method: {method} needs client_secret; "
                "set it, or use none for a public client"
            )
    if clients.used <= clients.own.keys():
        return
    for index, method in enumerate(clients.methods[: len(clients.ids)]):
        if method in _WITH_SECRET and index >= len(clients.secrets):
            yield (
                f"client_auth: {method} of client {clients.ids[index]} needs an entry in "
                "client_secret; set it, or use none for a public client"
            )


def _describe_algorithms(clients: Clients) -> Iterator[str]:
    places = len(clients.ids) or max(len(clients.methods), len(clients.algorithms))
    own = [clients.own[name] for name in clients.own.keys() & clients.used]
    lent = clients.has_callers and clients.own.get("token") == "client_secret_jwt"
    for index in range(places):
        alg = _pick(clients.algorithms, index)
        if alg is None:
            continue
        usual = _pick(clients.methods, index)
        callers = ["client_secret_jwt"] if lent and index == 0 else []
        for method in (usual, *own, *callers):
            if method == "client_secret_jwt" and not alg.startswith("HS"):
                yield (
                    f"client_alg: {alg} cannot sign for client_secret_jwt; "
                    "use HS256, HS384 or HS512 for this client"
                )
            # With client_jwk the key and the algorithm have been held together already.
            if (
                method == "private_key_jwt"
                and alg.startswith("HS")
                and not clients.has_keys
            ):
                yield (
                    f"client_alg: {alg} cannot sign for private_key_jwt; "
                    "use RS256 or another algorithm that is not HS for this client"
                )


def _pick(values: tuple[T, ...], index: int) -> T | None:
    """An entry of a parallel array; a shorter one gives its first."""
    if not values:
        return None
    return values[index] if index < len(values) else values[0]
