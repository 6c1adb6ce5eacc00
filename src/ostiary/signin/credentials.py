"""
Who a request says it is: every place where a credential may be, in the fixed order of places.

Nothing is judged here. What was found remembers the argument or cookie that carried it, so that
it can be taken out of what goes upstream.

Spec: oidc-plugin §3.3 (choice of the client), §4.1 (precedence), §5 (look-up places).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from ostiary.http.challenge import parse_basic, parse_bearer
from ostiary.http.cookies import parse_cookies
from ostiary.http.head import find, find_all
from ostiary.signin.arguments import NO_ARGUMENTS, Arguments, body_kind
from ostiary.signin.party import TOKEN_ARGUMENT, TOKEN_METHODS, Party, header_of
from ostiary.signin.values import Allowed, SigninRequest

TOKEN_HEADERS = (b"access-token", b"x-access-token")
STANDARD_HEADER = "authorization:bearer"
_MAX_LENGTH = 16 * 1024
_USUAL_HEADERS = frozenset((b"authorization", *TOKEN_HEADERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What `hide_credentials` takes out besides header fields."""

    query: frozenset[str] = frozenset()
    body: frozenset[str] = frozenset()
    cookies: frozenset[str] = frozenset()
    headers: frozenset[bytes] = frozenset()

    def __or__(self, other: Hidden) -> Hidden:
        return Hidden(
            query=self.query | other.query,
            body=self.body | other.body,
            cookies=self.cookies | other.cookies,
            headers=self.headers | other.headers,
        )


NOTHING = Hidden()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value and where it was."""

    value: str = field(repr=False)
    hidden: Hidden = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A name and a secret: a user's, or a client's own."""

    name: str = field(repr=False)
    secret: str = field(repr=False)
    hidden: Hidden = NOTHING


def reads_body(request: SigninRequest, party: Party) -> bool:
    """Tell whether the body of this request may hold something we look for."""
    return bool(party.secret_body) and body_kind(request) is not None


def _look_up(
    request: SigninRequest,
    arguments: Arguments,
    name: str,
    places: Collection[str],
    headers: Sequence[bytes] = (),
) -> Found | None:
    """A value by its argument's name: header, query, body."""
    if "header" in places:
        for header in headers:
            values = find_all(request.fields, header)
            if len(values) == 1 and (text := _plain(values[0])):
                return Found(value=text, hidden=Hidden(headers=frozenset({header})))
    for place, pairs in (("query", arguments.query), ("body", arguments.body)):
        if place not in places:
            continue
        values_found = [value for key, value in pairs if key == name and value]
        if len(values_found) == 1 and len(values_found[0]) <= _MAX_LENGTH:
            names = frozenset({name})
            hidden = Hidden(query=names) if place == "query" else Hidden(body=names)
            return Found(value=values_found[0], hidden=hidden)
    return None


def _plain(value: bytes) -> str | None:
    """A header's value, a `Bearer ` before it dropped; None for what is no token."""
    token = parse_bearer(value)
    if token is not None:
        return token
    text = value.strip().decode("latin-1")
    if not text or not text.isascii() or " " in text or len(text) > _MAX_LENGTH:
        return None
    return text


def find_token(
    request: SigninRequest, party: Party, arguments: Arguments
) -> Found | None:
    """The access token of a request, in the places the configuration names."""
    config = party.config
    if not TOKEN_METHODS & party.methods:
        return None
    if len(find_all(request.fields, b"authorization")) > 1:
        return None  # two answers to "who are you" are none (T-H8)
    own = config.bearer_token_header_name
    if own is not None and own.lower() != STANDARD_HEADER:
        return _look_up(request, arguments, "", {"header"}, (header_of(own),))
    places = config.bearer_token_param_type or ()
    if "header" in places:
        token = parse_bearer(find(request.fields, b"authorization"))
        if token is not None:
            return Found(value=token)
    found = _look_up(request, arguments, TOKEN_ARGUMENT, places, TOKEN_HEADERS)
    if found is not None or "cookie" not in places:
        return found
    name = config.bearer_token_cookie_name
    cookies = parse_cookies(find_all(request.fields, b"cookie"))
    values = [value for key, value in cookies if key == name and value]
    if name is None or len(values) != 1:
        return None
    return Found(value=values[0], hidden=Hidden(cookies=frozenset({name})))


