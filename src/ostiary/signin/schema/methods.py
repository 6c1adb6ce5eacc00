"""
Authentication methods, where credentials are looked for, and clients.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, NonEmpty, one_of
from ostiary.signin.schema.kinds import (
    METHODS,
    SECRET,
    ClientJwk,
    Method,
    Url,
)
from ostiary.signin.schema.names import TokenLookUp


class MethodsFields(Entity):
    """Authentication methods, where credentials are looked for, and clients."""

    auth_methods: Annotated[tuple[Method, ...] | None, LIST] = Field(
        METHODS, description="Enabled credential types."
    )
    bearer_token_param_type: Annotated[
        tuple[Annotated[str, one_of("header", "cookie", "query", "body")], ...] | None,
        LIST,
    ] = Field(
        ("header", "query", "body"), description="Places searched for a bearer token."
    )
    bearer_token_cookie_name: NonEmpty | None = Field(
        None,
        description="Cookie holding the bearer token (only with param type cookie).",
    )
    bearer_token_header_name: TokenLookUp | None = Field(
        None,
        description="If set (min length 1) only this header is inspected for the bearer token.",
    )
    client_credentials_param_type: Annotated[
        tuple[Annotated[str, one_of("header", "query", "body")], ...] | None, LIST
    ] = Field(
        ("header", "query", "body"),
        description="header: Authorization: Basic; query/body: arguments client_id and client_secret.",
    )
    password_param_type: Annotated[
        tuple[Annotated[str, one_of("header", "query", "body")], ...] | None, LIST
    ] = Field(
        ("header", "query", "body"),
        description="header: Authorization: Basic; query/body: arguments username and password.",
    )
    refresh_token_param_type: Annotated[
        tuple[Annotated[str, one_of("header", "query", "body")], ...] | None, LIST
    ] = Field(
        ("header", "query", "body"),
        description="Places searched for the refresh token; needs refresh_token_param_name.",
    )
    refresh_token_param_name: NonEmpty | None = Field(
        None, description="Argument/header name of the refresh token."
    )
    id_token_param_type: Annotated[
        tuple[Annotated[str, one_of("header", "query", "body")], ...] | None, LIST
    ] = Field(
        ("header", "query", "body"),
        description="Places searched for an ID token sent along with an access token.",
    )
    id_token_param_name: NonEmpty | None = Field(
        None, description="Argument/header name for that ID token."
    )
    refresh_tokens: bool = Field(
        True,
        description="Refresh an expired / soon-expiring access token automatically when the plugin holds a refresh token.",
    )
    run_on_preflight: bool = Field(
        True, description="false = let every OPTIONS request pass untouched."
    )
    hide_credentials: bool = Field(
        True,
        description="Strip the credentials that were actually used from the proxied request.",
    )
    preserve_query_args: bool = Field(
        False,
        description="Carry the original query string over the authorization-code round trip.",
    )
    client_id: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Client ids."
    )
    client_secret: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None,
        description="Client secrets, parallel to client_id.",
        json_schema_extra=SECRET,
    )
    client_auth: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "client_secret_basic",
                    "client_secret_post",
                    "client_secret_jwt",
                    "private_key_jwt",
                    "tls_client_auth",
                    "self_signed_tls_client_auth",
                    "none",
                ),
            ],
            ...,
        ]
        | None,
        LIST,
    ] = Field(
        None, description="Default auth method of each client at the IdP endpoints."
    )
    client_jwk: Annotated[tuple[ClientJwk, ...] | None, LIST] = Field(
        None,
        description="Private JWK per client for private_key_jwt; without one the node's own keys sign.",
        json_schema_extra=SECRET,
        repr=False,
    )
    client_alg: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "HS256",
                    "HS384",
                    "HS512",
                    "RS256",
                    "RS384",
                    "RS512",
                    "ES256",
                    "ES384",
                    "ES512",
                    "PS256",
                    "PS384",
                    "PS512",
                    "EdDSA",
                ),
            ],
            ...,
        ]
        | None,
        LIST,
    ] = Field(None, description="Signature algorithm per client.")
    client_arg: NonEmpty = Field(
        "client_id",
        description="Request argument by which the caller picks the client.",
    )
    redirect_uri: Annotated[tuple[Url, ...] | None, LIST] = Field(
        None,
        description="Redirect URI sent to the authorization endpoint and, for the code grant only, the token endpoint.",
    )
    login_redirect_uri: Annotated[tuple[Url, ...] | None, LIST] = Field(
        None, description="Target when login_action=redirect."
    )
    logout_redirect_uri: Annotated[tuple[Url, ...] | None, LIST] = Field(
        None,
        description="Where the browser ends after logout / value of post_logout_redirect_uri.",
    )
    unauthorized_redirect_uri: Annotated[tuple[Url, ...] | None, LIST] = Field(
        None, description="302 target used instead of a 401 body."
    )
    forbidden_redirect_uri: Annotated[tuple[Url, ...] | None, LIST] = Field(
        None, description="302 target used instead of a 403 body."
    )
    unexpected_redirect_uri: Annotated[tuple[Url, ...] | None, LIST] = Field(
        None, description="302 target used instead of a 500 body."
    )
    tls_client_auth_cert_id: NonEmpty | None = Field(
        None,
        description="UUID (plain string, not an array) of a Certificate entity presented to the IdP for tls_client_auth / self_signed_tls_client_auth.",
    )
    tls_client_auth_ssl_verify: bool = Field(
        True, description="Verify the IdP server certificate on those mTLS connections."
    )
