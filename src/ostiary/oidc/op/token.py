"""
The token endpoint's judgements: which grant, and whether it may be redeemed.

Spec: RFC 6749 §4.1.3, §5.2, §6; RFC 7636 §4.6; RFC 9700 §4.14.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from ostiary.oidc.op.client import Client
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
    }
)
GrantType = Literal["authorization_code", "refresh_token"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedRefreshToken:
    """What was remembered when the refresh token was issued."""

    client_id: str
    expires_at: float
    revoked: bool


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
            raise TokenRefused("unauthorized_client", "no client_credentials flow")
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


def check_refresh_token(
    issued: IssuedRefreshToken, client: Client, *, now: float
) -> None:
    """
    Whether a refresh token may be used.

    Spec: RFC 6749 §6.

    Raises:
        TokenRefused: invalid_grant, whichever check failed.
    """
    if issued.client_id != client.id:
        raise TokenRefused("invalid_grant", "the refresh token is another client's")
    if issued.revoked:
        raise TokenRefused("invalid_grant", "the refresh token was revoked")
    if now >= issued.expires_at:
        raise TokenRefused("invalid_grant", "the refresh token has expired")
