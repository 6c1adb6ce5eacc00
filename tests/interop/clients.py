"""
What is registered at the providers, and the routes of the gateway that belong to it.

A client of the certified provider is `gateway:<route>`, so that a route says who asks.
"""

from __future__ import annotations

from typing import Any

from joserfc.jwk import ECKey

from ostiary.cli.demo import steps

HOST = "idp.localhost"
SHORT_S = 2
SCOPES = ["openid", "email", "profile", "read"]
OTHER_API = "https://other.localhost/api"
# The signs that RFC 6749 §2.3.1 is about: they must be form-encoded inside Basic.
AWKWARD_SECRET = "s3cret:with+signs/and%41=&?~and-enough-length"
PLAIN_SECRET = "plain-secret-of-the-post-client-0123456789"
WRONG_SECRET = "wrong-secret-of-somebody-else-01234567890123"
SECRETS = (AWKWARD_SECRET, PLAIN_SECRET, WRONG_SECRET)
# Routes with the client id of another, but not its secret or key: refused.
IMPOSTORS = {"keyed-impostor": "keyed", "sealed-impostor": "sealed"}
# What the hostile provider can do wrong; it learns from the client's id what to do.
HONEST = "honest"
BROKEN = (
    "wrong-audience",
    "wrong-issuer",
    "expired",
    "wrong-nonce",
    "unsigned",
    "changed",
    "foreign-key",
    "hmac-with-public-key",
)
Json = dict[str, Any]


def make_key() -> Json:
    """A private key as the plugin takes it."""
    key = ECKey.generate_key("P-256", {"use": "sig"}, private=True, auto_kid=True)
    return dict(key.as_dict(private=True))


def public_half(key: Json) -> Json:
    """What the provider is told of a private key."""
    return {name: value for name, value in key.items() if name != "d"}


def _client(
    gateway: str,
    route: str,
    method: str,
    alg: str = "RS256",
    secret: str | None = None,
    **more: object,
) -> Json:
    here = f"{gateway}/{route}"
    also = [f"{gateway}/{fake}" for fake, real in IMPOSTORS.items() if real == route]
    return {
        "client_id": f"gateway:{route}",
        **({"client_secret": secret} if secret else {}),
        "token_endpoint_auth_method": method,
        "id_token_signed_response_alg": alg,
        "redirect_uris": [here, *also],
        "post_logout_redirect_uris": [here],
        **more,
    }


MACHINE: Json = {
    "client_id": "machine",
    "client_secret": PLAIN_SECRET,
    "token_endpoint_auth_method": "client_secret_post",
    "grant_types": ["client_credentials"],
    "response_types": [],
    "redirect_uris": [],
}


def provider_clients(gateway: str, key: Json, node_keys: Json) -> list[Json]:
    """
    The clients at the certified provider: one of each kind, and a machine.

    Args:
        key: The private JWK of the client that brings its own.
        node_keys: The public JWKS of the gateway's node, for the client that does not.
    """

    def basic(route: str, **more: object) -> Json:
        found = _client(gateway, route, "client_secret_basic", secret=AWKWARD_SECRET)
        return found | more

    def heard(route: str, *, session_required: bool) -> Json:
        return basic(
            route,
            backchannel_logout_uri=f"{gateway}/{route}",
            backchannel_logout_session_required=session_required,
        )

    return [
        basic("basic"),
        _client(gateway, "post", "client_secret_post", "PS256", PLAIN_SECRET),
        _client(gateway, "public", "none", "ES256"),
        _client(gateway, "hints", "none"),
        basic("short"),
        basic("form"),
        _client(
            gateway,
            "keyed",
            "private_key_jwt",
            jwks={"keys": [public_half(key)]},
            token_endpoint_auth_signing_alg="ES256",
        ),
        _client(gateway, "node-keyed", "private_key_jwt", jwks=node_keys),
        _client(gateway, "sealed", "client_secret_jwt", secret=PLAIN_SECRET),
        basic("rotating"),
        basic("asking"),
        basic("revoking"),
        basic("keeping"),
        basic("astray"),
        heard("heard", session_required=True),
        heard("everywhere", session_required=False),
        MACHINE,
    ]


