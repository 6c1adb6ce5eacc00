"""
Login, logout, verification and claims-based authorization.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, NonEmpty, one_of
from ostiary.signin.schema.kinds import (
    Method,
    Seconds,
    Url,
)


class LoginFields(Entity):
    """Login, logout, verification and claims-based authorization."""

    login_methods: Annotated[tuple[Method, ...] | None, LIST] = Field(
        ("authorization_code",),
        description="The login_ fields apply only when authentication happened by one of these; others always proxy upstream.",
    )
    login_action: Annotated[str, one_of("upstream", "response", "redirect")] = Field(
        "upstream",
        description="upstream proxy on; response answer with tokens; redirect 302 to login_redirect_uri.",
    )
    login_tokens: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "id_token",
                    "access_token",
                    "refresh_token",
                    "tokens",
                    "introspection",
                ),
            ],
            ...,
        ]
        | None,
        LIST,
    ] = Field(("id_token",), description="What to hand out with response/redirect.")
    login_redirect_mode: Annotated[str, one_of("query", "fragment")] = Field(
        "fragment",
        description="Put the tokens in the fragment or the query string of the redirect.",
    )
    logout_query_arg: NonEmpty | None = Field(
        None, description="Logout when this query argument is present (any value)."
    )
    logout_post_arg: NonEmpty | None = Field(
        None, description="Logout when this body argument is present."
    )
    logout_uri_suffix: NonEmpty | None = Field(
        None,
        description="Logout when the (normalised, forwarded) path ends with this; the query string does not matter.",
    )
    logout_methods: Annotated[
        tuple[Annotated[str, one_of("POST", "GET", "DELETE")], ...] | None, LIST
    ] = Field(
        ("POST", "DELETE"), description="HTTP methods on which logout detection runs."
    )
    logout_revoke: bool = Field(
        False, description="Master switch for token revocation on logout."
    )
    logout_revoke_access_token: bool = Field(
        True, description="Revoke the access token (needs logout_revoke)."
    )
    logout_revoke_refresh_token: bool = Field(
        True, description="Revoke the refresh token (needs logout_revoke)."
    )
    revocation_endpoint: Url | None = Field(
        None, description="Overrides the discovered value."
    )
    revocation_endpoint_auth_method: (
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
    mtls_revocation_endpoint: NonEmpty | None = Field(None, description="mTLS alias.")
    revocation_token_param_name: NonEmpty = Field(
        "token", description="Name of the form argument that carries the token."
    )
    end_session_endpoint: Url | None = Field(
        None,
        description="Overrides the discovered value; also lets you plug in a non-OIDC logout URL.",
    )
    verify_claims: bool = Field(True, description="Standard claim checks.")
    verify_signature: bool = Field(True, description="JWS verification.")
    verify_nonce: bool = Field(True, description="Nonce check in the code flow.")
    ignore_signature: Annotated[
        tuple[
            Annotated[
                str,
                one_of(
                    "password",
                    "client_credentials",
                    "authorization_code",
                    "refresh_token",
                    "session",
                    "introspection",
                    "userinfo",
                ),
            ],
            ...,
        ]
        | None,
        LIST,
    ] = Field(
        (),
        description="Skip signature verification for tokens obtained by these grants.",
    )
    enable_hs_signatures: bool = Field(
        False,
        description="Accept HS256/384/512 signatures made with client_secret (secret must be a string longer than one character).",
    )
    leeway: Seconds = Field(
        0,
        description="Seconds of tolerance on auth_time, exp, iat, nbf; also shifts the refresh moment.",
    )
    reverify: bool = Field(
        False,
        description="Re-run signature and claim checks on tokens that come out of the session on every request.",
    )
    jwt_session_claim: NonEmpty = Field(
        "sid", description="Claim of a bearer JWT compared with the cookie below."
    )
    jwt_session_cookie: NonEmpty | None = Field(
        None, description="Cookie whose value must equal that claim."
    )
    resolve_distributed_claims: bool = Field(
        False, description="Fetch and merge _claim_names/_claim_sources claims."
    )
    claims_forbidden: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Reject tokens that carry any of these claims."
    )
    scopes_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("scope",), description="Path to the scopes."
    )
    scopes_required: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None,
        description="Required scopes, AND inside an element (spaces), OR between elements.",
    )
    audience_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("aud",), description="Path to the audience."
    )
    audience_required: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Required audiences, same AND/OR rule."
    )
    groups_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("groups",), description="Path to the groups."
    )
    groups_required: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Required groups, same AND/OR rule."
    )
    roles_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        ("roles",), description="Path to the roles."
    )
    roles_required: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Required roles, same AND/OR rule."
    )
    authenticated_groups_claim: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None,
        description="Path to groups published for the ACL plugin and as X-Authenticated-Groups; the plugin itself does not enforce them.",
    )
