"""
Issuer, discovery, keys, and the HTTP client towards the provider.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ostiary.model.entity import Entity
from ostiary.model.fields import LIST, SET, NonEmpty
from ostiary.signin.schema.kinds import (
    SECRET,
    Issuer,
    Milliseconds,
    Seconds,
    Url,
)
from ostiary.signin.schema.names import AnyHeader


class IssuerFields(Entity):
    """Issuer, discovery, keys, and the HTTP client towards the provider."""

    issuer: Issuer = Field(description="The only required field.")
    using_pseudo_issuer: bool = Field(
        False,
        description="true = never fetch discovery from issuer; the value is only an identifier (expected iss, cache key).",
    )
    discovery_headers_names: Annotated[tuple[AnyHeader, ...] | None, LIST] = Field(
        None,
        description="Names of extra request headers sent on discovery/JWKS fetches.",
    )
    discovery_headers_values: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Values for the above (same length/order)."
    )
    extra_jwks_uris: Annotated[tuple[Url, ...] | None, SET] = Field(
        None,
        description="More JWKS URLs whose keys are trusted in addition to the discovered ones (set: unique, order irrelevant).",
    )
    jwks_endpoint: Url | None = Field(
        None,
        description="Replaces the discovered jwks_uri (note: the key is not called jwks_uri).",
    )
    rediscovery_lifetime: Seconds = Field(
        30,
        description="Minimum seconds between two discovery/JWKS refetch attempts for the same issuer.",
    )
    issuers_allowed: Annotated[tuple[NonEmpty, ...] | None, LIST] = Field(
        None, description="Allow-list for the iss claim."
    )
    verify_parameters: bool = Field(
        False,
        description="Check the plugin config against what discovery advertises (scopes, response types, auth methods …).",
    )
    http_version: float = Field(1.1, description="1.1 or 1.0.")
    keepalive: bool = Field(True, description="Keep connections alive.")
    timeout: Milliseconds = Field(
        10000, description="Network timeout in milliseconds (connect, send, read)."
    )
    ssl_verify: bool = Field(
        True,
        description="Verify the IdP certificate against the gateway's lua_ssl_trusted_certificate bundle.",
    )
    http_proxy: NonEmpty | None = Field(
        None, description="Proxy used for http:// IdP URLs."
    )
    http_proxy_authorization: NonEmpty | None = Field(
        None, description="Proxy-Authorization for it.", json_schema_extra=SECRET
    )
    https_proxy: NonEmpty | None = Field(
        None,
        description="Proxy used for https:// IdP URLs (the proxy itself may be http://…).",
    )
    https_proxy_authorization: NonEmpty | None = Field(
        None, description="Proxy-Authorization for it.", json_schema_extra=SECRET
    )
    no_proxy: NonEmpty | None = Field(
        None, description="One string, comma-separated hosts that bypass the proxy."
    )
