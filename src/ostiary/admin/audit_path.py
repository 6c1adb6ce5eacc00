"""
Paths of the Admin API as they may be written down, and what their bodies are about. Pure.

A few rows are called by a key that opens something: `/key-auths/{key}`. Whatever follows such a
collection is hidden but for a word that we know at the end, so that a slash in a key or a
collection that is mistyped hides no less. A UUID may stay: it is an id.

Spec: gateway §§1.10, 1.17.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from ostiary.admin.places import read_place
from ostiary.admin.redaction import is_secret_name, is_secret_text
from ostiary.admin.rows import is_uuid
from ostiary.admin.scope import split_path
from ostiary.model.kinds import EVERY_KIND, KINDS, Kind

HIDDEN: Final = "***"
MAX_CHARS: Final = 2048
_CUT_SHORT: Final = "..."
# What a body says that names rows and nothing else.
NAMING: Final = frozenset({"roles", "group", "consumer"})


def _words(kind: Kind) -> set[str]:
    return {kind.name, kind.below, *([kind.path] if kind.path else [])}


def _is_named_by_secret(kind: Kind) -> bool:
    key = kind.endpoint_key
    return key is not None and (key in kind.sealed or is_secret_name(key))


_BY_SECRET: Final = frozenset().union(
    *(_words(kind) for kind in KINDS.values() if _is_named_by_secret(kind))
)
_PLAIN: Final = frozenset().union(
    *(
        _words(kind) | {reference.field for reference in kind.references}
        for kind in KINDS.values()
    )
) - _BY_SECRET  # fmt: skip
# What may part a collection from a key that is no segment of its own.
_SEPARATOR: Final = re.compile(r"[/;:?#\\]")
_LIKE_SECRET: Final = ("key", "jwt", "auth")


def _opens_secrets(word: str) -> bool:
    return (
        word in _BY_SECRET
        or is_secret_name(word)
        or any(part in word for part in _LIKE_SECRET)
    )


def hide_path(raw: str) -> str:
    """A path as it was sent, without keys, and no longer than anybody reads."""
    shown: list[str] = []
    is_hiding = False
    segments = raw.split("/")
    last = len(segments) - 1 - (len(segments) > 1 and not segments[-1])
    for number, segment in enumerate(segments):
        word = unquote(segment).lower()
        if _SEPARATOR.search(word) and any(
            _opens_secrets(part) for part in _SEPARATOR.split(word)
        ):
            shown.append(HIDDEN)
            continue
        if not word or (word in _PLAIN and (not is_hiding or number == last)):
            shown.append(segment)
        elif (
            is_hiding and word not in _BY_SECRET and not is_uuid(segment)
        ) or is_secret_text(unquote(segment)):
            shown.append(HIDDEN)
        else:
            # What follows a collection is the name of a row: `/services/auth-service`.
            is_name = number > 0 and unquote(segments[number - 1]).lower() in _PLAIN
            opens = word in _BY_SECRET or (_opens_secrets(word) and not is_name)
            is_hiding = is_hiding or opens
            shown.append(segment)
    path = "/".join(shown)
    return path if len(path) <= MAX_CHARS else path[:MAX_CHARS] + _CUT_SHORT


def read_steps(raw: str) -> list[str]:
    """The steps of a path, decoded."""
    return [unquote(step) for step in split_path(raw)]


def is_whole_configuration(steps: Sequence[str]) -> bool:
    """Whether a body is a declarative file; a workspace may come first."""
    return 1 <= len(steps) <= 2 and steps[-1].lower() == "config"


def find_kind(steps: Sequence[str]) -> Kind | None:
    """Of which kind the row is that a body describes; a workspace may come first."""
    for some in (steps, steps[1:]):
        match [*some]:
            case ["schemas", name, "validate"]:
                return KINDS.get(name.replace("-", "_"))
            case ["developers", "roles", *rest] if len(rest) <= 1:
                return EVERY_KIND["developer_roles"]
            case ["developers", *rest] if len(rest) <= 1:
                return EVERY_KIND["developers"]
            case ["developers", _, "credentials", _, *rest] if len(rest) <= 1:
                return EVERY_KIND["developer_credentials"]
            case ["admins" | "groups" as what, *rest] if len(rest) <= 1:
                return EVERY_KIND[what]
            case ["rbac", "users" | "roles" as what, *rest] if len(rest) <= 1:
                return EVERY_KIND[f"rbac_{what}"]
            case ["rbac", "roles", _, "endpoints", *_]:
                return EVERY_KIND["rbac_role_endpoints"]
            case ["rbac", "roles", _, "entities", *_]:
                return EVERY_KIND["rbac_role_entities"]
            case _ if (place := read_place(some)) is not None:
                return place.kind
    return None


def has_names(steps: Sequence[str]) -> bool:
    """Whether a body names rows and says nothing else: who joins what; a workspace may come first."""
    for some in (steps, steps[1:]):
        match [*some]:
            case (
                ["consumer_groups", _, "consumers"]
                | ["consumers", _, "consumer_groups"]
                | ["rbac", "users", _, "roles"]
                | ["admins", _, "roles"]
            ):
                return True
    return False
