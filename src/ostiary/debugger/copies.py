"""
What works in the debugger as a configuration of the gateway's plugin, to be copied.

The client's secret is never in it: it is referred to, and the gateway reads it from its
environment. The redirect URI is left out, since the gateway has its own at each route.

Spec: Kong Gateway's published schema of `openid-connect`, version 3.15; YAML 1.2.2 §5.7.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ostiary.debugger.curl import clean_text, quote_argument
from ostiary.debugger.values import Setup
from ostiary.http.url import is_http_url
from ostiary.oidc.rp.metadata import OAUTH_SUFFIX, OPENID_SUFFIX

Document = Mapping[str, Any]  # Any: the provider's metadata as they came
SECRET_REFERENCE: Final = "{vault://env/oidc-client-secret}"  # noqa: S105 - names one, is none
_NO_ISSUER: Final = "https://provider.example"
_WITH_SECRET: Final = frozenset(
    {"client_secret_basic", "client_secret_post", "client_secret_jwt"}
)
_METHODS: Final = _WITH_SECRET | {"private_key_jwt", "none"}
# By their names in metadata; Kong has one of its own for the last.
_ENDPOINTS: Final = {
    "authorization_endpoint": "authorization_endpoint",
    "token_endpoint": "token_endpoint",
    "userinfo_endpoint": "userinfo_endpoint",
    "introspection_endpoint": "introspection_endpoint",
    "revocation_endpoint": "revocation_endpoint",
    "end_session_endpoint": "end_session_endpoint",
    "jwks_uri": "jwks_endpoint",
}
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_endpoint")
_ABOUT_REFERENCE: Final = (
    "# The gateway reads the client's secret from its environment: OIDC_CLIENT_SECRET."
)
_ABOUT_REDIRECT: Final = (
    "# Register the route's address at the provider as a redirect URI of this client."
)


def plugin_config(setup: Setup, document: Document | None) -> dict[str, Any]:
    """
    The `config` of `openid-connect` that does what was set up; its schema always accepts it.

    What that would refuse, such as an address that is none, is left out.
    """
    endpoints = {
        field: found
        for name, field in _ENDPOINTS.items()
        if is_http_url(found := setup.endpoint(name).strip())
    }
    return {
        **_read_issuer(setup, document, endpoints),
        **_read_client(setup),
        "scopes": clean_text(setup.scope).split(),
        "auth_methods": ["authorization_code", "session"],
        **endpoints,
        **dict(_read_options(setup)),
    }


def admin_call(setup: Setup, document: Document | None, *, admin: str) -> str:
    """
    The command that puts the plugin on a route.

    Args:
        admin: The Admin API's address.
    """
    plugin = {"name": "openid-connect", "config": plugin_config(setup, document)}
    # DEL is the one control that JSON leaves as it is, and a terminal would act on it.
    body = json.dumps(plugin, indent=2).replace("\x7f", "\\u007f")
    url = quote_argument(f"{admin.rstrip('/')}/routes/my-route/plugins")
    return " \\\n  ".join(
        [
            f"curl -sS -i -X POST --url {url}",
            "-H 'Content-Type: application/json'",
            f"--data-raw {shlex.quote(body)}",
        ]
    )


def declarative_yaml(setup: Setup, document: Document | None) -> str:
    """A declarative file with a service, a route and the plugin."""
    config = plugin_config(setup, document)
    about = [
        _ABOUT_REDIRECT,
        *([_ABOUT_REFERENCE] if "client_secret" in config else []),
    ]
    lines = [
        '_format_version: "3.0"',
        "services:",
        "- name: my-service",
        "  url: http://upstream.example:8080",
        "  routes:",
        "  - name: my-route",
        "    paths:",
        "    - /",
        "    plugins:",
        *(f"    {line}" for line in about),
        "    - name: openid-connect",
        "      config:",
        *(f"        {name}: {_flow(value)}" for name, value in config.items()),
    ]
    return "\n".join(lines) + "\n"


def _read_issuer(
    setup: Setup, document: Document | None, endpoints: Mapping[str, str]
) -> dict[str, Any]:
    claimed = (document or {}).get("issuer")
    choices = (setup.issuer.strip(), claimed if isinstance(claimed, str) else "")
    issuer = next((url for url in choices if is_http_url(url)), _NO_ISSUER)
    if document is not None or any(name not in endpoints for name in _NEEDED):
        return {"issuer": issuer}
    # Nothing to discover: the issuer is no more than the name that tokens have.
    for suffix in (OPENID_SUFFIX, OAUTH_SUFFIX):
        issuer = issuer.removesuffix(suffix)
    return {"issuer": issuer, "using_pseudo_issuer": True}


def _read_client(setup: Setup) -> dict[str, Any]:
    found: dict[str, Any] = {}
    method = setup.auth_method
    if client_id := clean_text(setup.client_id.strip()):
        found["client_id"] = [client_id]
    if method in _WITH_SECRET or (setup.client_secret and method in {"", "none"}):
        found["client_secret"] = [SECRET_REFERENCE]
    if method in _METHODS:
        found["client_auth"] = [method]
    return found


def _read_options(setup: Setup) -> Iterator[tuple[str, Any]]:
    if not setup.uses_pkce:
        yield "require_proof_key_for_code_exchange", False
    if setup.leeway_s > 0:
        yield "leeway", setup.leeway_s
    if audience := clean_text(setup.audience.strip()):
        yield "audience", [audience]
    if prompt := clean_text(setup.prompt.strip()):
        yield "authorization_query_args_names", ["prompt"]
        yield "authorization_query_args_values", [prompt]
    if is_http_url(target := setup.logout_redirect_uri.strip()):
        yield "logout_redirect_uri", [target]


def _flow(value: object) -> str:
    """A value in YAML's flow style. Every text is quoted: none is taken for something else."""
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str):
        return f'"{"".join(map(_escape, value))}"'
    return json.dumps(value)


def _escape(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
