"""
What a pool keeps of an identity provider: details in the API's words, the secret ones sealed.

Spec: cognito §3.14.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from ostiary.model.pool import Record
from ostiary.userpool.keys import Vault

SECRETS: Final = frozenset({"client_secret", "private_key"})
_OAUTH: Final = ("client_id", "client_secret", "authorize_scopes")
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    # A public client at the provider has no secret.
    "OIDC": (
        "client_id",
        "authorize_scopes",
        "oidc_issuer",
        "attributes_request_method",
    ),
    "Google": _OAUTH,
    "Facebook": _OAUTH,
    "LoginWithAmazon": _OAUTH,
    "SignInWithApple": ("client_id", "team_id", "key_id", "authorize_scopes"),
    "SAML": (),
}
_METADATA: Final = ("MetadataURL", "MetadataFile")


def find_missing(kind: str, details: Mapping[str, str]) -> tuple[str, ...]:
    """The details that a provider of this type lacks."""
    lacking = tuple(name for name in REQUIRED[kind] if not details.get(name))
    if kind == "SAML" and not any(details.get(name) for name in _METADATA):
        return (" or ".join(_METADATA),)
    if kind == "SignInWithApple" and not details.get("private_key"):
        return (*lacking, "private_key")
    return lacking


def with_defaults(
    kind: str, details: Mapping[str, str], mapping: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Details and attribute mapping with what the service adds to an OIDC provider's."""
    if kind != "OIDC":
        return dict(details), dict(mapping)
    return (
        {"attributes_url_add_attributes": "false", **details},
        {"username": "sub", **mapping},
    )


def _purpose(pool_id: str, name: str) -> str:
    return f"secrets of identity provider {name} of {pool_id}"


def seal_details(
    details: Mapping[str, str], *, pool_id: str, name: str, vault: Vault
) -> dict[str, Any]:  # Any: JSON
    """Details as they are stored."""
    purpose = _purpose(pool_id, name)
    return {
        "plain": {k: v for k, v in details.items() if k not in SECRETS},
        "sealed": {
            k: base64.b64encode(vault.seal(v.encode(), purpose=purpose)).decode("ascii")
            for k, v in details.items()
            if k in SECRETS
        },
    }


def open_details(provider: Record, vault: Vault) -> dict[str, str]:
    """Details as they were given, secrets included."""
    kept = provider.value["ProviderDetails"]
    purpose = _purpose(provider.pool_id, provider.name)
    opened = {
        k: vault.unseal(base64.b64decode(v), purpose=purpose).decode()
        for k, v in kept["sealed"].items()
    }
    return {**kept["plain"], **opened}