def find_id_token(
    request: SigninRequest, party: Party, arguments: Arguments
) -> Found | None:
    """An ID token that came along with an access token."""
    return _find_named(
        request,
        arguments,
        party.config.id_token_param_name,
        party.config.id_token_param_type,
    )


def find_refresh_token(
    request: SigninRequest, party: Party, arguments: Arguments
) -> Found | None:
    """The refresh token of a request; there is none until its parameter has a name."""
    if "refresh_token" not in party.methods:
        return None
    return _find_named(
        request,
        arguments,
        party.config.refresh_token_param_name,
        party.config.refresh_token_param_type,
    )


def _find_named(
    request: SigninRequest,
    arguments: Arguments,
    name: str | None,
    places: Collection[str] | None,
) -> Found | None:
    if name is None:
        return None
    return _look_up(request, arguments, name, places or (), (header_of(name),))


def find_user(
    request: SigninRequest, party: Party, arguments: Arguments
) -> Pair | None:
    """A user's name and password: Basic, or the arguments `username` and `password`."""
    if "password" not in party.methods:
        return None
    places = party.config.password_param_type or ()
    return _find_pair(request, arguments, places, ("username", "password"))


def find_machine(
    request: SigninRequest, party: Party, arguments: Arguments
) -> Pair | None:
    """The caller's own client: Basic, or the arguments `client_id` and `client_secret`."""
    if "client_credentials" not in party.methods:
        return None
    places = party.config.client_credentials_param_type or ()
    return _find_pair(request, arguments, places, ("client_id", "client_secret"))


def _find_pair(
    request: SigninRequest,
    arguments: Arguments,
    places: Collection[str],
    names: tuple[str, str],
) -> Pair | None:
    if "header" in places:
        values = find_all(request.fields, b"authorization")
        pair = parse_basic(values[0]) if len(values) == 1 else None
        if pair is not None:
            return Pair(name=pair[0], secret=pair[1])
    for place in ("query", "body"):
        if place not in places:
            continue
        one, two = (_look_up(request, arguments, name, {place}) for name in names)
        if one is not None and two is not None:
            return Pair(
                name=one.value, secret=two.value, hidden=one.hidden | two.hidden
            )
    return None


def choose_client(request: SigninRequest, party: Party, arguments: Arguments) -> int:
    """
    The index of the client that a request asks for; the first for unknown ones.

    Spec: oidc-plugin §3.3: header, query, body; a client id, or its place counted from 1.
    """
    if len(party.clients) < 2:
        return 0
    name = party.config.client_arg
    plain = header_of(name)
    headers = (
        (b"x-client-id", b"client-id")
        if name == "client_id"
        else (b"x-" + plain, plain)
    )
    places = ("header", "query", "body")
    found = _look_up(request, arguments, name, places, headers)
    if found is None:
        return 0
    for index, client in enumerate(party.clients):
        if client.client_id == found.value:
            return index
    if found.value.isdecimal() and len(found.value) < 6:
        index = int(found.value) - 1
        return index if 0 <= index < len(party.clients) else 0
    return 0


def hide(
    allowed: Allowed,
    request: SigninRequest,
    party: Party,
    hidden: Hidden,
    arguments: Arguments = NO_ARGUMENTS,
) -> Allowed:
    """
    The answer that takes the credentials used out of what goes upstream.

    A secret in an argument goes even where another place counted, or where the arguments are too
    many or too broken to be looked at: the upstream's log is no place for it.

    Args:
        hidden: Where the credential was.
        arguments: With the body's, where it was read.
    """
    if not party.config.hide_credentials:
        return allowed
    query = hidden.query
    if request.target.query is not None:
        query |= party.secret_query
    body = hidden.body
    if party.secret_body:
        body |= party.secret_body.intersection(name for name, _ in arguments.body)
    if not query and not body and hidden is NOTHING:
        return allowed
    new_body = None
    if body and arguments.kind is not None:
        new_body = arguments.body_without(body)
    return replace(
        allowed,
        strip_query=(*allowed.strip_query, *query),
        strip_cookies=hidden.cookies,
        clear=hidden.headers - _USUAL_HEADERS,
        new_body=new_body,
    )
