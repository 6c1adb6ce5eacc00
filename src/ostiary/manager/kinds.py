"""
How each kind of row is shown: its words, columns, groups of fields, and what stands below it.

What a row may hold is not said here: that is the Admin API's schema.

Spec: portal §4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Show = Literal["text", "list", "switch", "time", "endpoint", "reference", "scope"]
Columns = tuple[tuple[str, str, Show], ...]
Row = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    One kind. `path` is its collection in the Admin API and here; `schema` its name there.

    `known_by` says what a list is searched by. `folded` are fields that few people change, in groups. `below` are kinds whose rows are only
    reached through one of this; `related` those that refer to it.
    """

    path: str
    title: str
    one: str
    about: str
    schema: str = ""
    columns: Columns = ()
    hidden: tuple[str, ...] = ()
    folded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    below: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    warns: str = ""
    known_by: str = "Name or ID"
    labels: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)


_TAGS: Final[tuple[str, str, Show]] = ("Tags", "tags", "list")
_MADE: Final[tuple[str, str, Show]] = ("Created", "created_at", "time")
_CHANGED: Final[tuple[str, str, Show]] = ("Last modified", "updated_at", "time")
_TAGS_HINT: Final = "Separated by commas. Lists can be filtered by them."

_ALL: Final = (
    Kind(
        path="services", title="Services", one="service",
        about="A service is an upstream API: where the gateway sends requests.",
        columns=(("Endpoint", "host", "endpoint"), ("Enabled", "enabled", "switch"), _TAGS, _CHANGED, _MADE),
        folded=(
            ("Timeouts and retries", ("retries", "connect_timeout", "write_timeout", "read_timeout")),
            ("TLS towards the upstream", ("client_certificate", "tls_verify", "tls_verify_depth", "ca_certificates")),
        ),
        related=("routes", "plugins"),
        warns="Routes of a service must be deleted first; its plugins are deleted with it.",
        labels={"connect_timeout": "Connect timeout (ms)", "write_timeout": "Write timeout (ms)", "read_timeout": "Read timeout (ms)"},
        hints={
            "enabled": "Requests to a service that is not enabled find no route.",
            "ca_certificates": "IDs of CA certificates, one a line.",
            "tls_verify": "Check the upstream's certificate. Without a choice the node's setting decides.",
        },
    ),
    Kind(
        path="routes", title="Routes", one="route",
        about="A route says which requests go to a service: by host, path, method, header or server name.",
        columns=(
            ("Service", "service", "reference"), ("Protocols", "protocols", "list"), ("Hosts", "hosts", "list"),
            ("Methods", "methods", "list"), ("Paths", "paths", "list"), _TAGS, _CHANGED,
        ),
        folded=(
            ("Headers and server names", ("headers", "snis")),
            ("How requests are passed on", (
                "strip_path", "preserve_host", "path_handling", "https_redirect_status_code",
                "regex_priority", "request_buffering", "response_buffering",
            )),
        ),
        related=("plugins",),
        warns="Its plugins are deleted with it.",
        hints={
            "paths": "One a line. A path that begins with ~/ is a regular expression.",
            "hosts": "One a line; * may be the first or the last label.",
            "methods": "One a line, such as GET. None means every method.",
            "headers": "One a line as name: value, other value. A value may be a regular expression after ~*.",
            "snis": "One a line; for TLS only.",
            "strip_path": "The matched path is taken off before the request goes on.",
            "preserve_host": "The upstream sees the Host that the client sent.",
        },
    ),
    Kind(
        path="consumers", title="Consumers", one="consumer",
        about="A consumer is somebody whom the gateway knows: a person, an application, another service.",
        columns=(("Custom ID", "custom_id", "text"), _TAGS, _CHANGED, _MADE), known_by="Username or ID",
        below=("key-auth", "basic-auth", "jwt", "acls"), related=("plugins",),
        warns="Its credentials and plugins are deleted with it.",
        hints={
            "username": "A name of the gateway's own. One of the two is needed.",
            "custom_id": "Who it is elsewhere, for example the subject at a provider.",
        },
    ),
    Kind(
        path="consumer_groups", title="Consumer groups", one="consumer group", schema="consumer_groups",
        about="Consumers who are treated alike.", related=("plugins",),
        columns=(_TAGS, _CHANGED, _MADE),
    ),
    Kind(
        path="plugins", title="Plugins", one="plugin",
        about="A plugin acts on requests: of a route, a service, a consumer, or on all of them.",
        columns=(("Applied to", "route", "scope"), ("Enabled", "enabled", "switch"), _TAGS, _CHANGED),
        known_by="Instance name or ID",
    ),
    Kind(
        path="upstreams", title="Upstreams", one="upstream",
        about="An upstream is a name for several targets, and says how one of them is chosen.",
        columns=(("Algorithm", "algorithm", "text"), ("Slots", "slots", "text"), _TAGS, _CHANGED, _MADE),
        folded=(
            ("Hashing", (
                "hash_on", "hash_on_header", "hash_on_cookie", "hash_on_cookie_path", "hash_on_query_arg",
                "hash_on_uri_capture", "hash_fallback", "hash_fallback_header", "hash_fallback_query_arg",
                "hash_fallback_uri_capture", "slots",
            )),
            ("Health checks", ("healthchecks",)),
            ("Host header and TLS", ("host_header", "client_certificate", "use_srv_name")),
        ),
        below=("targets",),
        warns="Its targets are deleted with it. Services that name it as their host fail until it is back.",
        hints={"name": "A host name; services use it as their host."},
    ),
    Kind(
        path="certificates", title="Certificates", one="certificate",
        about="A certificate with its key, served for the names that point to it.",
        columns=(("Names (SNIs)", "snis", "list"), _TAGS, _CHANGED, _MADE),
        related=("snis",), known_by="Name (SNI) or ID",
        folded=(("A second certificate, with another kind of key", ("cert_alt", "key_alt")),),
        labels={"cert": "Certificate", "key": "Private key", "cert_alt": "Certificate", "key_alt": "Private key"},
        hints={"cert": "In PEM, with the chain after it.", "key": "In PEM. It is kept sealed and never shown again."},
        warns="Its names (SNIs) are deleted with it.",
    ),
    Kind(
        path="snis", title="SNIs", one="SNI", about="A host name for which a certificate is served.",
        columns=(("Certificate", "certificate", "reference"), _TAGS, _CHANGED),
        hints={"name": "* may be the first or the last label."},
    ),
    Kind(
        path="ca_certificates", title="CA certificates", one="CA certificate",
        about="Somebody who may vouch for upstreams. CA certificates are shared by all workspaces.",
        columns=(("Digest (SHA-256)", "cert_digest", "text"), _TAGS, _MADE), hidden=("cert_digest",),
        labels={"cert": "Certificate"}, hints={"cert": "One certificate, in PEM."}, known_by="ID",
    ),
    Kind(
        path="keys", title="Keys", one="key", about="A key by its id, as JWK or PEM.",
        columns=(("Key ID", "kid", "text"), ("Key set", "set", "reference"), _TAGS, _CHANGED),
        hints={"jwk": "A JSON Web Key. One of JWK and PEM is needed.", "set": "The key set that it is in."},
        labels={"set": "Key set", "jwk": "JWK"},
    ),
    Kind(
        path="key-sets", title="Key sets", one="key set", about="Several keys under one name.",
        columns=(_TAGS, _CHANGED, _MADE), related=("keys",), warns="Its keys are deleted with it.",
    ),
    Kind(
        path="vaults", title="Vaults", one="vault",
        about="A place that secrets are read from when they are used, under {vault://prefix/…}.",
        columns=(("Kind", "name", "text"), ("Description", "description", "text"), _TAGS, _CHANGED),
        known_by="Prefix or ID",
        labels={"name": "Kind", "config": "Configuration"},
        hints={"name": "env: the environment of the gateway.", "prefix": "What references begin with."},
    ),
)  # fmt: skip

