"""
Settings of a node: a kong.conf-style file and the environment, frozen. Pure.

Every setting has Kong's name where Kong has it. `KONG_<NAME>` and `OSTIARY_<NAME>` both set
it, the latter wins; ours that Kong does not have answer to `OSTIARY_<NAME>` only. The
file is longer than others: every setting is in one table, beside how its text is read.

Spec: Kong's configuration loading (gateway §5.1); decision D24.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from ostiary.http.url import is_http_url
from ostiary.model.entity import Entity
from ostiary.model.words import describe_problems, read_problems


class SettingsInvalid(Exception):
    """Settings that cannot be used; the text names each and says what it must be."""

    code = "settings_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """One address of a listen setting. `ipv6only` is None where the system decides."""

    host: str
    port: int
    tls: bool = False
    ipv6only: bool | None = None


DATABASES = ("postgres", "sqlite", "off")
# A key's file may be shown, its content may not: only these names hold one or the other.
_SECRET_NAME = re.compile(r"password|secret|token|_key$|credentials")
_LISTEN = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):(?P<port>\d{1,5})(?P<flags>(?:\s+\S+)*)"
)
_V6_ONLY = {"ipv6only=on": True, "ipv6only=off": False}
_FLAGS = {"ssl", "http2", "proxy_protocol", "deferred", "bind", "reuseport", *_V6_ONLY}
_VALUED_FLAGS = ("backlog=", "so_keepalive=")


def parse_listen(text: str) -> tuple[ListenAddress, ...]:
    """
    The addresses of a listen setting; none for `off`.

    Raises:
        ValueError: It does not have the form.
    """
    items = [item.strip() for item in text.split(",") if item.strip()]
    if not items or items[0].split()[0] == "off":
        return ()
    found = []
    for item in items:
        match = _LISTEN.fullmatch(item)
        flags = match["flags"].split() if match else []
        unknown = [
            f for f in flags if f not in _FLAGS and not f.startswith(_VALUED_FLAGS)
        ]
        if match is None or unknown or int(match["port"]) > 65535:
            raise ValueError(
                "must be of form: [off] | <ip>:<port> [ssl] [http2] [proxy_protocol] [deferred] "
                "[bind] [reuseport] [backlog=%d+] [ipv6only=on] [ipv6only=off] "
                "[so_keepalive=on] [so_keepalive=off] [so_keepalive=%w*:%w*:%d*], "
                "[... next entry ...]"
            )
        if "proxy_protocol" in flags:
            raise ValueError("the flag proxy_protocol is not supported yet")
        only = [f for f in flags if f in _V6_ONLY and ":" in match["host"]]
        found.append(
            ListenAddress(
                host=match["host"].strip("[]"),
                port=int(match["port"]),
                tls="ssl" in flags,
                ipv6only=_V6_ONLY.get(only[-1]) if only else None,
            )
        )
    return tuple(found)


def _read_bool(value: object) -> object:
    words = {"on": True, "true": True, "off": False, "false": False}
    if isinstance(value, str):
        if value.lower() not in words:
            raise ValueError("must be on or off")
        return words[value.lower()]
    return value


def _read_listen(value: object) -> object:
    return parse_listen(value) if isinstance(value, str) else value


def _read_networks(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: list[str] = []
    for item in (part.strip() for part in value.split(",") if part.strip()):
        try:
            found.append(str(ipaddress.ip_network(item, strict=False)))
        except ValueError as error:
            raise ValueError(f"invalid ip or cidr range: '{item}'") from error
    return tuple(found)


def _read_port_maps(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = []
    for item in (part.strip() for part in value.split(",") if part.strip()):
        match = re.fullmatch(r"(\d{1,5}):(\d{1,5})", item)
        if match is None or max(int(match[1]), int(match[2])) > 65535:
            raise ValueError("must be of form: published:listener, for example 80:8000")
        found.append((int(match[1]), int(match[2])))
    return tuple(found)


def _read_workers(value: object) -> object:
    return 0 if value == "auto" else value


TOKENS = {
    "server_tokens": ("server", "via"),
    "server": ("server",),
    "via": ("via",),
    "latency_tokens": (
        "x-kong-proxy-latency",
        "x-kong-response-latency",
        "x-kong-upstream-latency",
    ),
    "x-kong-proxy-latency": ("x-kong-proxy-latency",),
    "x-kong-response-latency": ("x-kong-response-latency",),
    "x-kong-upstream-latency": ("x-kong-upstream-latency",),
    "x-kong-upstream-status": ("x-kong-upstream-status",),
    "x-kong-request-id": ("x-kong-request-id",),
    "x-kong-admin-latency": (),
    "off": (),
}


def _read_tokens(value: object) -> object:
    if not isinstance(value, str):
        return value
    found: list[str] = []
    for item in (part.strip().lower() for part in value.split(",") if part.strip()):
        if item not in TOKENS:
            raise ValueError(
                f"unknown header '{item}': must be one of {', '.join(TOKENS)}"
            )
        found += TOKENS[item]
    return tuple(dict.fromkeys(found))


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def _read_seconds(value: object) -> object:
    """Seconds of nginx's `90`, `90s`, `500ms`, `2m`."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", value.strip())
    if match is None:
        raise ValueError("must be a time, for example 60s or 500ms")
    return float(match[1]) * _UNITS[match[2]]


