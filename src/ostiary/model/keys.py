"""
Keys, sets of keys, and vaults that values are read from when they are used.

Spec: gateway §1.9.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from ostiary.model.entity import Check, Entity
from ostiary.model.fields import Name, NonEmpty, Uuid
from ostiary.model.row import NotYetTrue, Row
from ostiary.model.words import Problem


class KeySet(Row):
    """A set of keys."""

    name: Name | None = None


class Pem(Entity):
    """A key in PEM: at least one half of it."""

    private_key: NonEmpty | None = Field(default=None, repr=False)
    public_key: NonEmpty | None = None


def _judge_form(values: Mapping[str, Any]) -> Iterable[Problem]:
    if (values["jwk"] is None) == (values["pem"] is None):
        yield (), "exactly one of these fields must be non-empty: 'jwk', 'pem'"


def _judge_kid(values: Mapping[str, Any]) -> Iterable[Problem]:
    if values["jwk"] is None:
        return
    found = json.loads(values["jwk"])
    if found.get("kid") != values["kid"]:
        yield ("jwk",), "kid in jwk.kid must be equal to keys.kid"


def _check_jwk(value: str) -> str:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError("could not load JWK, likely not a valid key") from error
    if not isinstance(found, dict) or not isinstance(found.get("kty"), str):
        raise ValueError("could not load JWK, likely not a valid key")
    return value


def _dump_jwk(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict) else value


class Key(Row):
    """A key by its id within a set, as JWK or PEM."""

    set: Uuid | None = None
    name: Name | None = None
    kid: NonEmpty
    jwk: Annotated[
        Annotated[NonEmpty, AfterValidator(_check_jwk)] | None,
        BeforeValidator(_dump_jwk),
    ] = Field(default=None, repr=False)
    pem: Pem | None = None

    checks: ClassVar = (
        Check(fields=("jwk", "pem"), judge=_judge_form),
        Check(fields=("jwk", "kid"), judge=_judge_kid),
    )


class EnvConfig(Entity):
    """Where the vault of environment variables looks: `prefix` begins every name."""

    prefix: NonEmpty | None = None
    base64_decode: NotYetTrue = False


def _check_prefix(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z\d-]*[a-z\d]+", value):
        raise ValueError(f"invalid value: {value}")
    if value in {"env", "aws", "gcp", "hcv", "azure", "conjur", "file"}:
        raise ValueError(f"must not be one of: {value}")
    return value


def _check_vault(value: str) -> str:
    if value != "env":
        raise ValueError(f"vault '{value}' is not installed")
    return value


class Vault(Row):
    """A place that values are read from under `{vault://<prefix>/…}`."""

    prefix: Annotated[str, AfterValidator(_check_prefix)]
    name: Annotated[str, AfterValidator(_check_vault)]
    description: str | None = None
    config: EnvConfig = EnvConfig()
