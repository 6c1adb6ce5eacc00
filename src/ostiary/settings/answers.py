"""
What is said of settings that Kong has and we do not: a line for each family, never silence.

What would restrict or verify something and is not built is refused, so that nobody believes to
be protected. Values that ask for what happens anyway need no word.

Spec: gateway §§5.2-5.8; decision D28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A setting without a field of ours: its value, and how whoever set it calls it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said of the names that match, unless their value matches `fine`."""

    names: re.Pattern[str]
    text: str
    fine: re.Pattern[str]
    is_refused: bool = False


def _say(names: str, text: str, fine: str = r"(?!)") -> Answer:
    return Answer(names=re.compile(names, re.VERBOSE), text=text, fine=re.compile(fine))


def _refuse(names: str, text: str, fine: str) -> Answer:
    compiled = re.compile(names, re.VERBOSE)
    return Answer(names=compiled, text=text, fine=re.compile(fine), is_refused=True)


# The first that fits is the answer; values are compared in small letters, blanks taken out.
ANSWERS: Final = (
    _refuse("enforce_route_path_pattern", "must not be set: patterns for paths are not supported yet", "off|none"),
    _refuse("role", "must be traditional: hybrid mode is not supported yet; let nodes share a PostgreSQL database", "traditional"),
    _refuse("konnect_mode", "must be off: there is no control plane of others to join", "off"),
    _refuse("router_flavor", "must be traditional_compatible: routes of expressions are not supported yet", "traditional(_compatible)?"),
    _refuse("proxy_server | proxy_url", "must not be set: a forward proxy is not supported yet, calls would go out directly", "none"),
    _refuse("pg_iam_auth | pg_ro_iam_auth", "must be off: tokens of IAM are not supported yet; use pg_password", "off"),
    _refuse("lua_ssl_protocols", "must hold TLSv1.2: calls to providers and upstreams take 1.2 and 1.3", ".*tlsv1[.]2.*"),
    _refuse("vaults", "must be bundled: references to env are always read", "(?!off$).*"),
    _refuse("cluster_ocsp", "must be off: hybrid mode is not supported yet", "off"),
    _refuse(
        """nginx_[a-z]+_(allow | deny | satisfy | auth_.* | limit_(?!rate).* | .*verify.* | internal |
        valid_referers | secure_link.* | ssl_(client_certificate|trusted_certificate|crl|reject_handshake))""",
        "is not supported: it would restrict who gets in; use a plugin (ip-restriction, key-auth) or admin_listen",
        "off",
    ),
    _say("cassandra_.*", "no effect: there is no Cassandra; the database is PostgreSQL, SQLite or off"),
    _say("license_(data|path)", "no licence is needed: every feature is there without"),
    _refuse("portal_is_legacy", "must be off: the portal has no legacy renderer", "off"),
    _refuse("portal_gui_use_subdomains", "must be off: workspaces are the first segment of the portal's paths", "off"),
    _say("portal_(gui|api)_(access|error)_log | admin_gui_(access|error)_log", "no effect: what goes wrong is in admin_error_log", "off|logs/.*"),
    _say("portal_(gui|api)_ssl_cert(_key)?", "no effect: every listener shows ssl_cert"),
    _say("portal_.*", "no effect yet: the portal does not know it", "off|none|0|kong-oauth2|21600"),
    _say("admin_gui_(api_url|path) | admin_api_uri", "no effect: the Manager asks the Admin API within the node and is served at /", "/"),
    _say("admin_gui_(header|footer)_(bg|txt)_color", "no effect: lines above and below pages have the Manager's own colours, which are readable in the dark, too", "none"),
    _say("admin_gui_auth_header", "no effect: the Manager asks the Admin API within the node, and reads no such header", "kong-admin-user"),
    _say(
        "admin_gui_.* | admin_(emails|approved)_.*",
        "no effect yet: the Manager does not know it", "off|none|kong-admin-token|kong-admin-user",
    ),
    _say("keyring_.*", "no effect: secrets are always sealed with the key in the prefix, secrets/database.key", "off"),
    _say("event_hooks_enabled | vitals | vitals_.* | analytics_.*", "no effect: there are no event hooks and no Vitals; see /metrics", "off"),
    _say("smtp_(auth_type | domain | timeout_.*)", "no effect: mail is sent as smtp_host, smtp_username, smtp_starttls and smtp_ssl say", "plain|login|none"),
    _say("cluster_.*", "no effect: hybrid mode is not supported yet; nodes share a PostgreSQL database", "off|none"),
    _say("pg_ro_.*", "no effect: reads go to pg_host as well"),
    # Judged together with pg_ssl, see `load`.
    _say("pg_ssl_required", "", "on|off|true|false"),
    _say("pg_(max_concurrent_queries | semaphore_timeout | keepalive_timeout | pool_size | backlog)", "no effect: only control asks the database, a few connections at a time", "none|0"),
    _say("db_.* | mem_cache_size | worker_.* | lmdb_.*", "no effect: every worker holds the configuration, and has what is new within a second", "eventual|none"),
    _say("(admin | admin_gui | status)_ssl_cert(_key)?", "no effect: every listener shows ssl_cert"),
    _say("ssl_(prefer_server_ciphers | dhparam | session_.*)", "no effect: what ssl_cipher_suite names is used, with session tickets", "on|none"),
    _say("lua_ssl_verify_depth", "no effect: chains of any length are verified"),
    _say("lua_ssl_protocols", "no effect beyond TLS 1.2 and 1.3", r"tlsv1\.2|tlsv1\.2,?tlsv1\.3|tlsv1\.3,?tlsv1\.2"),
    _say("vaults", "no effect: references to env are read, those to other vaults stay as they are", "bundled|env"),
    _say("router_flavor", "routes are matched as by traditional_compatible", "traditional_compatible"),
    _say("dns_.* | new_dns_client | resolver_.*", "no effect: the system resolves names; dns_valid_ttl, dns_stale_ttl, dns_not_found_ttl and dns_error_ttl say for how long", "system|off|none|/etc/hosts"),
    _say("tracing_.* | opentelemetry_.* | request_debug | request_debug_token | active_tracing", "no effect: nothing is traced; see /metrics and the access log", "off"),
    _say("anonymous_reports", "no effect: nothing is ever reported to anybody", "off"),
    _say("error_default_type | error_template_.*", "no effect: errors are JSON, HTML, XML or text, as the client accepts"),
    _say("stream_.* | proxy_stream_.*", "no effect: streams below HTTP are not proxied, no listener of them is opened", "off|none"),
    _say("client_body_buffer_size", "no effect: bodies are passed on as they come"),
    _say("lua_.* | untrusted_lua | untrusted_lua_.* | openresty_path | pluginserver_.* | wasm | wasm_.*", "no effect: there is no Lua, no Wasm and no plugin server; plugins are Python", "off|none"),
    _say("nginx_user", "no effect: start Ostiary as the user that it should be"),
    _say("nginx_daemon", "no effect: `ostiary start` stays in the foreground", "off"),
    _say("proxy_server_ssl_verify | legacy_.* | socket_path | dedicated_config_processing", "no effect: there is nothing here that it would change"),
    _say("nginx_.*", "no effect: there is no nginx; client_max_body_size, client_*_timeout, send_timeout, keepalive_* and upstream_keepalive_* are translated"),
)  # fmt: skip


def is_known(name: str) -> bool:
    """Tell whether Kong has a setting of this name to which there is an answer."""
    return any(answer.names.fullmatch(name) for answer in ANSWERS)


def answer_strays(
    strays: Mapping[str, Stray],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What operators should know of settings that `is_known`: warnings, and what is refused."""
    said: dict[str, list[str]] = {}
    refused: list[str] = []
    for name, stray in strays.items():
        value = re.sub(r"\s", "", stray.value).lower()
        answer = _find(name, value)
        if answer is None:
            continue
        if answer.is_refused:
            refused.append(f"{stray.label}: {answer.text}")
        else:
            said.setdefault(answer.text, []).append(stray.label)
    return tuple(f"{', '.join(who)}: {what}" for what, who in said.items()), tuple(
        refused
    )


def _find(name: str, value: str) -> Answer | None:
    for answer in ANSWERS:
        if answer.names.fullmatch(name) and not answer.fine.fullmatch(value):
            return answer
        if answer.names.fullmatch(name) and not answer.is_refused:
            return None
    return None