def _read_protocols(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = tuple(value.replace(",", " ").split())
    if not found or not set(found) <= {"TLSv1.2", "TLSv1.3"}:
        raise ValueError("must name TLSv1.2, TLSv1.3 or both")
    return found


def _read_upstream_tokens(value: object) -> object:
    if isinstance(value, str) and value.lower() not in {"x-kong-request-id", "off"}:
        raise ValueError("must be x-kong-request-id or off")
    return _read_tokens(value)


def _read_field_name(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lower() == "proxy_protocol":
        raise ValueError("proxy_protocol is not supported yet")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
        raise ValueError("must be the name of a header field")
    return value


def _read_log(value: object) -> object:
    if not isinstance(value, str):
        return value
    path, *form = value.split()[:3] or [""]
    if path.rpartition("/")[2] in {"", ".", ".."} or "\0" in path:
        raise ValueError("must be a file, /dev/stdout, /dev/stderr or off")
    if form not in ([], ["json"]):
        raise ValueError("only json may follow: Kong's format names are not supported")
    return " ".join((path, *form))


def _read_database(value: object) -> object:
    scheme = r"(sqlite(\+aiosqlite)?|postgres|postgresql(\+asyncpg)?)://"
    if isinstance(value, str) and not re.match(scheme, value):
        # Without the value: it may be a password that lost its URL.
        raise ValueError("must begin with postgresql:// or sqlite:///")
    return value


def _read_credentials(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition(":") for part in value.split(",") if part.strip()]
    if not all(key_id and secret for key_id, _, secret in pairs):
        # Without the value: it holds secrets.
        raise ValueError("must be ACCESS_KEY_ID:SECRET_ACCESS_KEY, comma-separated")
    return tuple((key_id, secret) for key_id, _, secret in pairs)


def _read_triggers(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = []
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, equals, target = (part.strip() for part in item.partition("="))
        is_callable = re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", target)
        if not (equals and name and (is_callable or is_http_url(target))):
            raise ValueError(f"'{item}' is not NAME=URL or NAME=module:function")
        found.append((name, target))
    return tuple(found)


Tokens = Annotated[tuple[str, ...], BeforeValidator(_read_tokens)]
UpstreamTokens = Annotated[tuple[str, ...], BeforeValidator(_read_upstream_tokens)]
FieldName = Annotated[str, BeforeValidator(_read_field_name)]
Log = Annotated[str, BeforeValidator(_read_log)]
DatabaseUrl = Annotated[str, BeforeValidator(_read_database)]
Seconds = Annotated[float, BeforeValidator(_read_seconds), Field(gt=0, le=86400 * 365)]
Protocols = Annotated[tuple[str, ...], BeforeValidator(_read_protocols)]
Switch = Annotated[bool, BeforeValidator(_read_bool)]
Listen = Annotated[tuple[ListenAddress, ...], BeforeValidator(_read_listen)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_read_networks)]
PortMaps = Annotated[tuple[tuple[int, int], ...], BeforeValidator(_read_port_maps)]
Triggers = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_read_triggers)]
Credentials = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_read_credentials)]
Workers = Annotated[int, BeforeValidator(_read_workers), Field(ge=0, le=256)]


