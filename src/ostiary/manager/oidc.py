"""
The openid-connect form in the groups that people know, and what to register at the provider.

Spec: portal §4.2 (Common, Authorization, Advanced); decision D8 (redirect URI).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ostiary.http.url import MalformedUrl, build_origin, split_host
from ostiary.manager.schema import Field, Group, pick, without
from ostiary.manager.visit import Visit

NAME: Final = "openid-connect"
_REFERENCE: Final = "{vault://"
_COMMON: Final = ("client_id", "client_secret", "issuer", "auth_methods")
_AUTHORIZATION: Final = (
    "scopes_claim", "scopes_required", "audience_claim", "audience_required", "roles_claim",
    "roles_required", "groups_claim", "groups_required", "authenticated_groups_claim",
)  # fmt: skip
_METHODS: Final = (
    ("authorization_code", "Authorization code flow"),
    ("bearer", "Bearer access token"),
    ("client_credentials", "Client credentials grant"),
    ("password", "Password grant"),
    ("introspection", "Introspection of access tokens"),
    ("userinfo", "UserInfo"),
    ("kong_oauth2", "Kong OAuth tokens"),
    ("refresh_token", "Refresh token"),
    ("session", "Session management"),
)
# The first that fits a field's name is its group.
_ADVANCED: Final = tuple(
    (title, re.compile(pattern))
    for title, pattern in (
        ("Session", r"session_"),
        ("Redis", r"redis$"),
        ("Cluster cache", r"cluster_"),
        ("Cookie of the sign-in", r"authorization_(cookie|rolling)"),
        ("Authorization request", r"authorization_|scopes$|audience$|response_|redirect_uri|pushed|require_|preserve_"),
        ("Client authentication", r"client_|.*_auth_method$|tls_client"),
        ("Token endpoint", r"token_"),
        ("Introspection", r"introspect"),
        ("UserInfo", r"userinfo"),
        ("Sign-in", r"login_"),
        ("Sign-out", r"logout_|end_session|revocation"),
        ("Where credentials are looked for", r".*_param_|bearer_|id_token_|password_|refresh_token"),
        ("Consumers", r"consumer|credential|anonymous|by_username"),
        ("Headers towards the upstream", r"upstream_"),
        ("Headers towards the client", r"downstream_"),
        ("Caches", r"cache_"),
        ("Checks of tokens", r"verify_|ignore_|leeway|issuers_|dpop|proof_|max_age|enable_hs|introspection"),
        ("HTTP client", r"https?_|ssl_|timeout|keepalive|no_proxy|tls_"),
        ("Discovery and keys", r"discovery|rediscovery|jwks|extra_jwks|using_pseudo|.*_endpoint$"),
        ("Errors and pages", r"forbidden|unauthorized|unexpected|display_|run_on"),
    )
)  # fmt: skip


def dress_config(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The config's fields with the words of this form."""
    return tuple(map(_dress, fields))


def _dress(field: Field) -> Field:
    if field.name == "auth_methods":
        known = {choice for choice, _ in field.choices}
        named = tuple((c, label) for c, label in _METHODS if c in known)
        others = tuple(
            c for c in field.choices if c[0] not in {name for name, _ in named}
        )
        return replace(field, choices=(*named, *others), label="Ways to sign in")
    if field.name == "issuer":
        hint = "The provider, as it calls itself. For Amazon Cognito: https://cognito-idp.<region>.amazonaws.com/<pool id>."
        return replace(field, hint=hint)
    if field.name in {"client_id", "client_secret"}:
        return replace(field, hint="One a line; most have one.")
    return field


def build_config_groups(fields: Sequence[Field]) -> tuple[Group, ...]:
    """Common, Authorization, and everything else folded by what it is about."""
    rest = without(fields, *_COMMON, *_AUTHORIZATION)
    named: dict[str, list[Field]] = {title: [] for title, _ in _ADVANCED}
    named["Everything else"] = []
    for field in rest:
        title = next(
            (title for title, found in _ADVANCED if found.match(field.name)),
            "Everything else",
        )
        named[title].append(field)
    common = pick(fields, *_COMMON)
    return (
        Group(
            title="Common",
            fields=(*common[:2], *common[2:]),
            anchor="common",
            hint="Who the provider is, and how people and programs show who they are.",
        ),
        Group(
            title="Authorization",
            fields=pick(fields, *_AUTHORIZATION),
            anchor="authorization",
            hint="Which claims of a token are looked at, and what must be in them.",
        ),
        Group(
            title="Advanced",
            fields=(),
            anchor="advanced",
            hint="Everything else, by what it is about.",
        ),
        *(
            Group(title=title, fields=tuple(members), open=False)
            for title, members in named.items()
            if members
        ),
    )


def gateway_origin(visit: Visit, host: str = "") -> str:
    """The address that browsers probably know the gateway by: this host, with the proxy's port."""
    scheme, port = visit.config.proxy
    try:
        name = split_host(host or visit.request.headers.get("host", ""))[0]
    except MalformedUrl:
        name = "localhost"
    return build_origin(scheme, name, port)


async def load_redirect_uris(
    visit: Visit, *, plugin: str = "", route: str = ""
) -> dict[str, Any]:
    """
    What to register at the provider for a plugin, or for one that is to be made on a route.

    Returns:
        `uris`: the exact ones; `note`: what to know of them. Any: JSON.
    """
    if plugin:
        told = await visit.look("openid-connect", "redirect-uris") or {}
        for found in told.get("data", ()):
            if found["plugin"] == plugin:
                return _describe(visit, found)
    row = await visit.look("routes", route) if route else None
    if not isinstance(row, Mapping):
        note = "It is on no route alone: each request's own address, without its query, is the redirect URI."
        return {"uris": [], "note": note if plugin else ""}
    paths = [p for p in row.get("paths") or () if not p.startswith("~")]
    return _describe(
        visit,
        {
            "configured": None,
            "hosts": row.get("hosts") or [],
            "paths": [p.rstrip("/") or "/" for p in paths],
            "note": None
            if paths
            else "no plain path: the redirect URI is the URL of each request",
        },
    )


def build_debug_url(visit: Visit, config: Mapping[str, Any]) -> str:
    """The debugger with a plugin's values, or nothing where there is no debugger. Any: JSON."""
    if not visit.config.has_debugger:
        return ""
    client = next(iter(config.get("client_id") or ()), "")
    # A reference to a vault is none of the provider's names.
    known = {"issuer": config.get("issuer") or "", "client_id": client}
    open_ones = {n: v for n, v in known.items() if not v.startswith(_REFERENCE)}
    scope = " ".join(config.get("scopes") or ())
    return visit.url("debugger", **open_ones, scope=scope)


def _describe(visit: Visit, found: Mapping[str, Any]) -> dict[str, Any]:
    configured = found.get("configured")
    if configured:
        return {"uris": list(configured), "note": "As config.redirect_uri says."}
    hosts = [h for h in found["hosts"] if "*" not in h] or [""]
    # The first plain path is the one that sign-ins come back to.
    uris = [
        gateway_origin(visit, host) + path.rstrip("/")
        for host in hosts
        for path in found["paths"][:1]
    ]
    note = found.get("note") or ""
    if uris and not found["hosts"]:
        note = "If people know the gateway by another address, that stands before the path."
    return {"uris": uris, "note": note}
