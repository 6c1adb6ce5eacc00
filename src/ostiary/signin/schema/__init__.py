"""
The configuration of `openid-connect`: every field that Kong knows, checked, none ignored.

Deprecated names set the new field. What is not built yet is refused when it would matter and
warned about when it would not (`classes.py`).

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15; decisions D1, D10-D13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from ostiary.jose.errors import MalformedKey
from ostiary.jose.keys import PrivateKey
from ostiary.model.entity import Entity
from ostiary.sessions.cookie import chunk_names
from ostiary.signin.schema.classes import BUILT_METHODS, CLASSES
from ostiary.signin.schema.clients import (
    Clients,
    describe_client_problems,
    find_used_endpoints,
)
from ostiary.signin.schema.endpoints import EndpointsFields
from ostiary.signin.schema.guard import GuardFields
from ostiary.signin.schema.identity import IdentityFields
from ostiary.signin.schema.issuer import IssuerFields
from ostiary.signin.schema.kinds import OstiaryRecord
from ostiary.signin.schema.login import LoginFields
from ostiary.signin.schema.methods import MethodsFields
from ostiary.signin.schema.names import belongs_to_connection
from ostiary.signin.schema.session import SessionFields

__all__ = ["BUILT_METHODS", "CLASSES", "OpenidConnectConfig", "describe_warnings"]

_RENAMED: dict[str, str] = {
    "authorization_cookie_lifetime": "authorization_rolling_timeout",
    "authorization_cookie_samesite": "authorization_cookie_same_site",
    "authorization_cookie_httponly": "authorization_cookie_http_only",
    "session_cookie_lifetime": "session_rolling_timeout",
    "session_cookie_idletime": "session_idling_timeout",
    "session_cookie_samesite": "session_cookie_same_site",
    "session_cookie_httponly": "session_cookie_http_only",
    "session_memcache_prefix": "session_memcached_prefix",
    "session_memcache_socket": "session_memcached_socket",
    "session_memcache_host": "session_memcached_host",
    "session_memcache_port": "session_memcached_port",
}
_GONE = frozenset(
    {
        "session_cookie_renew",
        "session_cookie_maxsize",
        "session_strategy",
        "session_compressor",
    }
)
_COMMA_FIELDS = frozenset({"scopes", "audience", "auth_methods", "domains"})
_ASKED = ("token", "introspection", "revocation")
_CLIENT_AUTH = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "none",
)
_BUILT_VALUES: dict[str, tuple[str, ...]] = {
    "client_auth": _CLIENT_AUTH,
    "token_endpoint_auth_method": _CLIENT_AUTH,
    "introspection_endpoint_auth_method": _CLIENT_AUTH,
    "revocation_endpoint_auth_method": _CLIENT_AUTH,
    "session_storage": ("cookie", "redis"),
    "response_mode": ("query", "form_post"),
    "response_type": ("code",),
}


def _rename(data: Mapping[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in data.items() if k not in _GONE}
    if "consumer_claim" in found:
        claim = found.pop("consumer_claim")
        path = [claim] if isinstance(claim, str) else claim
        if path is not None:
            found.setdefault("consumer_claims", [path])
    for old, new in _RENAMED.items():
        if old not in found:
            continue
        value = found.pop(old)
        if value == "off" and new.endswith("same_site"):
            value = "Default"
        if new in found and found[new] != value:
            raise ValueError(f"both {old} and {new} are set, to different values")
        found[new] = value
    redis = {k: found.pop(k) for k in list(found) if k.startswith("session_redis_")}
    if redis:
        record = {
            k.removeprefix("session_redis_").replace(
                "maxredirections", "max_redirections"
            ): v
            for k, v in redis.items()
        }
        newer = found.get("redis") or {}
        found["redis"] = {**record, **newer} if isinstance(newer, Mapping) else newer
    if "auth_methods" in found and found["auth_methods"] is None:
        del found["auth_methods"]  # blank means all, not none (D10; Kong)
    for name in _COMMA_FIELDS & found.keys():
        if isinstance(found[name], str) and "," in found[name]:
            found[name] = [part.strip() for part in found[name].split(",")]
    return found


def _default(model: type[Entity], name: str) -> Any:
    """The default of a field; Any, because it is the field's own type."""
    return model.model_fields[name].get_default(call_default_factory=True)