def _plugin(site: steps.Site, issuer: str, name: str, **config: object) -> Json:
    return {
        "issuer": issuer,
        "client_id": [f"gateway:{IMPOSTORS.get(name, name)}"],
        "auth_methods": ["authorization_code", "session"],
        "scopes": SCOPES,
        "upstream_headers": [
            {"header": "X-User-Email", "path": ["email"]},
            {"header": "X-User-Name", "path": ["name"]},
        ],
        "logout_query_arg": "logout",
        "logout_methods": ["GET"],
        "logout_redirect_uri": [f"{site.gateway}/{name}"],
        **config,
    }


def _route(site: steps.Site, issuer: str, name: str, **config: object) -> Json:
    plugin = _plugin(site, issuer, name, **config)
    return {
        "name": name,
        "paths": [f"/{name}"],
        "plugins": [{"name": "openid-connect", "config": plugin}],
    }


def gateway_routes(site: steps.Site, issuer: str, key: Json) -> list[Json]:
    """A route per client; `post` gets opaque access tokens, `api` takes bearers."""
    api = f"{site.gateway}/api"

    def route(name: str, **config: object) -> Json:
        return _route(site, issuer, name, **config)

    def basic(name: str, **config: object) -> Json:
        return route(name, client_secret=[AWKWARD_SECRET], **config)

    resource = {
        "authorization_query_args_names": ["resource"],
        "authorization_query_args_values": [api],
        "token_post_args_names": ["resource"],
        "token_post_args_values": [api],
        "audience_required": [api],
    }
    bearer = {"auth_methods": ["bearer"], "scopes": ["openid"]}
    keyed = {"client_auth": ["private_key_jwt"], "client_alg": ["ES256"]}
    sealed = {"client_auth": ["client_secret_jwt"], "client_alg": ["HS256"]}
    shown = {"upstream_access_token_header": "X-Shown"}
    return [
        basic("basic", **resource),
        route(
            "post",
            client_secret=[PLAIN_SECRET],
            client_auth=["client_secret_post"],
            logout_revoke=True,
        ),
        route("public", **resource, max_age=600),
        route("hints", authorization_query_args_client=["prompt", "login_hint"]),
        basic("short", **resource),
        route("api", **bearer, audience_required=[api]),
        route("closed", **bearer),
        basic("form", response_mode="form_post"),
        route("keyed", **keyed, client_jwk=[key]),
        route("node-keyed", client_auth=["private_key_jwt"]),
        route("keyed-impostor", **keyed, client_jwk=[make_key()]),
        route("sealed", **sealed, client_secret=[PLAIN_SECRET]),
        route("sealed-impostor", **sealed, client_secret=[WRONG_SECRET]),
        basic("rotating", upstream_refresh_token_header="X-Refresh", **resource),
        basic("asking", auth_methods=["introspection"], cache_introspection=False),
        basic("revoking", logout_revoke=True, **shown),
        basic("keeping", **shown),
        basic("astray", logout_redirect_uri=[f"{site.gateway}/not-registered"]),
    ]


def heard_routes(site: steps.Site, issuer: str) -> list[Json]:
    """Routes that the provider tells of logouts."""
    return [
        _route(
            site,
            issuer,
            name,
            client_secret=[AWKWARD_SECRET],
            ostiary={"backchannel_logout": True},
        )
        for name in ("heard", "everywhere")
    ]


def turning_route(site: steps.Site, issuer: str) -> Json:
    """The only route of a provider that changes its keys."""
    return _route(
        site,
        issuer,
        "turning",
        auth_methods=["bearer"],
        audience_required=[f"{site.gateway}/api"],
    )


def hostile_route(site: steps.Site, issuer: str) -> Json:
    """A route with a client for everything the hostile provider can do wrong."""
    kinds = [HONEST, *BROKEN]
    return _route(
        site,
        issuer,
        "hostile",
        client_id=kinds,
        client_auth=["none"] * len(kinds),
        client_secret=None,
        logout_redirect_uri=None,
        scopes=["openid"],
        upstream_headers=[{"header": "X-User-Email", "path": ["sub"]}],
    )
