"""
What may be written down of requests and rows: everything that is known and is no secret. Pure.

It fails closed. Of a row whose kind is known only fields of its model are kept, and of those none
that is sealed, marked as secret, or a map whose members anybody may name; elsewhere names decide.
Whatever a field is called, texts that look like credentials are taken out. What is taken out is
named, unless the name itself is unknown: it may be a secret in the wrong place.

Spec: gateway §1.17 (`removed_from_payload`), decision D17.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args, get_origin

from pydantic.fields import FieldInfo

from ostiary.model.entity import Entity
from ostiary.model.kinds import EVERY_KIND, Kind

Json = Any  # Any: JSON
UNKNOWN: Final = "(unknown)"
MAX_DEPTH: Final = 32
_CUT: Final = object()
# What is taken beside the fields of the models.
_EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "services": ("url",),
    "certificates": ("snis",),
}
_SECRET_NAME: Final = re.compile(
    r"secret|passw|^pass$|^sig$|pwd|passphrase|token|private|cookie|authorization|credential|signature|salt|"
    r"api[-_]?key|^x[-_].*key|^key(_alt)?$|(^|[-_])(jwks?|pem)$|(headers|args)_values$",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_SECRET_TEXT: Final = re.compile(
    r"PRIVATE KEY-----|://[^/?#\s]*@|^\s*(bearer|basic|digest|negotiate|dpop|apikey)\s+\S|"
    r"(^|[^A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(r"(?:^|[\s?&;,#])([A-Za-z0-9_.~%-]+)\s*[:=]")
_QUERY: Final = re.compile(r"(://[^\s?]*)\?\S+")
_JSON: Final = re.compile(r'\s*(\{|\[\s*[\[{"])')


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a field: whether it is secret, and the fields of the record that it is."""

    is_secret: bool = False
    below: Mapping[str, Known] | None = None


Fields = Mapping[str, Known]


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is taken for a secret, wherever it is."""
    return _SECRET_NAME.search(name) is not None


def is_secret_text(text: str) -> bool:
    """Whether a text looks like a credential, or has one in it under its name."""
    if text.lstrip().startswith("-----BEGIN "):
        return "PRIVATE" in text  # the letters of certificates may spell any name
    if _SECRET_TEXT.search(text):
        return True
    return any(is_secret_name(match[1]) for match in _NAMED.finditer(text))


def read_fields(model: type[Entity], *, sealed: Iterable[str] = ()) -> Fields:
    """What is known of a model's fields; those of `sealed` are secret."""
    return {
        name: Known(is_secret=True) if name in sealed else _read_field(info)
        for name, info in model.model_fields.items()
    }


def _read_field(info: FieldInfo) -> Known:
    extra = info.json_schema_extra
    marked = callable(extra) or bool(extra and extra.get("secret"))
    if marked or not info.repr or _holds_map(info.annotation):
        return Known(is_secret=True)
    records = [read_fields(model) for model in _find_models(info.annotation)]
    return Known(below=join_fields(records) if records else None)


def _holds_map(kind: Any) -> bool:  # Any: types are values here
    return (
        get_origin(kind) is dict or kind is dict or any(map(_holds_map, get_args(kind)))
    )


def _find_models(kind: Any) -> Iterator[type[Entity]]:
    if isinstance(kind, type) and issubclass(kind, Entity):
        yield kind
    for inner in get_args(kind):
        yield from _find_models(inner)


