"""
The routes that every gateway under test serves, as a declarative Kong file.

`python -m tests.security.scenarios UPSTREAM_PORT WSGI_PORT PROVIDER_PORT` prints it.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

from tests.security.provider import CLIENT_ID, CLIENT_SECRET, OTHER_CLIENT_ID

DEAD_PORT = 9  # discard: nobody listens there
READ_TIMEOUT_MS = 4000
# Claim to header. The odd spellings are part of T-H5.
IDENTITY = {
    "email": "X-Email",
    "groups": "x-gRoUps",
    "name": "X-User-Name",
    "tenant": "x-tenant-ID",
}
DOWNSTREAM = {"name": "X-Seen-Name"}


def _oidc(
    issuer: str, *methods: str, client: str = CLIENT_ID, **more: Any
) -> dict[str, Any]:
    config = {
        "issuer": issuer,
        "client_id": [client],
        "client_secret": [CLIENT_SECRET],
        "auth_methods": list(methods),
        "bearer_token_param_type": ["header"],
        "upstream_headers_claims": list(IDENTITY),
        "upstream_headers_names": list(IDENTITY.values()),
        "downstream_headers_claims": list(DOWNSTREAM),
        "downstream_headers_names": list(DOWNSTREAM.values()),
        "logout_query_arg": "logout",
        "logout_methods": ["GET", "POST"],
        "timeout": 5000,
        **more,
    }
    return {"name": "openid-connect", "config": config}


def _route(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "paths": [path], "strip_path": False, **more}


def build_config(upstream: int, wsgi: int, provider: int) -> dict[str, Any]:
    """The whole file as data."""
    good = f"http://127.0.0.1:{provider}/good"
    huge = f"http://127.0.0.1:{provider}/huge"
    bearer = _oidc(good, "bearer")
    session = _oidc(good, "session", "authorization_code")
    both = _oidc(good, "bearer", "session", "authorization_code")
    other = _oidc(
        good,
        "bearer",
        client=OTHER_CLIENT_ID,
        upstream_headers_claims=["name"],
        upstream_headers_names=["X-Other-Name"],
    )
    preflight = _oidc(good, "bearer", run_on_preflight=False)
    timeouts = {"connect_timeout": 2000, "read_timeout": READ_TIMEOUT_MS}
    echo = {
        "name": "echo",
        "url": f"http://127.0.0.1:{upstream}",
        **timeouts,
        "routes": [
            _route("everything-else", "/"),
            _route("public", "/public"),
            _route("regex-public", r"~/open/[a-z0-9-]+/page"),
            _route("private", "/private", plugins=[both]),
            _route("bearer", "/bearer", plugins=[bearer]),
            _route("session", "/session", plugins=[session]),
            _route("other", "/other", plugins=[other]),
            _route("preflight", "/preflight", plugins=[preflight]),
            _route("huge", "/huge", plugins=[_oidc(huge, "bearer", "session")]),
            _route(
                "secure", "/secure", protocols=["https"], https_redirect_status_code=302
            ),
            _route("segment", "/seg", plugins=[bearer]),
            _route("segment-hole", r"~/seg/prod(?:/.*)?$"),
            _route("catastrophic", r"~/evil/(a+)+$"),
            _route("hosted-public", "/hosted"),
            _route(
                "hosted",
                "/hosted",
                hosts=["app.example.com", "xn--bcher-kva.example"],
                plugins=[bearer],
            ),
        ],
    }
    inner = {
        "name": "inner",
        "url": f"http://127.0.0.1:{upstream}/inner",
        **timeouts,
        "routes": [
            _route("strip", "/strip", strip_path=True),
            _route("regex-strip", r"~/rx/[a-z0-9]+", strip_path=True),
        ],
    }
    cgi = {
        "name": "wsgi",
        "url": f"http://127.0.0.1:{wsgi}",
        **timeouts,
        "routes": [_route("wsgi", "/wsgi", plugins=[bearer])],
    }
    dead = {
        "name": "dead",
        "url": f"http://127.0.0.1:{DEAD_PORT}",
        "retries": 0,
        **timeouts,
        "routes": [
            _route("dead", "/dead"),
            _route("dead-session", "/dead-session", plugins=[both]),
        ],
    }
    return {"_format_version": "3.0", "services": [echo, inner, cgi, dead]}


def build_yaml(upstream: int, wsgi: int, provider: int) -> str:
    """The whole file as text."""
    return yaml.safe_dump(build_config(upstream, wsgi, provider), sort_keys=False)


if __name__ == "__main__":
    sys.stdout.write(build_yaml(*map(int, sys.argv[1:4])))
