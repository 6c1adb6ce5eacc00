"""
How a client proves itself at the back-channel endpoints: HTTP Basic, the body, or not at all.

Spec: RFC 6749 §2.3.1, §3.2.1.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote

from ostiary.oidc.op.client import Client, is_one_of
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.op.parameters import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who a client says it is, and the secret it brought."""

    client_id: str
    secret: str | None = field(default=None, repr=False)
    by_header: bool = False


def _parse_basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise TokenRefused("invalid_client", "the Authorization scheme is not Basic")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError as error:
        raise TokenRefused("invalid_client", "Basic is not base64 of UTF-8") from error
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise TokenRefused("invalid_client", "Basic holds no colon")
    # Not unquote_plus: secrets may hold '+', which clients send as it is.
    return unquote(client_id), unquote(secret)


def read_credentials(authorization: str | None, parameters: Parameters) -> Credentials:
    """
    The client's credentials, from exactly one place.

    Raises:
        TokenRefused: invalid_request when there are none or two kinds, invalid_client when
            they cannot be read or disagree.
    """
    in_body = parameters.get("client_id")
    secret = parameters.get("client_secret")
    if authorization is None:
        if in_body is None:
            raise TokenRefused("invalid_request", "client_id is missing")
        return Credentials(client_id=in_body, secret=secret)
    if secret is not None:
        raise TokenRefused("invalid_request", "client_secret besides Authorization")
    client_id, password = _parse_basic(authorization)
    if in_body not in {None, client_id}:
        raise TokenRefused("invalid_client", "client_id differs from Authorization")
    return Credentials(client_id=client_id, secret=password or None, by_header=True)


def check_client(client: Client | None, credentials: Credentials) -> Client:
    """
    The client that the credentials prove.

    Raises:
        TokenRefused: invalid_client when they do not.
    """
    if client is None:
        raise TokenRefused("invalid_client", "unknown client")
    if not client.secrets:
        if credentials.secret is not None:
            raise TokenRefused("invalid_client", "a public client brought a secret")
        return client
    if credentials.secret is None:
        raise TokenRefused("invalid_client", "a confidential client brought no secret")
    if not is_one_of(credentials.secret, client.secrets):
        raise TokenRefused("invalid_client", "wrong secret")
    return client
