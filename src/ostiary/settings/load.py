"""
Settings from all their sources, judged: everything that is wrong at once. Pure.

Spec: Kong's configuration loading (gateway §5.1); decision D24.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from ostiary.http.url import is_http_url
from ostiary.model.words import describe_problems, read_problems
from ostiary.settings.answers import answer_strays
from ostiary.settings.listen import find_flags_without_effect, is_loopback
from ostiary.settings.operators import check_operators
from ostiary.settings.sources import Collected, ReadFile
from ostiary.settings.table import Settings, SettingsInvalid, is_secret

DATABASES: Final = ("postgres", "sqlite", "off")
LOG_LEVELS: Final = (
    "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"
)  # fmt: skip
_SUITES: Final = ("modern", "intermediate", "custom")
_SIZES: Final = {"k": 1024, "m": 1024**2, "g": 1024**3}
_CERTIFICATES: Final = (
    "ssl_cert", "ssl_cert_key", "client_ssl_cert", "client_ssl_cert_key",
    "userpool_ssl_cert", "userpool_ssl_cert_key", "pg_ssl_cert", "pg_ssl_cert_key",
)  # fmt: skip
_LONGEST_SHOWN: Final = 100
_CASSANDRA: Final = (
    "Cassandra as a datastore for Kong is not supported in versions 3.4 and above. "
    "Please use Postgres."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSettings:
    """Settings, and what the operator should be told of them."""

    settings: Settings
    warnings: tuple[str, ...]


def read_nothing(path: str) -> str:
    """
    Stand in for a reader where there are no files.

    Raises:
        FileNotFoundError: Always.
    """
    raise FileNotFoundError(2, "No such file or directory", path)


def read_settings(
    *,
    file_text: str | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    read_file: ReadFile = read_nothing,
) -> LoadedSettings:
    """
    Defaults, then the file, then the environment, then overrides.

    Args:
        read_file: the text of a file that a `*_FILE` variable names; it may raise OSError.

    Raises:
        SettingsInvalid: An unknown name of ours, or values that cannot be; all at once.
    """
    said = Collected()
    said.add_file(file_text or "")
    for prefix in ("KONG_", "OSTIARY_"):
        said.add_environ(environ, prefix, read_file)
    said.resolve(environ)
    values: dict[str, Any] = {**said.values, **(overrides or {})}
    warnings = [f"ignored settings: {', '.join(said.unknown)}"] if said.unknown else []
    answers, refused = answer_strays(said.strays)
    problems = [*said.problems, *refused]
    settings, wrong = _validate(_complete(values), values)
    problems += wrong
    if settings is not None:
        for name, text in _check_together(settings):
            problems.append(_describe(name, text, values))
        required = said.strays.get("pg_ssl_required")
        is_required = required is not None and required.value.lower() in {"on", "true"}
        if required and is_required and not settings.pg_ssl:
            problems.append(f"{required.label}: needs pg_ssl = on, which requires TLS")
    if settings is None or problems:
        raise SettingsInvalid("; ".join(problems))
    others = (*_warn_of_listens(values), *_warn_of_audit(settings))
    return LoadedSettings(settings=settings, warnings=(*warnings, *answers, *others))


def _complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with what follows from others."""
    found = dict(values)
    if not found.get("database"):
        has_file = any(
            found.get(name)
            for name in ("declarative_config", "declarative_config_string")
        )
        found["database"] = "off" if has_file else "sqlite"
    size = found.get("client_max_body_size")
    if isinstance(size, str) and size[-1:].lower() in _SIZES and size[:-1].isdecimal():
        found["client_max_body_size"] = int(size[:-1]) * _SIZES[size[-1].lower()]
    return found


def _validate(
    complete: Mapping[str, Any], said: Mapping[str, Any]
) -> tuple[Settings | None, list[str]]:
    try:
        return Settings.model_validate(complete, strict=False), []
    except ValidationError as error:
        return None, [
            _describe(str(path[0]) if path else None, text, said)
            for path, text in read_problems(error)
        ]