class Settings(Entity):
    """Every setting, with its default and what it means."""

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
        description="Verify its certificate against the machine's list.",
    )
    pg_timeout: Annotated[int, Field(ge=1)] = Field(
        5000, description="How long a query may take, in milliseconds."
    )
    declarative_config: str | None = Field(
        None, description="The declarative file (YAML or JSON)."
    )
    declarative_config_watch: Switch = Field(
        default=False,
        description="Read the declarative file again when it changes, not only on SIGHUP.",
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
        description="Public URL of the Manager: its origin may call the Admin API.",
    )
    admin_allowed_hosts: str = Field(
        "",
        description="More host names under which the Admin API answers, comma-separated.",
    )
    userpool: Switch = Field(
        default=False, description="Run a user pool beside the gateway."
    )
    userpool_listen: Listen = Field(
        parse_listen("127.0.0.1:9229, 127.0.0.1:9443 ssl"),
        description="Where the user pool listens; the TLS port serves the hosted pages.",
    )
    userpool_issuer_base: str | None = Field(
        None,
        description="What issuers start with; `https://cognito-idp.localhost:<TLS port>` when unset.",
    )
    userpool_domain_suffix: str = Field(
        "auth.localhost", description="Hosted pages live at `<prefix>.<this>`."
    )
    userpool_domain_port: int | None = Field(
        None,
        description="Port in hosted URLs; the TLS port when unset, 443 to leave it out.",
    )
    userpool_region: str = Field(
        "ap-southeast-1", description="Region of pools whose caller names none."
    )
    userpool_database: DatabaseUrl | None = Field(
        None,
        repr=False,
        description="`sqlite:////FILE` or `postgresql://USER:PASSWORD@HOST/NAME` in libpq's form; "
        "a file in the prefix when unset. A server elsewhere must prove itself unless `sslmode` is "
        "said (`?sslmode=verify-full&sslrootcert=FILE`); `passfile=FILE` hides the password.",
    )
    userpool_ssl_cert: str | None = Field(
        None, description="Certificate file of the user pool; `ssl_cert` when unset."
    )
    userpool_ssl_cert_key: str | None = Field(
        None, description="Key file of that certificate."
    )
    userpool_strict: Switch = Field(
        default=False, description="Copy Cognito where the lenient default is kinder."
    )
    userpool_triggers: Triggers = Field(
        (),
        description="What runs for triggers: `NAME=URL` or `NAME=module:function`, comma-separated; "
        "NAME is the last part of the ARN in a pool's `LambdaConfig`. A URL is posted the event.",
    )
    userpool_testing: Switch = Field(
        default=False,
        description="Endpoints for tests: read mail, move the clock, break things, start over. "
        "Mail is kept instead of sent. Only where the user pool listens on loopback alone.",
    )
    userpool_seed: str | None = Field(
        None,
        description="A YAML file of pools, clients and users that are made at start unless they are there.",
    )
    userpool_credentials: Credentials = Field(
        (),
        repr=False,
        description="`ACCESS_KEY_ID:SECRET_ACCESS_KEY`, comma-separated: with any, signatures of the user "
        "pool's API are verified. Any signature is accepted when unset.",
    )
    userpool_client_rate: float = Field(
        0,
        ge=0,
        description="Requests a second that each app client's name may come in: API calls, `/oauth2/authorize`, "
        "`/oauth2/token`, `/oauth2/revoke`, `/oauth2/userInfo`, and forms of the hosted pages. Whoever knows a name can "
        "use it up, as far as `userpool_address_rate` lets them. Each process counts for itself; 0 for any number.",
    )
    userpool_address_rate: float = Field(
        0,
        ge=0,
        description="As many of the same requests a second from each address. All who come through one reverse "
        "proxy have its address; 0 for any number.",
    )
    userpool_console: Switch = Field(
        default=True,
        description="Serve the console at `/console`. Where the user pool listens on loopback alone and "
        "has no `userpool_credentials`, it is open there; else it asks for the token that `ostiary userpool console-token` prints.",
    )
    userpool_mailbox_url: str | None = Field(
        None,
        description="Where the console's link to the mailbox leads; with `userpool_testing` it has its own.",
    )
    userpool_sms_domain: str = Field(
        "sms.localhost",
        description="Short messages are mailed to `<number>@<this>`, as gateways to SMS take them.",
    )
    smtp_host: str = Field(
        "localhost", description="Where the user pool hands its mail to."
    )
    smtp_port: int = Field(25, description="Port of the mail server.")
    smtp_starttls: Switch = Field(
        default=False, description="Ask the mail server for STARTTLS."
    )
    smtp_ssl: Switch = Field(
        default=False, description="Speak TLS to the mail server from the start."
    )
    smtp_username: str | None = Field(None, description="User at the mail server.")
    smtp_password: str | None = Field(
        None, repr=False, description="Password at the mail server."
    )
    smtp_sender: str = Field(
        "no-reply@verificationemail.com", description="Sender of the user pool's mail."
    )


