"""
Settings of the Admin API's audit log. Pure.

Spec: gateway §§1.17, 5.7 (names and defaults).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from ostiary.model.entity import Entity
from ostiary.model.fields import compile_pattern
from ostiary.settings.values import Switch

_METHOD = re.compile(r"[A-Z]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST_TTL_S = 100 * 365 * 86400


def _split(value: str) -> tuple[str, ...]:
    found = [part.strip() for part in value.split(",") if part.strip()]
    return tuple(dict.fromkeys(found))


def _read_methods(value: object) -> object:
    if not isinstance(value, str):
        return value
    methods = _split(value.upper())
    if not all(map(_METHOD.fullmatch, methods)):
        raise ValueError("must be HTTP methods, for example GET, OPTIONS")
    return methods


def _read_names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = _split(value)
    if not all(map(_NAME.fullmatch, names)):
        raise ValueError("must be names, comma-separated")
    return names


def _read_patterns(value: object) -> object:
    if not isinstance(value, str):
        return value
    patterns = _split(value)
    for pattern in patterns:
        compile_pattern(pattern)
    return patterns


Methods = Annotated[tuple[str, ...], BeforeValidator(_read_methods)]
Names = Annotated[tuple[str, ...], BeforeValidator(_read_names)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_read_patterns)]


class AuditSettings(Entity):
    """What the audit log records, for how long, and what never gets into it."""

    audit_log: Switch = Field(
        default=False,
        description="Record every request to the Admin API and every row that it changes.",
    )
    audit_log_ignore_methods: Methods = Field(
        (), description="Requests with these methods are not recorded."
    )
    audit_log_ignore_paths: Patterns = Field(
        (),
        description="Nor are those whose path one of these regular expressions is found in.",
    )
    audit_log_ignore_tables: Names = Field(
        (), description="Changes of rows of these kinds are not recorded."
    )
    audit_log_payload_exclude: Names = Field(
        ("token", "secret", "password"),
        description="Fields that are never recorded, beside all that are known to be secret.",
    )
    audit_log_record_ttl: Annotated[int, Field(ge=1, le=_LONGEST_TTL_S)] = Field(
        2592000, description="How long a record is kept, in seconds."
    )
    audit_log_signing_key: str | None = Field(
        None, description="RSA private key file (PEM) that signs every record."
    )