def _describe(name: str | None, text: str, said: Mapping[str, Any]) -> str:
    """A problem with the setting, what it must be, and what it is unless that may be secret."""
    if name is None:
        return text
    problem = describe_problems([((name,), text)])
    value = said.get(name)
    if not isinstance(value, str) or is_secret(name):
        return problem
    shown = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
    return problem if f"'{value}'" in text else f"{problem} (is '{shown}')"


def _check_together(settings: Settings) -> Iterator[tuple[str | None, str]]:
    """What is wrong with values that are well-formed one by one: (setting, text)."""
    yield from _check_words(settings)
    yield from _check_certificates(settings)
    yield from check_operators(settings)
    if settings.enforce_rbac != "off" and settings.database == "off":
        text = "must be off without a database: nobody would be known"
        yield "enforce_rbac", text
    if settings.portal and settings.database == "off":
        yield "portal", "must be off without a database: developers are kept in it"
    if settings.userpool_testing:
        open_hosts = [a.host for a in settings.userpool_listen if not is_loopback(a)]
        if open_hosts:
            text = (
                "userpool_testing lets anybody read codes: userpool_listen must be loopback, not "
                f"{open_hosts[0]}"
            )
            yield None, text
    if settings.declarative_config and settings.declarative_config_string:
        text = "only one of declarative_config and declarative_config_string can be set"
        yield None, text


def _check_words(settings: Settings) -> Iterator[tuple[str | None, str]]:
    if settings.database == "cassandra":
        yield None, _CASSANDRA
    elif settings.database not in DATABASES:
        yield "database", f"must be one of {', '.join(DATABASES)}"
    if settings.log_level not in LOG_LEVELS:
        yield "log_level", f"must be one of {', '.join(LOG_LEVELS)}"
    for name in ("admin_gui_url", "userpool_mailbox_url"):
        value = getattr(settings, name)
        if value is not None and not is_http_url(value):
            yield name, "must be one absolute http or https URL"


def _check_certificates(settings: Settings) -> Iterator[tuple[str | None, str]]:
    for name in _CERTIFICATES:
        value = getattr(settings, name)
        if value is not None and ("-----BEGIN" in value or "," in value):
            # Without the value: it may be a key.
            yield None, f"in '{name}': must be the path of one PEM file"
    for cert in ("ssl_cert", "pg_ssl_cert"):
        if (getattr(settings, cert) is None) != (
            getattr(settings, f"{cert}_key") is None
        ):
            yield None, f"{cert} and {cert}_key must be set together"
    if settings.client_ssl and not (
        settings.client_ssl_cert and settings.client_ssl_cert_key
    ):
        yield None, "client_ssl needs client_ssl_cert and client_ssl_cert_key"
    if settings.ssl_cipher_suite not in _SUITES:
        yield "ssl_cipher_suite", f"must be one of {', '.join(_SUITES)}"
    if (settings.ssl_cipher_suite == "custom") != (settings.ssl_ciphers is not None):
        yield None, "ssl_ciphers and ssl_cipher_suite = custom go together"
    if (
        settings.ssl_cipher_suite == "modern"
        and "TLSv1.3" not in settings.ssl_protocols
    ):
        yield None, "ssl_cipher_suite = modern needs TLSv1.3 in ssl_protocols"


def _warn_of_audit(settings: Settings) -> Iterator[str]:
    if settings.audit_log and settings.database == "off":
        yield "audit_log: no effect: the audit log needs a database, postgres or sqlite"


def _warn_of_listens(values: Mapping[str, Any]) -> Iterator[str]:
    texts = [
        value
        for name, value in values.items()
        if name.endswith("_listen") and isinstance(value, str)
    ]
    if any(re.search(r"\shttp2(\s|,|$)", text) for text in texts):
        yield "http2 in a listen setting: HTTP/1.1 is served"
    flags = dict.fromkeys(f for text in texts for f in find_flags_without_effect(text))
    if flags:
        yield f"no effect in a listen setting: {', '.join(flags)}"
