"""One row of every kind: how it is typed as JSON and as a form, and what it is then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from tests.unit.admin.admin_kit import NOW, Node

Json = dict[str, Any]
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    cert: str
    key: str
    public: str
    digest: str


@cache
def make_pem(
    name: str, *, is_ca: bool = False, is_rsa: bool = False, days: int = 30
) -> Pem:
    """A certificate that signs itself, valid around the kit's time."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        rsa.generate_private_key(65537, 2048)
        if is_rsa
        else ec.generate_private_key(ec.SECP256R1())
    )
    now = dt.datetime.fromtimestamp(NOW, dt.UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=99))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return Pem(
        cert=made.public_bytes(Encoding.PEM).decode(),
        key=key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
        public=key.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        digest=made.fingerprint(SHA256()).hex(),
    )


PAIR = make_pem("one.example")
OTHER = make_pem("other.example")
AUTHORITY = make_pem("authority", is_ca=True)
JWK = '{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}'

# What the rows below refer to, made before them.
PARENTS: tuple[tuple[str, str, Json], ...] = (
    ("service", "/services", {"name": "parent", "host": "p.example"}),
    ("route", "/routes", {"name": "way", "paths": ["/way"]}),
    ("consumer", "/consumers", {"username": "ada"}),
    ("group", "/consumer_groups", {"name": "gold"}),
    ("upstream", "/upstreams", {"name": "pool.internal"}),
    ("certificate", "/certificates", {"cert": OTHER.cert, "key": OTHER.key}),
    ("set", "/key-sets", {"name": "ring"}),
)


