"""
What happens when somebody has signed in: the login action and the tokens it hands out.

Spec: oidc-plugin §9.5, §9.6.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ostiary.http.forms import add_query, build_form, remove_arguments
from ostiary.http.head import Fields
from ostiary.oidc.claims import Claims
from ostiary.oidc.rp.tokens import TokenSet
from ostiary.signin import refusals
from ostiary.signin.party import Party
from ostiary.signin.values import Respond, SendAway

TOKEN_NAMES = ("id_token", "access_token", "refresh_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """
    A sign-in that succeeded.

    `url` is what was asked for, on the origin that the browser sees; `fields` are set already.
    """

    party: Party
    method: str
    client: int
    tokens: TokenSet = field(repr=False)
    introspection: Claims | None = field(default=None, repr=False)
    url: str
    fields: Fields = field(default=(), repr=False)


def run_login_action(who: SignedIn, *, now: float) -> Respond | SendAway | None:
    """The reply of `login_action`; None where the request goes on to the upstream."""
    config = who.party.config
    if who.method not in (config.login_methods or ()):
        return None
    fields = (*who.fields, refusals.NO_STORE)
    match config.login_action:
        case "response":
            body = json.dumps(_document(who, now)).encode()
            return Respond(body=body, fields=fields)
        case "redirect":
            return SendAway(
                status=303, location=_location(who), why="login_action", fields=fields
            )
        case _:
            return None


def _listed(who: SignedIn) -> dict[str, str]:
    tokens = {name: getattr(who.tokens, name) for name in TOKEN_NAMES}
    wanted = who.party.config.login_tokens or ()
    return {n: tokens[n] for n in wanted if tokens.get(n) is not None}


def _document(who: SignedIn, now: float) -> dict[str, object]:
    """Kong's order: the whole token reply, else the introspection result, else what is listed."""
    wanted = who.party.config.login_tokens or ()
    if "tokens" in wanted:
        named = ((n, getattr(who.tokens, n)) for n in TOKEN_NAMES)
        found: dict[str, object] = {n: token for n, token in named if token is not None}
        found |= {"token_type": "Bearer"}
        if who.tokens.expires_at is not None:
            found["expires_in"] = max(0, int(who.tokens.expires_at - now))
        return found
    if "introspection" in wanted and who.introspection is not None:
        return dict(who.introspection)
    return dict(_listed(who))


def _location(who: SignedIn) -> str:
    config = who.party.config
    client = who.party.client(who.client)
    location = client.login_redirect_uri if client is not None else None
    if location is None:
        location, _, query = who.url.partition("?")
        kept = remove_arguments(query, who.party.secret_query)
        if kept is not None and config.preserve_query_args:
            location = f"{location}?{kept}"
    pairs = [*_listed(who).items()]
    if not pairs:
        return location
    if config.login_redirect_mode == "query":
        return add_query(location, pairs)
    return f"{location.partition('#')[0]}#{build_form(pairs)}"