_BELOW: Final = (
    Kind(
        path="targets", title="Targets", one="target", about="An address that requests may go to.",
        columns=(("Health", "health", "text"), ("Weight", "weight", "text"), _TAGS), hidden=("upstream",),
        hints={"target": "Host and port; 8000 without one.", "weight": "How much of the traffic it gets; 0 takes it out."},
    ),
    Kind(
        path="key-auth", title="Keys (key-auth)", one="key", schema="keyauth_credentials",
        about="A key that the plugin key-auth takes.", hidden=("consumer",),
        columns=(("Time to live (s)", "ttl", "text"), _TAGS, _MADE),
        hints={"key": "Leave empty to have one made; it is shown once.", "ttl": "Seconds until it expires; empty for never."},
        labels={"ttl": "Time to live (s)"},
    ),
    Kind(
        path="basic-auth", title="Passwords (basic-auth)", one="password", schema="basicauth_credentials",
        about="A name and password that the plugin basic-auth takes.", hidden=("consumer",), columns=(_TAGS, _MADE),
    ),
    Kind(
        path="jwt", title="JWT secrets (jwt)", one="JWT secret", schema="jwt_secrets",
        about="A key with which the plugin jwt verifies tokens.", hidden=("consumer",),
        columns=(("Algorithm", "algorithm", "text"), _TAGS, _MADE),
        hints={"key": "What tokens name as their issuer. Leave empty to have one made.", "secret": "For HS algorithms. Leave empty to have one made; it is shown once."},
    ),
    Kind(
        path="acls", title="Groups (acl)", one="group", about="A group that the plugin acl knows the consumer by.",
        hidden=("consumer",), columns=(_TAGS, _MADE),
    ),
)  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = {kind.path: kind for kind in _ALL}
BELOW: Final[Mapping[str, Kind]] = {kind.path: kind for kind in _BELOW}
TAGS_HINT: Final = _TAGS_HINT
_NAMES: Final = (
    "instance_name", "username", "target", "group", "custom_id", "prefix", "name", "kid", "id",
)  # fmt: skip
# What people know a row by, and where it is another than its name.
_OWN_NAMES: Final[Mapping[str, str]] = {"jwt": "key", "certificates": "id", "key-auth": "id"}  # fmt: skip


def name_of(row: Row, kind: str = "") -> str:
    """What people call a row: its name, or what comes nearest."""
    own = row.get(_OWN_NAMES.get(kind, ""))
    return str(own or next((row[n] for n in _NAMES if row.get(n)), ""))
