"""
The token endpoint's judgements: which grant, and whether it may be redeemed.

What a refresh token stands for is judged where it is kept (`userpool.auth.refreshing`).

Spec: RFC 6749 §4.1.3, §4.4, §5.2; RFC 7636 §4.6; RFC 9700 §4.14.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, Literal

from ostiary.oidc.op.client import Client, is_custom_scope
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.op.parameters import Parameters
from ostiary.oidc.op.pkce import is_verified

CODE_LIFETIME_S: Final = 300
_PARAMETERS: Final = frozenset(
    {
        "grant_type",
        "code",
        "redirect_uri",
        "client_id",
        "client_secret",
        "code_verifier",
        "refresh_token",
        "scope",
        "token",
        "token_type_hint",
        "aws_client_metadata",
    }
)
GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExchange:
    """A code brought to the token endpoint, with what it must match."""

    code: str = field(repr=False)
    redirect_uri: str
    code_verifier: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """What was remembered when the code was issued. `first`: nobody used it before."""

    client_id: str
    redirect_uri: str
    code_challenge: str | None = field(repr=False)
    expires_at: float
    first: bool


def check_once(parameters: Parameters) -> None:
    """
    Refuse a request that gives a parameter of the protocol twice.

    Spec: RFC 6749 §3.2.
    """
    twice = sorted(parameters.repeated & _PARAMETERS)
    if twice:
        raise TokenRefused("invalid_request", f"{twice[0]} is given twice")


def read_grant_type(parameters: Parameters, client: Client) -> GrantType:
    """
    The grant that is asked for, if the client may use it.

    Raises:
        TokenRefused: invalid_request, unsupported_grant_type or unauthorized_client.
    """
    match parameters.get("grant_type"):
        case None:
            raise TokenRefused("invalid_request", "grant_type is missing")
        case "authorization_code":
            if "code" not in client.flows:
                raise TokenRefused("unauthorized_client", "no code flow")
            return "authorization_code"
        case "refresh_token":
            return "refresh_token"
        case "client_credentials":
            # A public client proves nothing, so it has no tokens of its own.
            if "client_credentials" not in client.flows or not client.secrets:
                raise TokenRefused("unauthorized_client", "no client_credentials flow")
            return "client_credentials"
        case _:
            raise TokenRefused("unsupported_grant_type", "unknown grant_type")


def read_needed(parameters: Parameters, name: str) -> str:
    """
    A parameter that the request cannot do without.

    Raises:
        TokenRefused: invalid_request when it is missing.
    """
    value = parameters.get(name)
    if value is None:
        raise TokenRefused("invalid_request", f"{name} is missing")
    return value


def read_code_exchange(parameters: Parameters) -> CodeExchange:
    """
    The code exchange that a request asks for.

    Raises:
        TokenRefused: invalid_request when code or redirect_uri is missing.
    """
    return CodeExchange(
        code=read_needed(parameters, "code"),
        redirect_uri=read_needed(parameters, "redirect_uri"),
        code_verifier=parameters.get("code_verifier"),
    )


def check_code(
    issued: IssuedCode, exchange: CodeExchange, client: Client, *, now: float
) -> None:
    """
    Whether a code may be exchanged.

    Spec: RFC 6749 §4.1.3, RFC 7636 §4.6.

    Raises:
        TokenRefused: invalid_grant, whichever check failed.
    """
    if not issued.first:
        raise TokenRefused("invalid_grant", "the code was used before")
    if now >= issued.expires_at:
        raise TokenRefused("invalid_grant", "the code has expired")
    if issued.client_id != client.id:
        raise TokenRefused("invalid_grant", "the code is another client's")
    if issued.redirect_uri != exchange.redirect_uri:
        raise TokenRefused("invalid_grant", "redirect_uri differs")
    if not is_verified(
        verifier=exchange.code_verifier, challenge=issued.code_challenge
    ):
        raise TokenRefused("invalid_grant", "PKCE failed")


def read_client_scopes(
    parameters: Parameters, client: Client, living: frozenset[str]
) -> tuple[str, ...]:
    """
    The scopes of a client's own token: those asked for, else all that it may have.

    Only scopes of resource servers count. One that its server no longer has is left out.

    Spec: RFC 6749 §3.3, §4.4.2.

    Args:
        living: The scopes that the pool's resource servers have.

    Raises:
        TokenRefused: invalid_scope for one that the client does not have, invalid_grant
            where none is left.
    """
    asked = (parameters.get("scope") or "").split()
    may_have = [s for s in client.scopes if is_custom_scope(s)]
    if not set(asked) <= set(may_have):
        raise TokenRefused("invalid_scope", "a scope is not the client's")
    scopes = tuple(s for s in dict.fromkeys(asked or may_have) if s in living)
    if not scopes:
        raise TokenRefused("invalid_grant", "the client has no scope")
    return scopes


def read_client_metadata(parameters: Parameters) -> dict[str, str]:
    """
    What a client wants its pool's trigger to know: a JSON object of texts.

    Raises:
        TokenRefused: invalid_request when it is something else.
    """
    text = parameters.get("aws_client_metadata")
    if text is None:
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TokenRefused("invalid_request", "the metadata is not JSON") from error
    if not isinstance(given, dict) or not all(
        isinstance(value, str) for value in given.values()
    ):
        raise TokenRefused("invalid_request", "the metadata is no object of texts")
    return given
