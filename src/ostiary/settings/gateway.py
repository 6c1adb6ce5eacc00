"""
Settings of the gateway, its processes and its database: one table. Pure.

Spec: gateway §§5.2-5.5 (names and defaults).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ostiary.model.entity import Entity
from ostiary.model.fields import Uuid
from ostiary.settings.listen import parse_listen
from ostiary.settings.values import (
    TOKENS,
    AllowedHosts,
    FieldName,
    Listen,
    Log,
    Names,
    Networks,
    PortMaps,
    Protocols,
    RbacLevel,
    RouteValidation,
    Seconds,
    Switch,
    Tokens,
    UpstreamTokens,
    Workers,
)


class GatewaySettings(Entity):
    """What the gateway goes by, with defaults and what they mean."""

    model_config = ConfigDict(hide_input_in_errors=True)  # some are secrets

    prefix: str = Field(
        "ostiary-data",
        description="Working folder: logs, secrets, last good configuration.",
    )
    database: str = Field(
        "off",
        description=(
            "`postgres`, `sqlite` (a file in the prefix), or `off`: the configuration then "
            "comes from `declarative_config`. When unset: `off` with such a file, else `sqlite`."
        ),
    )
    pg_host: str = Field(
        "127.0.0.1", description="PostgreSQL's host, or the folder of its socket."
    )
    pg_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        5432, description="PostgreSQL's port."
    )
    pg_user: str = Field("kong", description="Who connects to PostgreSQL.")
    pg_password: str | None = Field(
        None, description="The password of that user.", repr=False
    )
    pg_database: str = Field("kong", description="The database in PostgreSQL.")
    pg_schema: str | None = Field(
        None, description="The schema in it (`search_path`); the user's own when unset."
    )
    pg_ssl: Switch = Field(default=False, description="Speak TLS with PostgreSQL.")
    pg_ssl_verify: Switch = Field(
        default=False,
        description="Verify its name and its certificate, against `lua_ssl_trusted_certificate`.",
    )
    pg_ssl_version: Literal["tlsv1_2", "tlsv1_3", "any"] = Field(
        "tlsv1_2",
        description="The least version of TLS with PostgreSQL; `any` is 1.2 as well.",
    )
    pg_ssl_cert: str | None = Field(
        None, description="Client certificate file (PEM) for PostgreSQL."
    )
    pg_ssl_cert_key: str | None = Field(
        None, description="Key file (PEM) of that certificate."
    )
    pg_timeout: Annotated[int, Field(ge=1)] = Field(
        5000, description="How long a query may take, in milliseconds."
    )
    declarative_config: str | None = Field(
        None, description="The declarative file (YAML or JSON)."
    )
    declarative_config_string: str | None = Field(
        None,
        repr=False,
        description="The declarative configuration itself, in place of the name of a file.",
    )
    declarative_config_watch: Switch = Field(
        default=False,
        description="Read the declarative file again when it changes, not only on SIGHUP.",
    )
    node_id: Uuid | None = Field(
        None, description="The node's id; made and kept in the prefix when unset."
    )
    plugins: Names = Field(
        ("bundled",),
        description="Which plugins can be used: `bundled`, names, or `off`.",
    )
    proxy_listen: Listen = Field(
        parse_listen("0.0.0.0:8000, 0.0.0.0:8443 ssl"),
        description="Where the gateway listens. `http2` is accepted and HTTP/1.1 is served.",
    )
    admin_listen: Listen = Field(
        parse_listen("127.0.0.1:8001"), description="Where the Admin API listens."
    )
    nginx_worker_processes: Workers = Field(
        0, description="Worker processes; `auto` is one per core."
    )
    ssl_cert: str | None = Field(
        None,
        description="Certificate file (PEM) of the TLS listeners; made on first start when unset.",
    )
    ssl_cert_key: str | None = Field(
        None, description="Key file (PEM) of that certificate."
    )
    lua_ssl_trusted_certificate: str = Field(
        "system",
        description="CA file for providers and upstreams; `system` is the machine's own list.",
    )
    upstream_tls_verify: Switch = Field(
        default=True,
        description="Verify upstream certificates where a service does not say (Kong: off).",
    )
    client_ssl: Switch = Field(
        default=False, description="Show upstreams a client certificate."
    )
    client_ssl_cert: str | None = Field(
        None, description="Client certificate file (PEM) for upstreams."
    )
    client_ssl_cert_key: str | None = Field(
        None, description="Key file (PEM) of the client certificate."
    )
    ssl_protocols: Protocols = Field(
        ("TLSv1.2", "TLSv1.3"), description="TLS versions the listeners speak."
    )
    ssl_cipher_suite: str = Field(
        "intermediate",
        description="`modern` (TLS 1.3 only), `intermediate`, or `custom` with `ssl_ciphers`.",
    )
    ssl_ciphers: str | None = Field(
        None, description="OpenSSL cipher list for TLS 1.2 where the suite is `custom`."
    )
    trusted_ips: Networks = Field(
        (), description="Peers whose X-Forwarded-* fields count."
    )
    real_ip_header: FieldName = Field(
        "X-Real-IP",
        description="The field in which trusted peers name the client, or `X-Forwarded-For`.",
    )
    real_ip_recursive: Switch = Field(
        default=False,
        description="Take the right-most address that is not trusted, not just the last.",
    )
    forwarded_for_append: Switch = Field(
        default=False,
        description="Keep what untrusted clients say in X-Forwarded-For, as Kong does.",
    )
    headers: Tokens = Field(
        (*TOKENS["server_tokens"], *TOKENS["latency_tokens"], "x-kong-request-id"),
        description="Which fields about the gateway clients get; `off` for none.",
    )
    headers_upstream: UpstreamTokens = Field(
        ("x-kong-request-id",),
        description="`x-kong-request-id` or `off`: whether upstreams get the request's id.",
    )
    allow_debug_header: Switch = Field(
        default=False,
        description="Answer `Kong-Debug: 1` with the names of route and service.",
    )
    client_header_timeout: Seconds = Field(
        60, description="How long a request's head may take to arrive."
    )
    client_body_timeout: Seconds = Field(
        60, description="How long a client may pause within a body."
    )
    send_timeout: Seconds = Field(
        60, description="How long a client may read nothing of a response."
    )
    keepalive_timeout: Seconds = Field(
        75, description="How long an idle client connection is kept."
    )
    keepalive_requests: int = Field(
        10000, ge=1, description="Most requests of one client connection."
    )
    upstream_max_connections: int = Field(
        4096,
        ge=1,
        description="Most connections per upstream and worker; more requests wait.",
    )
    dns_valid_ttl: Seconds = Field(
        10,
        description="How long the addresses of an upstream's name are taken for fresh.",
    )
    dns_stale_ttl: Seconds = Field(
        3600, description="How long old addresses serve while they are asked for again."
    )
    dns_not_found_ttl: Seconds = Field(
        30, description="How long a name that does not exist is not asked for again."
    )
    dns_error_ttl: Seconds = Field(
        1, description="How long other failures of name resolution are kept."
    )
    upstream_keepalive_pool_size: int = Field(
        512, ge=0, description="Most idle connections per upstream and worker."
    )
    upstream_keepalive_max_requests: int = Field(
        10000,
        ge=0,
        description="Most requests of one upstream connection; 0 is no limit.",
    )
    upstream_keepalive_idle_timeout: Seconds = Field(
        60, description="How long an idle upstream connection is kept."
    )
    port_maps: PortMaps = Field(
        (), description="Published to listener ports, for example `443:8443`."
    )
    client_max_body_size: int = Field(
        0, ge=0, description="Most bytes of a request body; 0 is no limit."
    )
    proxy_access_log: Log = Field(
        "logs/access.log",
        description="File, `/dev/stdout` or `off`; a second word `json` asks for JSON lines.",
    )
    proxy_error_log: Log = Field(
        "logs/error.log",
        description="File, `/dev/stderr` or `off`; a second word `json` asks for JSON lines.",
    )
    admin_access_log: Log = Field(
        "logs/admin_access.log", description="As `proxy_access_log`, for the Admin API."
    )
    admin_error_log: Log = Field(
        "logs/error.log", description="As `proxy_error_log`, for every other process."
    )
    status_listen: Listen = Field(
        parse_listen("127.0.0.1:8007"),
        description="Where `/status`, `/status/ready` and `/metrics` are served, or `off`.",
    )
    status_access_log: Log = Field(
        "off", description="As `proxy_access_log`, for the status listener."
    )
    status_error_log: Log = Field(
        "logs/status_error.log",
        description="As `proxy_error_log`, for the status listener.",
    )
    log_level: str = Field("notice", description="debug, info, notice, warn or error.")
    admin_gui_url: str | None = Field(
        None,
        description=(
            "Public URL of the Manager: its host is known to it, and its origin may call the Admin API."
        ),
    )
    enforce_rbac: RbacLevel = Field(
        "off",
        description=(
            "Who may use the Admin API is judged by paths (`on`), by rows (`entity`), by `both`, "
            "or not at all (`off`)."
        ),
    )
    rbac_auth_header: FieldName = Field(
        "Kong-Admin-Token", description="The header with the token of an RBAC user."
    )
    password: str | None = Field(
        None,
        description="The token of the super admin `kong_admin`, made where nobody is known yet.",
        repr=False,
    )
    route_validation_strategy: RouteValidation = Field(
        "smart",
        description="`smart` refuses routes that take requests of another workspace's.",
    )
    admin_allowed_hosts: str = Field(
        "",
        description="More host names under which the Admin API answers, comma-separated.",
    )
    debugger_allowed_hosts: AllowedHosts = Field(
        "public",
        description=(
            "Where the Manager's debugger may send requests, comma-separated: hosts, `*.domains`, `public` for all "
            "public addresses, or `*`. `off`: there is no debugger. Link-local addresses are never reached."
        ),
    )
