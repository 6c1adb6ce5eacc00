"""
Consumers, credentials, and the headers made of claims.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, NonEmpty, one_of
from ostiary.model.row import NotYet
from ostiary.signin.schema.kinds import (
    ClaimHeader,
)
from ostiary.signin.schema.names import SetHeader, TokenHeaderName


class IdentityFields(Entity):
    """Consumers, credentials, and the headers made of claims."""

    consumer_claims: Annotated[
        tuple[Annotated[tuple[NonEmpty, ...], LIST], ...] | None, LIST
    ] = Field(
        None,
        description="List of claim paths, tried in order; the first one present is used.",
    )
    consumer_by: Annotated[
        tuple[Annotated[str, one_of("id", "username", "custom_id")], ...] | None, LIST
    ] = Field(
        ("username", "custom_id"),
        description="Consumer attributes tried in order for the claim value.",
    )
    by_username_ignore_case: bool = Field(
        False, description="Case-insensitive match when matching by username."
    )
    consumer_optional: bool = Field(
        False, description="true = a failed mapping does not end the request."
    )
    consumer_groups_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Path to names of consumer groups to attach to the request."
    )
    consumer_groups_optional: bool = Field(
        False, description="true = failed group mapping does not end the request."
    )
    credential_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("sub",),
        description="Path to the value that becomes a virtual credential id when no consumer is mapped.",
    )
    anonymous: str | None = Field(
        None,
        description="Consumer id or username (not custom_id) used when authentication fails; also skips the plugin if another auth plugin already authenticated the request.",
    )
    principals: NotYet = Field(
        None,
        description="Record: Kong Identity look-up after token verification (optional for us, ).",
    )
    upstream_headers: Annotated[tuple[ClaimHeader, ...] | None, LIST] = Field(
        None, description="Claim-to-header mappings for the proxied request."
    )
    upstream_headers_claims: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Top-level claim names; parallel to _names."
    )
    upstream_headers_names: Annotated[tuple[SetHeader, ...] | None, LIST] = Field(
        None, description="Header names for those claims."
    )
    upstream_access_token_header: TokenHeaderName | None = Field(
        "authorization:bearer", description="Header for the access token."
    )
    upstream_access_token_jwk_header: TokenHeaderName | None = Field(
        None, description="Header for the JWK that verified the access token."
    )
    upstream_id_token_header: TokenHeaderName | None = Field(
        None, description="Header for the ID token."
    )
    upstream_id_token_jwk_header: TokenHeaderName | None = Field(
        None, description="Header for the JWK that verified the ID token."
    )
    upstream_refresh_token_header: TokenHeaderName | None = Field(
        None, description="Header for the refresh token."
    )
    upstream_user_info_header: TokenHeaderName | None = Field(
        None, description="Header for the user-info JSON."
    )
    upstream_user_info_jwt_header: TokenHeaderName | None = Field(
        None, description="Header for the raw user-info JWT."
    )
    upstream_introspection_header: TokenHeaderName | None = Field(
        None, description="Header for the introspection JSON."
    )
    upstream_introspection_jwt_header: TokenHeaderName | None = Field(
        None, description="Header for the raw introspection JWT."
    )
    upstream_session_id_header: TokenHeaderName | None = Field(
        None, description="Header for the session id."
    )
    downstream_headers: Annotated[tuple[ClaimHeader, ...] | None, LIST] = Field(
        None, description="Claim-to-header mappings for the client response."
    )
    downstream_headers_claims: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Top-level claim names; parallel to _names."
    )
    downstream_headers_names: Annotated[tuple[SetHeader, ...] | None, LIST] = Field(
        None, description="Header names for those claims."
    )
    downstream_access_token_header: TokenHeaderName | None = Field(
        None, description="Header for the access token."
    )
    downstream_access_token_jwk_header: TokenHeaderName | None = Field(
        None, description="Header for the JWK that verified the access token."
    )
    downstream_id_token_header: TokenHeaderName | None = Field(
        None, description="Header for the ID token."
    )
    downstream_id_token_jwk_header: TokenHeaderName | None = Field(
        None, description="Header for the JWK that verified the ID token."
    )
    downstream_refresh_token_header: TokenHeaderName | None = Field(
        None, description="Header for the refresh token."
    )
    downstream_user_info_header: TokenHeaderName | None = Field(
        None, description="Header for the user-info JSON."
    )
    downstream_user_info_jwt_header: TokenHeaderName | None = Field(
        None, description="Header for the raw user-info JWT."
    )
    downstream_introspection_header: TokenHeaderName | None = Field(
        None, description="Header for the introspection JSON."
    )
    downstream_introspection_jwt_header: TokenHeaderName | None = Field(
        None, description="Header for the raw introspection JWT."
    )
    downstream_session_id_header: TokenHeaderName | None = Field(
        None, description="Header for the session id."
    )
