"""
The authorization, token, introspection and user-info endpoints.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, NonEmpty, one_of
from ostiary.signin.schema.kinds import (
    SECRET,
    Seconds,
    Url,
)
from ostiary.signin.schema.names import AnyHeader, HeaderPrefix


class EndpointsFields(Entity):
    """The authorization, token, introspection and user-info endpoints."""

    authorization_endpoint: Url | None = Field(
        None, description="Overrides the discovered value."
    )
    pushed_authorization_request_endpoint: Url | None = Field(
        None, description="Overrides the discovered PAR endpoint."
    )
    pushed_authorization_request_endpoint_auth_method: (
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
        ]
        | None
    ) = Field(None, description="Client auth method at the PAR endpoint.")
    require_pushed_authorization_requests: bool | None = Field(
        None, description="Tri-state."
    )
    require_proof_key_for_code_exchange: bool | None = Field(
        None, description="Tri-state."
    )
    require_signed_request_object: bool | None = Field(None, description="Tri-state.")
    response_type: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("code",), description="Sent joined with spaces."
    )
    response_mode: Annotated[
        str,
        one_of(
            "query",
            "form_post",
            "fragment",
            "query.jwt",
            "form_post.jwt",
            "fragment.jwt",
            "jwt",
        ),
    ] = Field("query", description="How the IdP must return the response.")
    scopes: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("openid",),
        description="Scopes sent (space-joined) to the authorization and token endpoints.",
    )
    audience: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="audience parameter for the authorization endpoint."
    )
    authorization_query_args_names: Annotated[tuple[NonEmpty, ...] | None, LIST] = (
        Field(None, description="Names of fixed extra query arguments.")
    )
    authorization_query_args_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = (
        Field(None, description="Their values.")
    )
    authorization_query_args_client: Annotated[tuple[NonEmpty, ...] | None, LIST] = (
        Field(
            None, description="Names of arguments copied from the client request (e.g."
        )
    )
    max_age: Seconds | None = Field(
        None, description="Upper bound in seconds on now - auth_time (leeway applies)."
    )
    domains: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Allowed values of the hd claim (Google hosted domain)."
    )
    token_endpoint: Url | None = Field(
        None, description="Overrides the discovered value."
    )
    token_endpoint_auth_method: (
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
        ]
        | None
    ) = Field(
        None,
        description="Client auth at this endpoint; wins over client_auth and discovery.",
    )
    mtls_token_endpoint: NonEmpty | None = Field(
        None,
        description="mTLS alias of the token endpoint; wins over discovery's mtls_endpoint_aliases.",
    )
    token_headers_names: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None, description="Fixed extra request headers, parallel to _values."
    )
    token_headers_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Their values."
    )
    token_headers_client: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None, description="Header names copied from the client request."
    )
    token_headers_replay: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None,
        description="Token endpoint response headers copied to the client response.",
    )
    token_headers_prefix: HeaderPrefix | None = Field(
        None, description="Prefix put before the replayed header names."
    )
    token_headers_grants: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "password",
                    "client_credentials",
                    "authorization_code",
                    "refresh_token",
                ),
            ],
            ...,
        ]
        | None,
        LIST,
    ] = Field(None, description="Restrict replay to these grants (unset = all).")
    token_post_args_names: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Fixed extra form arguments, parallel to _values."
    )
    token_post_args_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Their values."
    )
    token_post_args_client: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None,
        description="Argument names the client may supply through query string, request body or request header; forwarded in the form (e.g.",
    )
    token_cache_key_include_scope: bool = Field(
        False, description="Make the scope part of the token cache key."
    )
    introspection_endpoint: Url | None = Field(
        None, description="Overrides the discovered value."
    )
    introspection_endpoint_auth_method: (
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
        ]
        | None
    ) = Field(None, description="Client auth at this endpoint.")
    mtls_introspection_endpoint: NonEmpty | None = Field(
        None, description="mTLS alias."
    )
    introspection_hint: NonEmpty = Field(
        "access_token", description="token_type_hint value."
    )
    introspection_token_param_name: NonEmpty = Field(
        "token", description="Name of the form argument that carries the token."
    )
    introspection_check_active: bool = Field(True, description="Require active: true.")
    introspection_accept: Annotated[
        str,
        one_of(
            "application/json", "application/token-introspection+jwt", "application/jwt"
        ),
    ] = Field(
        "application/json",
        description="Accept header; the two JWT types ask for a signed introspection response.",
    )
    introspection_headers_names: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None,
        description="Fixed extra headers, parallel to _values; may override Authorization.",
    )
    introspection_headers_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Their values.", json_schema_extra=SECRET
    )
    introspection_headers_client: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None, description="Header names copied from the client request."
    )
    introspection_post_args_names: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Fixed extra form arguments, parallel to _values."
    )
    introspection_post_args_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = (
        Field(None, description="Their values.")
    )
    introspection_post_args_client: Annotated[tuple[NonEmpty, ...] | None, LIST] = (
        Field(None, description="Arguments copied from the client's request arguments.")
    )
    introspection_post_args_client_headers: Annotated[
        tuple[AnyHeader, ...] | None, LIST
    ] = Field(None, description="Client request headers copied into the form.")
    introspect_jwt_tokens: bool = Field(
        False,
        description="Also introspect JWT access tokens (revocation check), not only opaque ones.",
    )
    userinfo_endpoint: Url | None = Field(
        None, description="Overrides the discovered value."
    )
    userinfo_accept: Annotated[str, one_of("application/json", "application/jwt")] = (
        Field(
            "application/json",
            description="Accept header; application/jwt asks for a signed user-info JWT.",
        )
    )
    userinfo_headers_names: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None, description="Fixed extra headers, parallel to _values."
    )
    userinfo_headers_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Their values."
    )
    userinfo_headers_client: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None, description="Header names copied from the client request."
    )
    userinfo_query_args_names: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Fixed extra query arguments, parallel to _values."
    )
    userinfo_query_args_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Their values."
    )
    userinfo_query_args_client: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Arguments copied from the client request."
    )
    search_user_info: bool = Field(
        False,
        description="Call user info to find claims for consumer mapping, credential, groups and header mapping when they are in no other source (extra round trip, cacheable).",
    )
