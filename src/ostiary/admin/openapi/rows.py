"""
The schemas of rows: what may be written, and what is shown. They follow from the table of kinds.

`<Model>` is a row as it is shown, `<Model>Input` what may be said of one. A plugin has both for
every plugin there is, told apart by its `name`.

Spec: gateway §§1.1-1.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ostiary.admin.autofill import Autofill
from ostiary.admin.openapi.values import (
    HOST,
    HOST_AND_PORT,
    UUID,
    Json,
    Writer,
    allow_null,
    build_list,
    build_object,
    first_line,
    ref,
    words_of,
)
from ostiary.model.entity import Entity
from ostiary.model.kinds import EVERY_KIND, KINDS, Kind

# What kinds take that their models do not know, and the field that it stands for.
_BESIDE: Final[Mapping[str, dict[str, Json]]] = {
    "services": {
        "url": {
            "type": ["string", "null"],
            "description": "Protocol, host, port and path in one; never shown.",
        }
    },
    "certificates": {
        "snis": {
            "anyOf": [build_list({"type": "string"}), {"type": ["string", "null"]}],
            "description": "The names that it is served for; each becomes a row.",
        }
    },
}
_INSTEAD: Final[Mapping[str, tuple[str, str]]] = {"services": ("host", "url")}
# What the checks of single fields say. A JWK may be typed as what it is; it is kept as text.
_ALSO: Final[Mapping[tuple[str, str], Json]] = {
    ("keys", "jwk"): {"type": ["string", "object", "null"]},
    ("vaults", "name"): {"enum": ["env"]},
    ("vaults", "prefix"): {"pattern": r"^[a-z][a-z0-9-]*[a-z0-9]+$"},
    ("upstreams", "name"): HOST,
    ("targets", "target"): HOST_AND_PORT,
}
_SHOWN: Final[Mapping[str, dict[str, Json]]] = {
    "certificates": {"snis": build_list({"type": "string"})}
}
# The path says it.
_PLACE: Final = "ws_id"
LINK: Final = "Link"
PLUGINS: Final = "plugins"

EXAMPLES: Final[Mapping[str, Json]] = {
    "services": {"name": "orders", "url": "http://orders.internal:8080"},
    "routes": {
        "name": "orders",
        "paths": ["/orders"],
        "service": {"name": "orders"},
    },
    "consumers": {"username": "ada", "custom_id": "42", "tags": ["staff"]},
    "consumer_groups": {"name": "gold"},
    "plugins": {
        "name": "rate-limiting",
        "config": {"minute": 60, "policy": "local"},
        "service": {"name": "orders"},
    },
    "upstreams": {"name": "orders.internal", "hash_on": "ip"},
    "targets": {"target": "10.0.0.7:8080", "weight": 100},
    "keyauth_credentials": {"key": "a-long-secret"},
    "acls": {"group": "admins"},
}


class _NoBytes:
    def bytes(self, count: int) -> bytes:
        return bytes(count)


def _find_filled(kind: Kind) -> set[str]:
    """The fields that a row gets without anybody saying them."""
    found: dict[str, object] = {}
    Autofill(now=lambda: 0, entropy=_NoBytes()).complete(kind, found, {})
    return {*found}


def find_required(kind: Kind) -> list[str]:
    """The fields that a new row must say, shorthands aside."""
    filled = _find_filled(kind)
    return [
        name
        for name, info in kind.model.model_fields.items()
        if info.is_required() and name not in filled
    ]


def input_name(kind: Kind) -> str:
    """The name of what may be said of a row."""
    return f"{kind.model.__name__}Input"


def reference_name(kind: str) -> str:
    """The name of what refers to a row of a kind."""
    return f"{EVERY_KIND[kind].model.__name__}Reference"


def build_new(kind: Kind, *, known: Iterable[str] = ()) -> Json:
    """What a new row must say; `known` are the fields that its path says."""
    if kind.name == PLUGINS:
        return ref("NamedPluginInput")
    required = [name for name in find_required(kind) if name not in {*known}]
    instead = _INSTEAD.get(kind.name)
    more: Json = {}
    if instead is not None and instead[0] in required:
        required.remove(instead[0])
        more["anyOf"] = [{"required": [name]} for name in instead]
    if required:
        more["required"] = required
    base = ref(input_name(kind))
    return {"allOf": [base, more]} if more else base


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginModels:
    """The plugins there are: the model of each one's config, by name."""

    models: Mapping[str, type[Entity]]

    def build(self) -> dict[str, Json]:
        """The schemas of configs and of rows."""
        found: dict[str, Json] = {}
        for name, model in sorted(self.models.items()):
            word = words_of(name)
            asks, shows = (
                Writer(owner=word, way="request"),
                Writer(owner=word, way="reply"),
            )
            config_in, config_out = f"{word}ConfigInput", f"{word}Config"
            found |= asks.records_below(model) | shows.records_below(model)
            found[config_in] = asks.record(model)
            found[config_out] = _show_config(shows.record(model))
            found[f"{word}PluginInput"] = self._row(name, config_in, "request")
            found[f"{word}Plugin"] = self._row(name, config_out, "reply")
        found["Plugin"] = self._choice("Plugin")
        found["NamedPluginInput"] = self._choice("PluginInput")
        # A change need not say whose config it is.
        found["PluginInput"] = self._row(None, None, "request")
        return found

    def _choice(self, suffix: str) -> Json:
        names = {name: f"{words_of(name)}{suffix}" for name in sorted(self.models)}
        return {
            "oneOf": [ref(schema) for schema in names.values()],
            "discriminator": {
                "propertyName": "name",
                "mapping": {
                    name: f"#/components/schemas/{schema}"
                    for name, schema in names.items()
                },
            },
        }

    def _row(self, name: str | None, config: str | None, way: str) -> Json:
        kind = KINDS[PLUGINS]
        made = build_input(kind) if way == "request" else build_reply(kind)
        fields = {**made["properties"]}
        if name is None:
            fields["name"] = {"type": "string", "enum": sorted(self.models)}
            fields["config"] = {"type": "object"}
            return {**made, "properties": fields}
        fields["name"] = {"type": "string", "const": name}
        required = [*made.get("required", ())]
        if config is not None:
            shown = ref(config)
            fields["config"] = shown if way == "reply" else allow_null(shown)
        if way == "request":
            needed = any(
                f.is_required() for f in self.models[name].model_fields.values()
            )
            required = ["name", "config"] if needed else ["name"]
            if needed:
                fields["config"] = ref(config or "")
        return {**made, "properties": fields, "required": required}


