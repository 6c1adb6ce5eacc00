"""
Failure handling, proof of possession, token exchange.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import NonEmpty, one_of
from ostiary.model.row import NotYet
from ostiary.signin.schema.kinds import Seconds


class GuardFields(Entity):
    """Failure handling, proof of possession, token exchange."""

    unauthorized_error_message: NonEmpty = Field(
        "Unauthorized", description="message of the 401 body."
    )
    unauthorized_destroy_session: bool = Field(
        True, description="Destroy the session on 401."
    )
    forbidden_error_message: NonEmpty = Field(
        "Forbidden", description="message of the 403 body."
    )
    forbidden_destroy_session: bool = Field(
        True, description="Destroy the session on 403."
    )
    expose_error_code: bool = Field(
        True, description="Put the RFC 6750 error code into WWW-Authenticate."
    )
    display_errors: bool = Field(
        False,
        description="Append the internal reason in parentheses to the response message.",
    )
    proof_of_possession_mtls: Annotated[str, one_of("off", "strict", "optional")] = (
        Field(
            "off",
            description="strict: every token must carry cnf.x5t#S256 matching the client certificate; optional: only tokens that carry it are checked.",
        )
    )
    proof_of_possession_dpop: Annotated[str, one_of("off", "strict", "optional")] = (
        Field("off", description="Same for DPoP (cnf.jkt + DPoP header).")
    )
    proof_of_possession_auth_methods_validation: bool = Field(
        True,
        description="true = config is rejected unless auth_methods ⊆ {bearer, introspection, session}; false = other methods allowed, PoP silently skipped for them.",
    )
    dpop_use_nonce: bool = Field(
        False, description="Challenge the client with a server nonce."
    )
    dpop_proof_lifetime: Seconds = Field(
        300,
        description="Seconds a proof stays usable (from nonce creation if a nonce is used, else from iat).",
    )
    proof_of_possession_mtls_from_header: NotYet = Field(
        None,
        description="Record: take the client certificate from a header set by a TLS-terminating proxy.",
    )
    token_exchange_endpoint: NonEmpty | None = Field(
        None,
        description="Legacy exchange: POST with the access token as bearer; a 200 body is the new token.",
    )
    token_exchange: NotYet = Field(None, description="Record: RFC 8693 exchange.")