LOG_LEVELS = ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
OURS_ONLY = frozenset(
    {
        "upstream_tls_verify",
        "admin_allowed_hosts",
        "smtp_sender",
        "forwarded_for_append",
        "upstream_max_connections",
        "declarative_config_watch",
    }
    | {name for name in Settings.model_fields if name.startswith("userpool")}
)
_NGINX_NAMES = (
    "client_max_body_size",
    "client_header_timeout",
    "client_body_timeout",
    "send_timeout",
    "keepalive_timeout",
    "keepalive_requests",
)
_ALIASES = {f"nginx_http_{name}": name for name in _NGINX_NAMES}
_SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, and what the operator should be told of them."""

    settings: Settings
    warnings: tuple[str, ...]


def parse_file(text: str) -> dict[str, str]:
    """The names and values of a kong.conf-style file: `name = value`, `#` begins a comment."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.split(r"(?<!\\)#", line, maxsplit=1)[0].replace(r"\#", "#").strip()
        if not bare:
            continue
        name, sign, value = (part.strip() for part in bare.partition("="))
        if not sign or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            wrong.append(f"line {number}: must be of form: name = value")
        found[name] = value
    if wrong:
        raise SettingsInvalid("; ".join(wrong))
    return found


def _unknown(name: str, where: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"{where}: unknown setting{hint}"


def _from_environ(
    environ: Mapping[str, str], warnings: list[str], problems: list[str]
) -> dict[str, str]:
    # An empty variable is an unset one: container files cannot leave a name out.
    environ = {name: value for name, value in environ.items() if value}
    found: dict[str, str] = {}
    ignored = []
    for variable in sorted(environ):
        if not variable.startswith("KONG_"):
            continue
        name = _ALIASES.get(key := variable.removeprefix("KONG_").lower(), key)
        if name in Settings.model_fields and name not in OURS_ONLY:
            found[name] = environ[variable]
        else:
            ignored.append(variable)
    if ignored:
        warnings.append(f"ignored settings: {', '.join(ignored)}")
    for variable in sorted(environ):
        if variable.startswith("OSTIARY_"):
            name = variable.removeprefix("OSTIARY_").lower()
            name = _ALIASES.get(name, name)
            if name in Settings.model_fields:
                found[name] = environ[variable]
            else:
                problems.append(_unknown(name, variable))
    return found


def is_loopback(address: ListenAddress) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address.host.strip("[]")).is_loopback
    except ValueError:
        return address.host == "localhost"


def show_settings(settings: Settings) -> dict[str, Any]:
    """
    Every setting as the root of the Admin API shows it; what may be secret is masked.

    Spec: gateway §1.14 (what clients read), §5.1 (which names are secret).
    """
    shown: dict[str, Any] = settings.model_dump(mode="json")
    for name, value in shown.items():
        if value is not None and _SECRET_NAME.search(name) and isinstance(value, str):
            shown[name] = "******"
    shown |= {
        "database": "off" if settings.database == "off" else "postgres",
        "router_flavor": "traditional_compatible",
        "rbac": "off",
        "enforce_rbac": "off",
        "portal": False,
        "role": "traditional",
    }
    for name in ("proxy", "admin", "status"):
        addresses = getattr(settings, f"{name}_listen")
        shown[f"{name}_listeners"] = [_show_listener(a) for a in addresses]
        shown[f"{name}_listen"] = [a["listener"] for a in shown[f"{name}_listeners"]]
    shown["stream_listeners"] = []
    return shown


