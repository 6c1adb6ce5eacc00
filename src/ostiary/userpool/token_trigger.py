"""
What the pre-token-generation trigger may change in tokens, by its version.

Spec: cognito §2.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.pool import Pool, User
from ostiary.userpool.groups import Group, find_preferred_role
from ostiary.userpool.services import Services
from ostiary.userpool.triggers import (
    Occasion,
    has_trigger,
    run_trigger,
    user_attributes,
)

Json = Mapping[str, Any]  # Any: JSON
_NEVER: Final = frozenset(
    {
        "acr",
        "amr",
        "aud",
        "at_hash",
        "auth_time",
        "azp",
        "cognito:username",
        "exp",
        "iat",
        "identities",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "origin_jti",
        "sub",
        "token_use",
    }
)
_NEVER_ACCESS: Final = _NEVER | {
    "client_id",
    "scope",
    "username",
    "device_key",
    "event_id",
    "version",
}
_V1: Final = "PreTokenGeneration"
_CONFIG: Final = "PreTokenGenerationConfig"
_FOR_CLIENTS: Final = "3"
_VERSIONS: Final = {"V1_0": "1", "V2_0": "2", "V3_0": "3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Claims of one token to add or to leave out."""

    add: Json = field(default_factory=dict, repr=False)
    suppress: frozenset[str] = frozenset()

    def apply(
        self, claims: Mapping[str, object], protected: frozenset[str]
    ) -> dict[str, object]:
        """The claims with what may be changed changed."""
        kept = {
            k: v for k, v in claims.items() if k in protected or k not in self.suppress
        }
        return kept | {k: v for k, v in self.add.items() if k not in protected}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """All that the trigger wants. `groups` None leaves them as they are."""

    id_token: Changes = Changes()
    access_token: Changes = Changes()
    scopes_to_add: tuple[str, ...] = ()
    scopes_to_suppress: frozenset[str] = frozenset()
    groups: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    preferred_role: str | None = None

    def apply_id(self, claims: Mapping[str, object]) -> dict[str, object]:
        """An ID token's claims, changed."""
        return self.id_token.apply(claims, _NEVER)

    def apply_access(self, claims: Mapping[str, object]) -> dict[str, object]:
        """An access token's claims, changed."""
        return self.access_token.apply(claims, _NEVER_ACCESS)

    def apply_scopes(self, scopes: tuple[str, ...]) -> tuple[str, ...]:
        """The access token's scopes, changed."""
        merged = dict.fromkeys((*scopes, *self.scopes_to_add))
        return tuple(s for s in merged if s not in self.scopes_to_suppress)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _changes(value: object, *, texts_only: bool) -> Changes:
    given = _object(value)
    added = _object(given.get("claimsToAddOrOverride"))
    if texts_only:
        added = {k: v for k, v in added.items() if isinstance(v, str)}
    return Changes(add=added, suppress=frozenset(_texts(given.get("claimsToSuppress"))))


def read_overrides(response: Json, version: str) -> Overrides:
    """What a trigger of this version answered."""
    if version == "1":
        given = _object(response.get("claimsOverrideDetails"))
        id_token, access = _changes(given, texts_only=True), Changes()
        scopes: Json = {}
    else:
        given = _object(response.get("claimsAndScopeOverrideDetails"))
        scopes = _object(given.get("accessTokenGeneration"))
        id_token = _changes(given.get("idTokenGeneration"), texts_only=False)
        access = _changes(scopes, texts_only=False)
    groups = given.get("groupOverrideDetails")
    named = _object(groups)
    preferred = named.get("preferredRole")
    return Overrides(
        id_token=id_token,
        access_token=access,
        scopes_to_add=_texts(scopes.get("scopesToAdd")),
        scopes_to_suppress=frozenset(_texts(scopes.get("scopesToSuppress"))),
        groups=_texts(named.get("groupsToOverride")) if groups is not None else None,
        roles=_texts(named.get("iamRolesToOverride")) if groups is not None else None,
        preferred_role=preferred if isinstance(preferred, str) else None,
    )


def _find_version(pool: Pool) -> tuple[str, str] | None:
    """The trigger's name in the configuration, and its version."""
    config = pool.settings.LambdaConfig.get(_CONFIG)
    if isinstance(config, dict) and has_trigger(pool, _CONFIG):
        return _CONFIG, _VERSIONS.get(str(config.get("LambdaVersion")), "1")
    return (_V1, "1") if has_trigger(pool, _V1) else None


async def ask_overrides(
    services: Services,
    pool: Pool,
    user: User,
    *,
    source: str,
    client_id: str,
    groups: tuple[Group, ...],
    scopes: tuple[str, ...],
    metadata: Mapping[str, str] | None = None,
) -> Overrides:
    """
    What the pool's trigger wants to change; nothing where it has none.

    Args:
        source: The last part of the trigger's source, such as `HostedAuth`.

    Raises:
        AccountError: The trigger refused or failed.
    """
    found = _find_version(pool)
    if found is None:
        return Overrides()
    name, version = found
    occasion = Occasion(
        pool=pool,
        source=f"TokenGeneration_{source}",
        username=user.username,
        client_id=client_id,
        attributes=user_attributes(user),
        request=_build_request(version, groups, scopes, metadata),
        response={_container(version): None},
    )
    response = await run_trigger(services, name, occasion, version=version)
    return read_overrides(response or {}, version)


def _container(version: str) -> str:
    return (
        "claimsOverrideDetails" if version == "1" else "claimsAndScopeOverrideDetails"
    )


def _build_request(
    version: str,
    groups: tuple[Group, ...],
    scopes: tuple[str, ...],
    metadata: Mapping[str, str] | None,
) -> Json:
    return {
        "groupConfiguration": {
            "groupsToOverride": [g.name for g in groups],
            "iamRolesToOverride": [g.role_arn for g in groups if g.role_arn],
            "preferredRole": find_preferred_role(groups),
        },
        "scopes": None if version == "1" else list(scopes),
        "clientMetadata": dict(metadata or {}) or None,
    }


async def ask_client_overrides(
    services: Services,
    pool: Pool,
    *,
    client_id: str,
    scopes: tuple[str, ...],
    metadata: Mapping[str, str],
) -> Overrides:
    """
    What the pool's trigger wants to change in a client's own token; from its third version on.

    Raises:
        AccountError: The trigger refused or failed.
    """
    found = _find_version(pool)
    if found is None or found[1] != _FOR_CLIENTS:
        return Overrides()
    name, version = found
    occasion = Occasion(
        pool=pool,
        source="TokenGeneration_ClientCredentials",
        username=client_id,
        client_id=client_id,
        request=_build_request(version, (), scopes, metadata),
        response={_container(version): None},
    )
    response = await run_trigger(services, name, occasion, version=version)
    return read_overrides(response or {}, version)