def _meaning(value: object) -> object:
    """An empty array says as much as none."""
    return None if value == () else value


class OpenidConnectConfig(
    IssuerFields,
    MethodsFields,
    EndpointsFields,
    LoginFields,
    IdentityFields,
    SessionFields,
    GuardFields,
):
    """
    `config` of the plugin. `model_fields_set` tells what the operator made different.

    What has its default counts as left out: stored rows hold every field, files only some.
    """

    ostiary: OstiaryRecord | None = Field(
        None,
        description="Options that Kong does not have; left out of exports while unset.",
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, data: Any) -> Any:
        return _rename(data) if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _forget_defaults(self) -> Self:
        kind = type(self)
        self.model_fields_set.difference_update(
            [n for n in self.model_fields_set if getattr(self, n) == _default(kind, n)]
        )
        return self

    @model_validator(mode="after")
    def _refuse_what_is_not_built(self) -> Self:
        problems = [
            f"{name}: not supported yet"
            for name, kind in CLASSES.items()
            if kind == "refused"
            and _meaning(getattr(self, name)) != _meaning(_default(type(self), name))
        ]
        for name, built in _BUILT_VALUES.items():
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            problems += [
                f"{name}: '{v}' is not supported yet (expected one of: {', '.join(built)})"
                for v in values
                if v is not None and v not in built
            ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _check_pseudo_issuer(self) -> Self:
        if self.using_pseudo_issuer and not (
            self.jwks_endpoint or self.extra_jwks_uris
        ):
            raise ValueError(
                "jwks_endpoint: required with using_pseudo_issuer (or extra_jwks_uris)"
            )
        return self

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.session_storage != "redis":
            return self
        later = ("sentinel_master", "sentinel_role", "sentinel_nodes", "cluster_nodes")
        problems = [
            f"redis.{name}: not supported yet"
            for name in later
            if getattr(self.redis, name)
        ]
        if self.redis.connection_is_proxied:
            problems.append("redis.connection_is_proxied: not supported yet")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @model_validator(mode="after")
    def _check_clients(self) -> Self:
        for index, jwk in enumerate(self.client_jwk or ()):
            algorithms = self.client_alg or ()
            alg = algorithms[index] if index < len(algorithms) else None
            try:
                PrivateKey.from_configured(jwk, alg)
            except MalformedKey as error:
                raise ValueError(f"client_jwk: {error.detail}") from error
        # Blank methods are all of them, whether anybody uses them or not: that is warned about.
        is_named = "auth_methods" in self.model_fields_set
        methods = frozenset(self.auth_methods or ()) if is_named else frozenset[str]()
        if text := "; ".join(describe_client_problems(self._gather_clients(methods))):
            raise ValueError(text)
        return self

    def _gather_clients(self, methods: frozenset[str]) -> Clients:
        """What is configured about clients, and what of it these methods use."""
        own = {name: getattr(self, f"{name}_endpoint_auth_method") for name in _ASKED}
        return Clients(
            ids=self.client_id or (),
            secrets=self.client_secret or (),
            methods=self.client_auth or (),
            algorithms=self.client_alg or (),
            has_keys=bool(self.client_jwk),
            own={name: method for name, method in own.items() if method},
            used=self._find_used_endpoints(methods),
            has_callers="client_credentials" in methods and bool(self.client_id),
        )

    def _find_used_endpoints(self, methods: frozenset[str]) -> frozenset[str]:
        """The endpoints that are asked as one of the clients, and with its own credentials."""
        revokes = self.logout_revoke and (
            self.logout_revoke_refresh_token or self.logout_revoke_access_token
        )
        used = find_used_endpoints(
            methods, refreshes=self.refresh_tokens, revokes=revokes
        )
        return (
            used - {"introspection"}
            if self.has_fixed_introspection_authorization
            else used
        )

    @property
    def has_fixed_introspection_authorization(self) -> bool:
        """
        Tell whether a fixed `Authorization` takes the place of the client's credentials.

        Spec: RFC 7662 §2.1: introspection may be authorized by a token instead of as a client.
        """
        names, values = (
            self.introspection_headers_names or (),
            self.introspection_headers_values or (),
        )
        fixed = {name.lower() for name, _ in zip(names, values, strict=False)}
        return "authorization" in fixed

    def describe_unable_clients(self) -> tuple[str, ...]:
        """What the clients could not do if every method of `auth_methods` were used."""
        clients = self._gather_clients(frozenset(self.auth_methods or ()))
        return tuple(describe_client_problems(clients))

    @model_validator(mode="after")
    def _check_cookie_names(self) -> Self:
        session, flow = self.session_cookie_name, self.authorization_cookie_name
        if session == flow:
            raise ValueError(
                f"session_cookie_name: '{session}' is authorization_cookie_name too, "
                "choose another name"
            )
        remember = self.session_remember_cookie_name
        if not self.session_remember:
            return self
        if remember == flow:
            raise ValueError(
                f"session_remember_cookie_name: '{remember}' is authorization_cookie_name too, "
                "choose another name"
            )
        # A long session has further cookies: session2 to session9.
        if not set(chunk_names(session)).isdisjoint(chunk_names(remember)):
            raise ValueError(
                f"session_remember_cookie_name: '{remember}' is a name of the session's own "
                f"cookies ('{session}'), choose another name"
            )
        return self

    @model_validator(mode="after")
    def _check_replayed(self) -> Self:
        for name in self.token_headers_replay or ():
            sent = f"{self.token_headers_prefix or ''}{name}"
            if belongs_to_connection(sent):
                raise ValueError(
                    f"token_headers_replay: the header '{sent}' belongs to the connection, "
                    "leave it out or set token_headers_prefix"
                )
        return self

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        for side in ("upstream", "downstream"):
            new, claims, names = (
                f"{side}_headers",
                f"{side}_headers_claims",
                f"{side}_headers_names",
            )
            if getattr(self, new) and (getattr(self, claims) or getattr(self, names)):
                raise ValueError(
                    f"these sets are mutually exclusive: ('{new}'), ('{claims}', '{names}')"
                )
        for prefix in ("authorization", "session"):
            name = getattr(self, f"{prefix}_cookie_name")
            if name.startswith("__Host-") and (
                getattr(self, f"{prefix}_cookie_path") != "/"
                or getattr(self, f"{prefix}_cookie_domain")
                or getattr(self, f"{prefix}_cookie_secure") is False
            ):
                raise ValueError(
                    f"{prefix}_cookie_name: a __Host- cookie needs path /, no domain and secure"
                )
        return self


def _crosses_sites(config: OpenidConnectConfig) -> bool:
    """Tell whether the flow's cookie comes along with a form that the provider posts."""
    return (
        config.authorization_cookie_same_site in {"Default", "None"}
        and config.authorization_cookie_secure is not False
    )


def describe_warnings(config: OpenidConnectConfig) -> tuple[str, ...]:
    """What an operator should know about an accepted configuration, a sentence each."""
    found = [
        f"config.{name} has no effect yet"
        for name in sorted(config.model_fields_set)
        if CLASSES.get(name) == "inert"
        and _meaning(getattr(config, name)) != _meaning(_default(type(config), name))
    ]
    later = [m for m in config.auth_methods or () if m not in BUILT_METHODS]
    if "auth_methods" in config.model_fields_set and later:
        found.append(f"config.auth_methods: {', '.join(later)} never match yet")
    if not config.ssl_verify:
        found.append(
            "config.ssl_verify is false: the provider's certificate is not checked"
        )
    if config.issuer.startswith("http://"):
        found.append("config.issuer is http: tokens and keys travel unprotected")
    if "auth_methods" not in config.model_fields_set:
        found.append(
            "config.auth_methods is blank: bearer tokens in query arguments and bodies, the password "
            "grant, and any token that the userinfo endpoint takes are accepted, as in Kong"
        )
        found += [f"config.{text}" for text in config.describe_unable_clients()]
    if not config.client_id:
        found.append(
            "config.client_id is not set: no bearer token and no login can match"
        )
    if config.response_mode == "form_post" and not _crosses_sites(config):
        found.append(
            "config.response_mode is form_post, and authorization_cookie_same_site or _secure keeps "
            "the browser from sending the flow's cookie along with it"
        )
    if config.ostiary and config.ostiary.accept_any_audience:
        found.append(
            "config.ostiary.accept_any_audience: tokens made for anybody are accepted"
        )
    return tuple(found)