def _show_listener(address: ListenAddress) -> dict[str, Any]:
    text = f"{address.host}:{address.port}" + (" ssl" if address.tls else "")
    return {
        "ip": address.host,
        "port": address.port,
        "ssl": address.tls,
        "http2": False,
        "proxy_protocol": False,
        "deferred": False,
        "bind": False,
        "reuseport": True,
        "backlog=%d+": False,
        "listener": text,
    }


def _check_together(settings: Settings) -> list[str]:
    """What is wrong with values that are well-formed one by one."""
    problems = []
    if settings.database == "cassandra":
        problems.append(
            "Cassandra as a datastore for Kong is not supported in versions 3.4 and above. "
            "Please use Postgres."
        )
    elif settings.database not in DATABASES:
        problems.append(f"in 'database': must be one of {', '.join(DATABASES)}")
    if settings.userpool_testing:
        open_hosts = [a.host for a in settings.userpool_listen if not is_loopback(a)]
        if open_hosts:
            problems.append(
                f"userpool_testing lets anybody read codes: userpool_listen must be loopback, not "
                f"{open_hosts[0]}"
            )
    if settings.userpool_mailbox_url is not None and not is_http_url(
        settings.userpool_mailbox_url
    ):
        problems.append(
            "in 'userpool_mailbox_url': must be one absolute http or https URL"
        )
    if (settings.ssl_cert is None) != (settings.ssl_cert_key is None):
        problems.append("ssl_cert and ssl_cert_key must be set together")
    if settings.client_ssl and not (
        settings.client_ssl_cert and settings.client_ssl_cert_key
    ):
        problems.append("client_ssl needs client_ssl_cert and client_ssl_cert_key")
    if settings.ssl_cipher_suite not in {"modern", "intermediate", "custom"}:
        problems.append(
            "in 'ssl_cipher_suite': must be one of modern, intermediate, custom"
        )
    if (settings.ssl_cipher_suite == "custom") != (settings.ssl_ciphers is not None):
        problems.append("ssl_ciphers and ssl_cipher_suite = custom go together")
    if (
        settings.ssl_cipher_suite == "modern"
        and "TLSv1.3" not in settings.ssl_protocols
    ):
        problems.append("ssl_cipher_suite = modern needs TLSv1.3 in ssl_protocols")
    if settings.log_level not in LOG_LEVELS:
        problems.append(f"in 'log_level': must be one of {', '.join(LOG_LEVELS)}")
    if settings.admin_gui_url is not None and not is_http_url(settings.admin_gui_url):
        problems.append("in 'admin_gui_url': must be one absolute http or https URL")
    return problems


def read_settings(
    *,
    file_text: str | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """
    Defaults, then the file, then the environment, then overrides.

    Raises:
        SettingsInvalid: An unknown name of ours, or values that cannot be; all at once.
    """
    warnings: list[str] = []
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in parse_file(file_text or "").items():
        known = _ALIASES.get(name, name)
        if known in Settings.model_fields:
            values[known] = value
        else:
            problems.append(_unknown(name, f"setting {name}"))
    values |= _from_environ(environ, warnings, problems)
    values |= overrides or {}
    if not values.get("database"):
        values["database"] = "off" if values.get("declarative_config") else "sqlite"
    size = values.get("client_max_body_size")
    if isinstance(size, str) and size[-1:].lower() in _SIZES and size[:-1].isdecimal():
        values["client_max_body_size"] = int(size[:-1]) * _SIZES[size[-1].lower()]
    try:
        settings = Settings.model_validate(values, strict=False)
    except ValidationError as error:
        found = describe_problems(read_problems(error))
        raise SettingsInvalid("; ".join((*problems, found))) from error
    problems += _check_together(settings)
    if problems:
        raise SettingsInvalid("; ".join(problems))
    listens = ("proxy_listen", "admin_listen", "status_listen")
    if any("http2" in str(values.get(n, "")) for n in listens):
        warnings.append("http2 in a listen setting: HTTP/1.1 is served")
    return LoadedSettings(settings=settings, warnings=tuple(warnings))