async def furnish(node: Node, prefix: str = "") -> dict[str, str]:
    """Make what the rows refer to in a workspace; their ids by name."""
    found = {}
    for name, path, body in PARENTS:
        reply = await node.send("POST", prefix + path, body)
        assert reply.status == 201, reply.text
        found[name] = reply.json()["id"]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`row` is what comes back of `body`, but for id and times; `form` says the same."""

    kind: str
    path: str
    body: Json
    form: Pairs
    row: Json
    name: str | None = None
    change: Json = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def encoded(self) -> str:
        return urlencode(self.form)


def place_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """`{"id": "@service"}` with the id of that name."""
    if isinstance(value, dict):
        return {name: place_ids(inner, ids) for name, inner in value.items()}
    if isinstance(value, list):
        return [place_ids(inner, ids) for inner in value]
    if isinstance(value, str) and value.startswith("@"):
        return ids[value[1:]]
    return value


_HEALTHCHECKS: Json = {
    "active": {
        "type": "http", "timeout": 1, "concurrency": 10, "http_path": "/",
        "https_sni": None, "https_verify_certificate": True, "headers": None,
        "healthy": {"interval": 0, "http_statuses": [200, 302], "successes": 0},
        "unhealthy": {
            "interval": 0, "http_statuses": [429, 404, 500, 501, 502, 503, 504, 505],
            "tcp_failures": 0, "timeouts": 0, "http_failures": 0,
        },
    },
    "passive": {
        "type": "http",
        "healthy": {
            "http_statuses": [*range(200, 209), 226, *range(300, 309)],
            "successes": 0,
        },
        "unhealthy": {
            "http_statuses": [429, 500, 503], "tcp_failures": 0, "timeouts": 0,
            "http_failures": 0,
        },
    },
    "threshold": 0,
}  # fmt: skip

SAMPLES: tuple[Sample, ...] = (
    Sample(
        kind="workspaces", path="/workspaces", name="team", required=("name",),
        body={"name": "team", "comment": "ours", "meta": {"color": "#000000"}},
        form=[("name", "team"), ("comment", "ours"), ("meta.color", "#000000")],
        row={
            "name": "team", "comment": "ours", "tags": None,
            "meta": {"color": "#000000", "thumbnail": None},
            "config": {
                "meta": None, "portal": False, "portal_auth": None,
                "portal_auth_conf": None, "portal_auto_approve": None,
                "portal_session_conf": None, "portal_access_request_email": None,
                "portal_approved_email": None, "portal_application_request_email": None,
                "portal_application_status_email": None, "portal_cors_origins": None,
                "portal_developer_credentials": None,
                "portal_developer_meta_fields": None, "portal_emails_from": None,
                "portal_emails_reply_to": None, "portal_invite_email": None,
                "portal_reset_email": None, "portal_reset_success_email": None,
                "portal_token_exp": None, "portal_oidc_auto_register": None,
                "portal_auth_password_complexity": None, "portal_auth_login_attempts": None,
                "portal_email_verification": None, "portal_rejected_email": None,
                "portal_revoked_email": None,
                "portal_oidc_trust_email": None, "portal_smtp_admin_emails": None,
            },
        },
        change={"comment": "theirs"},
    ),
    Sample(
        kind="services", path="/services", name="s1", required=("host",),
        body={"name": "s1", "host": "a.example", "port": 8080, "tags": ["t1", "t2"]},
        form=[("name", "s1"), ("host", "a.example"), ("port", "8080"),
              ("tags[]", "t1"), ("tags[]", "t2")],
        row={
            "name": "s1", "retries": 5, "protocol": "http", "host": "a.example",
            "port": 8080, "path": None, "connect_timeout": 60000,
            "write_timeout": 60000, "read_timeout": 60000, "tls_verify": None,
            "tls_verify_depth": None, "client_certificate": None,
            "ca_certificates": None, "enabled": True, "tags": ["t1", "t2"],
        },
        change={"retries": 7},
    ),
    Sample(
        kind="routes", path="/routes", name="r1",
        body={
            "name": "r1", "paths": ["/a", "~/b$"], "protocols": ["https"],
            "headers": {"x-version": ["v1", "v2"]}, "service": {"name": "parent"},
            "strip_path": False,
        },
        form=[("name", "r1"), ("paths[1]", "/a"), ("paths[2]", "~/b$"),
              ("protocols", "https"), ("headers.x-version[]", "v1"),
              ("headers.x-version[]", "v2"), ("service.name", "parent"),
              ("strip_path", "false")],
        row={
            "name": "r1", "protocols": ["https"], "methods": None, "hosts": None,
            "paths": ["/a", "~/b$"], "headers": {"x-version": ["v1", "v2"]},
            "snis": None, "sources": None, "destinations": None,
            "https_redirect_status_code": 426, "regex_priority": 0,
            "strip_path": False, "path_handling": "v0", "preserve_host": False,
            "request_buffering": True, "response_buffering": True,
            "service": {"id": "@service"}, "tags": None,
        },
        change={"preserve_host": True},
    ),
    Sample(
        kind="consumers", path="/consumers", name="grace",
        body={"username": "grace", "custom_id": "g1"},
        form=[("username", "grace"), ("custom_id", "g1")],
        row={"username": "grace", "custom_id": "g1", "tags": None},
        change={"custom_id": "g2"},
    ),
    Sample(
        kind="consumer_groups", path="/consumer_groups", name="silver",
        required=("name",),
        body={"name": "silver", "tags": ["t"]},
        form=[("name", "silver"), ("tags", "t")],
        row={"name": "silver", "tags": ["t"]},
        change={"tags": ["u"]},
    ),
    Sample(
        kind="plugins", path="/plugins", name="limit", required=("name",),
        body={
            "name": "request-size-limiting", "instance_name": "limit",
            "config": {"allowed_payload_size": 4}, "service": {"id": "@service"},
            "route": {"name": "way"},
        },
        form=[("name", "request-size-limiting"), ("instance_name", "limit"),
              ("config.allowed_payload_size", "4"), ("service.id", "@service"),
              ("route.name", "way")],
        row={
            "name": "request-size-limiting", "instance_name": "limit",
            "route": {"id": "@route"}, "service": {"id": "@service"},
            "consumer": None, "enabled": True, "tags": None,
            "protocols": ["grpc", "grpcs", "http", "https"],
            "config": {
                "allowed_payload_size": 4, "size_unit": "megabytes",
                "require_content_length": False,
            },
        },
        change={"enabled": False},
    ),
    Sample(
        kind="upstreams", path="/upstreams", name="up.internal", required=("name",),
        body={
            "name": "up.internal", "hash_on": "header", "hash_on_header": "X-User",
            "healthchecks": {"active": {"healthy": {"interval": 5}}},
        },
        form=[("name", "up.internal"), ("hash_on", "header"),
              ("hash_on_header", "X-User"),
              ("healthchecks.active.healthy.interval", "5")],
        row={
            "name": "up.internal", "algorithm": "consistent-hashing",
            "hash_on": "header", "hash_fallback": "none", "hash_on_header": "X-User",
            "hash_fallback_header": None, "hash_on_cookie": None,
            "hash_on_cookie_path": "/", "hash_on_query_arg": None,
            "hash_fallback_query_arg": None, "hash_on_uri_capture": None,
            "hash_fallback_uri_capture": None, "slots": 10000, "host_header": None,
            "client_certificate": None, "use_srv_name": False, "tags": None,
            "healthchecks": {
                **_HEALTHCHECKS,
                "active": {
                    **_HEALTHCHECKS["active"],
                    "healthy": {
                        **_HEALTHCHECKS["active"]["healthy"], "interval": 5,
                    },
                },
            },
        },
        change={"slots": 100},
    ),
    Sample(
        kind="targets", path="/upstreams/pool.internal/targets", name="a.example:8000",
        required=("target",),
        body={"target": "a.example", "weight": 50},
        form=[("target", "a.example"), ("weight", "50")],
        row={
            "target": "a.example:8000", "weight": 50, "tags": None,
            "upstream": {"id": "@upstream"},
        },
        change={"weight": 10},
    ),
    Sample(
        kind="certificates", path="/certificates", required=("cert", "key"),
        name="one.example",
        body={"cert": PAIR.cert, "key": PAIR.key, "snis": ["one.example"]},
        form=[("cert", PAIR.cert), ("key", PAIR.key), ("snis[]", "one.example")],
        row={
            "cert": PAIR.cert, "key": PAIR.key, "cert_alt": None, "key_alt": None,
            "tags": None, "snis": ["one.example"],
        },
        change={"tags": ["t"]},
    ),
    Sample(
        kind="ca_certificates", path="/ca_certificates", required=("cert",),
        body={"cert": AUTHORITY.cert},
        form=[("cert", AUTHORITY.cert)],
        row={"cert": AUTHORITY.cert, "cert_digest": AUTHORITY.digest, "tags": None},
        change={"tags": ["t"]},
    ),
    Sample(
        kind="snis", path="/snis", name="*.wild.example",
        required=("name", "certificate"),
        body={"name": "*.wild.example", "certificate": {"id": "@certificate"}},
        form=[("name", "*.wild.example"), ("certificate.id", "@certificate")],
        row={
            "name": "*.wild.example", "certificate": {"id": "@certificate"},
            "tags": None,
        },
        change={"tags": ["t"]},
    ),
    Sample(
        kind="vaults", path="/vaults", name="my-env", required=("name", "prefix"),
        body={"prefix": "my-env", "name": "env", "config": {"prefix": "SECRET_"}},
        form=[("prefix", "my-env"), ("name", "env"), ("config.prefix", "SECRET_")],
        row={
            "prefix": "my-env", "name": "env", "description": None, "tags": None,
            "config": {"prefix": "SECRET_", "base64_decode": False},
        },
        change={"description": "of this machine"},
    ),
    Sample(
        kind="key_sets", path="/key-sets", name="keys",
        body={"name": "keys"},
        form=[("name", "keys")],
        row={"name": "keys", "tags": None},
        change={"tags": ["t"]},
    ),
    Sample(
        kind="keys", path="/keys", name="k", required=("kid",),
        body={"name": "k", "kid": "k1", "jwk": JWK, "set": {"name": "ring"}},
        form=[("name", "k"), ("kid", "k1"), ("jwk", JWK), ("set.name", "ring")],
        row={
            "name": "k", "kid": "k1", "jwk": JWK, "pem": None, "set": {"id": "@set"},
            "tags": None,
        },
        change={"tags": ["t"]},
    ),
    Sample(
        kind="keyauth_credentials", path="/consumers/ada/key-auth", name="abc",
        body={"key": "abc", "ttl": 60},
        form=[("key", "abc"), ("ttl", "60")],
        row={"key": "abc", "ttl": 60, "consumer": {"id": "@consumer"}, "tags": None},
        change={"tags": ["t"]},
    ),
    Sample(
        kind="basicauth_credentials", path="/consumers/ada/basic-auth", name="ada1",
        required=("password", "username"),
        body={"username": "ada1", "password": "pw"},
        form=[("username", "ada1"), ("password", "pw")],
        row={
            "username": "ada1", "password": "#", "consumer": {"id": "@consumer"},
            "tags": None,
        },
        change={"tags": ["t"]},
    ),
    Sample(
        kind="jwt_secrets", path="/consumers/ada/jwt", name="issuer",
        body={"key": "issuer", "secret": "hush"},
        form=[("key", "issuer"), ("secret", "hush")],
        row={
            "key": "issuer", "secret": "hush", "algorithm": "HS256",
            "rsa_public_key": None, "consumer": {"id": "@consumer"}, "tags": None,
        },
        change={"algorithm": "HS512"},
    ),
    Sample(
        kind="acls", path="/consumers/ada/acls", name="admins", required=("group",),
        body={"group": "admins"},
        form=[("group", "admins")],
        row={"group": "admins", "consumer": {"id": "@consumer"}, "tags": None},
        change={"tags": ["t"]},
    ),
)  # fmt: skip
BY_KIND = {sample.kind: sample for sample in SAMPLES}