def _show_config(record: Json) -> Json:
    """Our own options are shown where they are set."""
    required = [name for name in record["required"] if name != "ostiary"]
    return {**record, "required": required}


def build_input(kind: Kind) -> Json:
    """What may be said of a row; nothing must be."""
    writer = Writer(owner=kind.model.__name__, way="request")
    found = writer.record(kind.model)
    fields = {**found["properties"]}
    for reference in kind.references:
        if reference.is_list:
            continue
        target = ref(reference_name(reference.kind))
        required = kind.model.model_fields[reference.field].is_required()
        fields[reference.field] = target if required else allow_null(target)
    fields |= _BESIDE.get(kind.name, {})
    fields["updated_at"] = {"description": "When it is written, whatever is said."}
    for name in fields:
        if (kind.name, name) in _ALSO:
            fields[name] = {**fields[name], **_ALSO[kind.name, name]}
    del fields[_PLACE], found["properties"]
    found.pop("required", None)
    return {**found, "properties": fields}


def build_reply(kind: Kind) -> Json:
    """A row as it is shown."""
    writer = Writer(owner=kind.model.__name__, way="reply")
    found = writer.record(kind.model)
    fields = {**found["properties"], "id": UUID}
    for reference in kind.references:
        if reference.is_list:
            continue
        required = kind.model.model_fields[reference.field].is_required()
        fields[reference.field] = ref(LINK) if required else allow_null(ref(LINK))
    fields |= _SHOWN.get(kind.name, {})
    del fields[_PLACE]
    required_names = [*fields]
    if kind.name == PLUGINS:
        del fields["ordering"]
        required_names = [n for n in fields if n != "consumer_group"]
    return {**found, "properties": fields, "required": required_names}


def build_reference(kind: Kind) -> Json:
    """What refers to a row: its id, or a name that no other has."""
    names = ["id", *(fields[0] for fields in kind.unique if len(fields) == 1)]
    return {
        "type": "object",
        "description": f"A row of {kind.name}.",
        "properties": {
            name: UUID if name == "id" else {"type": "string"} for name in names
        },
        "anyOf": [{"required": [name]} for name in names],
    }


def build_schemas(plugins: PluginModels) -> dict[str, Json]:
    """Every schema of rows, by name."""
    found: dict[str, Json] = {
        LINK: {
            "description": "The row that is referred to.",
            **build_object({"id": UUID}),
        }
    }
    referring = [r.kind for kind in EVERY_KIND.values() for r in kind.references]
    for kind in EVERY_KIND.values():
        if kind.name in referring:
            found[reference_name(kind.name)] = build_reference(kind)
        if kind.name == PLUGINS:
            found |= plugins.build()
            continue
        name = kind.model.__name__
        for way in ("request", "reply"):
            found |= Writer(owner=name, way=way).records_below(kind.model)
        found[input_name(kind)] = build_input(kind)
        found[name] = build_reply(kind)
    return found


def describe(kind: Kind) -> str:
    """What a kind is."""
    return first_line(kind.model.__doc__)
