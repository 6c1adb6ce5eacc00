"""
The discovery document and the key set, as Amazon Cognito publishes them.

It names no grant types and no PKCE methods: clients that look for them there must be
configured, as with Cognito.

Spec: OpenID Connect Discovery 1.0 §3, RFC 8414 §2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def _endpoints(issuer: str, domain_url: str | None) -> dict[str, str]:
    base = issuer if domain_url is None else f"{domain_url}/oauth2"
    logout = issuer if domain_url is None else domain_url
    return {
        "authorization_endpoint": f"{base}/authorize",
        "end_session_endpoint": f"{logout}/logout",
        "revocation_endpoint": f"{base}/revoke",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userInfo",
    }


def build_discovery(issuer: str, domain_url: str | None) -> bytes:
    """The discovery document: compact JSON, keys in alphabetical order."""
    document: dict[str, object] = {
        **_endpoints(issuer, domain_url),
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["code", "token"],
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
        ],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def build_jwks(public_jwks: Sequence[Mapping[str, str]]) -> bytes:
    """The key set, each key with exactly Cognito's members in its order."""
    members = ("alg", "e", "kid", "kty", "n", "use")
    keys = [{name: jwk[name] for name in members} for jwk in public_jwks]
    return json.dumps({"keys": keys}, separators=(",", ":")).encode()