def join_fields(some: Iterable[Fields]) -> Fields:
    """What is known of records that may be any of several: secret is what is secret in one."""
    found: dict[str, Known] = {}
    for fields in some:
        for name, known in fields.items():
            before = found.get(name, known)
            below = [k.below for k in (before, known) if k.below is not None]
            found[name] = Known(
                is_secret=before.is_secret or known.is_secret,
                below=join_fields(below) if below else None,
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What is left, and the names of what was taken out."""

    value: Json
    removed: tuple[str, ...] = ()

    @property
    def named(self) -> str | None:
        """The names as one text, None for none."""
        return ",".join(self.removed) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redactor:
    """
    What redacts.

    `excluded` are names that an operator wants out; `plugins` are the configs' fields. `words`
    are all names of fields that there are: they may be told wherever they are.
    """

    excluded: frozenset[str]
    plugins: Mapping[str, Fields]
    kinds: Mapping[str, Fields]
    words: frozenset[str] = field(repr=False)

    def redact(self, data: Json, kind: Kind | None) -> Redacted:
        """What may be written down of a row of a kind, or of what is of no kind we know."""
        removed: dict[str, None] = {}
        known = None if kind is None else self._fields_of(kind, data)
        value = self._clean(data, known, (), removed)
        return Redacted(value=None if value is _CUT else value, removed=tuple(removed))

    def _fields_of(self, kind: Kind, data: Json) -> Fields:
        fields = self.kinds[kind.name]
        if kind.name != "plugins":
            return fields
        name = data.get("name") if isinstance(data, dict) else None
        if name is None:
            # A change of a row that does not repeat whose it is.
            config: Fields = join_fields(self.plugins.values())
        else:
            config = self.plugins.get(name, {}) if isinstance(name, str) else {}
        return {**fields, "config": Known(below=config)}

    def _clean(
        self, value: Json, fields: Fields | None, path: tuple[str, ...], removed: dict[str, None],
    ) -> Json:  # fmt: skip
        """The value without what is secret, or _CUT when nothing of it can stay."""
        if len(path) > MAX_DEPTH:
            return self._cut(path, removed)
        if isinstance(value, dict):
            return self._clean_record(value, fields, path, removed)
        if isinstance(value, list):
            found = [self._clean(v, fields, (*path, "[]"), removed) for v in value]
            return [v for v in found if v is not _CUT]
        if value is None or isinstance(value, bool):
            return value
        if fields is not None:
            return self._cut(path, removed)  # a record, they say, and it is none
        if isinstance(value, str):
            return self._clean_text(value, path, removed)
        return value

    def _clean_record(
        self, value: Mapping[str, Json], fields: Fields | None, path: tuple[str, ...],
        removed: dict[str, None],
    ) -> Json:  # fmt: skip
        found: dict[str, Json] = {}
        for name, inner in value.items():
            known = None if fields is None else fields.get(name)
            if known is None and (fields is not None or not _NAME.fullmatch(name)):
                told = name if name.lower() in self.words | self.excluded else UNKNOWN
                self._cut((*path, told), removed)
                continue
            here = (*path, name)
            if self._is_secret(name, known, inner):
                self._cut(here, removed)
                continue
            below = None if known is None else known.below
            kept = self._clean(inner, below, here, removed)
            if kept is not _CUT:
                found[name] = kept
        return found

    def _is_secret(self, name: str, known: Known | None, value: Json) -> bool:
        if name.lower() in self.excluded:
            return True
        if value is None or isinstance(value, bool):
            return False  # is none, and many fields that are named so are switches
        return (known is not None and known.is_secret) or is_secret_name(name)

    def _clean_text(
        self, text: str, path: tuple[str, ...], removed: dict[str, None]
    ) -> Json:
        if not _JSON.match(text):
            # What follows the question mark of a URL may be a key under any name.
            bare = _QUERY.sub(r"\1?***", text)
            return self._cut(path, removed) if is_secret_text(bare) else bare
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return self._cut(path, removed)
        kept = self._clean(inner, None, (*path, "{}"), removed)
        return self._cut(path, removed) if kept is _CUT else json.dumps(kept)

    @staticmethod
    def _cut(path: tuple[str, ...], removed: dict[str, None]) -> Json:
        removed[".".join(step for step in path if step not in {"[]", "{}"})] = None
        return _CUT


def build_redactor(
    *, excluded: Iterable[str], plugins: Mapping[str, type[Entity]]
) -> Redactor:
    """The redactor of some settings and plugins."""
    kinds: dict[str, Fields] = {}
    for kind in EVERY_KIND.values():
        extras = {name: Known() for name in _EXTRAS.get(kind.name, ())}
        kinds[kind.name] = {**read_fields(kind.model, sealed=kind.sealed), **extras}
    configs = {name: read_fields(model) for name, model in plugins.items()}
    return Redactor(
        excluded=frozenset(name.lower() for name in excluded),
        plugins=configs,
        kinds=kinds,
        words=frozenset(_find_names([*kinds.values(), *configs.values()])),
    )


def _find_names(some: Iterable[Fields]) -> Iterator[str]:
    for fields in some:
        for name, known in fields.items():
            yield name
            yield from _find_names([known.below] if known.below else [])
