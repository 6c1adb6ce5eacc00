"""
The declarative file: nested or flat, read into rows with the ids Kong would give them.

Spec: Kong's declarative format 3.0 (gateway §§2.1-2.3); ids are UUIDv5 of entity and key, so
that a reload keeps them (and with them everybody's session).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ostiary.model.config import Config
from ostiary.model.identity import build_id, build_key, hash_password
from ostiary.model.kinds import KINDS, SERVED_KINDS, Kind, Reference
from ostiary.model.matching import NOTHING, Known
from ostiary.model.recall import recall
from ostiary.model.row import Row
from ostiary.model.words import Problem, describe_problems, nest_problems, read_problems
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE, Workspace

Place = tuple[str | int, ...]
_VERSIONS = frozenset({"1.1", "2.1", "3.0"})
_META = frozenset(
    {
        "_format_version", "_transform", "_comment", "_ignore", "_info", "_workspace",
        "_konnect", "_plugin_configs",
    }
)  # fmt: skip
# Kinds of Kong's that are not here.
_LATER = frozenset(
    {
        "licenses", "filter_chains", "partials", "hmacauth_credentials",
        "oauth2_credentials", "mtls_auth_credentials", "rbac_roles", "service_packages",
        "custom_entities", "degraphql_routes", "graphql_ratelimiting_cost_decorations",
    }
)  # fmt: skip
# Parent, the name of its list in a file, the kind of what is in it, the field that names the parent.
_NESTED: tuple[tuple[str, str, str, str], ...] = (
    ("services", "routes", "routes", "service"),
    ("services", "plugins", "plugins", "service"),
    ("routes", "plugins", "plugins", "route"),
    ("consumers", "plugins", "plugins", "consumer"),
    ("consumers", "groups", "consumer_group_consumers", "consumer"),
    ("consumers", "keyauth_credentials", "keyauth_credentials", "consumer"),
    ("consumers", "basicauth_credentials", "basicauth_credentials", "consumer"),
    ("consumers", "jwt_secrets", "jwt_secrets", "consumer"),
    ("consumers", "acls", "acls", "consumer"),
    ("consumer_groups", "plugins", "plugins", "consumer_group"),
    ("consumer_groups", "consumers", "consumer_group_consumers", "consumer_group"),
    ("upstreams", "targets", "targets", "upstream"),
    ("certificates", "snis", "snis", "certificate"),
    ("key_sets", "keys", "keys", "set"),
)
_LATER_NESTED = ("hmacauth_credentials", "oauth2_credentials", "mtls_auth_credentials")
_KEY_WORDS = {"id": "primary key"}
# What a path may hold that is no regular expression, in formats before 3.0.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9\-._~/%]*")


class DeclarativeInvalid(Exception):
    """
    The file is not a configuration; `problems` says where and why, all at once.

    `rows` are what the file says at each place where a row is.
    """

    code = "declarative_invalid"

    def __init__(
        self,
        problems: tuple[Problem, ...],
        rows: Mapping[Place, tuple[str, Mapping[str, Any]]] | None = None,
    ) -> None:
        super().__init__(describe_problems(problems))
        self.problems = problems
        self.rows = rows or {}

    @property
    def fields(self) -> dict[str, object]:
        """The problems nested as the file is."""
        return nest_problems(self.problems)


@dataclass(slots=True, kw_only=True)
class _Pending:
    """A row as the file has it, before anything of it is known to be right."""

    kind: Kind
    data: dict[str, Any]
    place: Place
    parent: _Pending | None = None
    parent_field: str | None = None
    id: str | None = None
    workspace: str | None = None


@dataclass(slots=True)
class _Reader:
    """Collects rows and problems while it walks one file."""

    version: str
    transform: bool
    shared: Mapping[str, Any]
    known: Known = NOTHING
    problems: list[Problem] = field(default_factory=list)
    pending: dict[str, list[_Pending]] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    taken: dict[tuple[str, str | None, str, object], Place] = field(
        default_factory=dict
    )
    ids: dict[tuple[str, str | None, str], str] = field(default_factory=dict)
    # The workspace of rows that say none, and those that rows may say.
    workspace: str | None = None
    workspaces: dict[str, str | None] = field(default_factory=dict)
    is_whole: bool = False

    def problem(self, place: Place, message: str) -> None:
        self.problems.append((place, message))

    def collect(
        self,
        data: Mapping[str, Any],
        name: str,
        kind: Kind,
        *,
        parent: _Pending | None = None,
        parent_field: str | None = None,
    ) -> None:
        """Find the rows of one list, and those nested into them."""
        found = data.get(name)
        place: Place = (*parent.place, name) if parent else (name,)
        if found is None:
            return
        if not isinstance(found, list):
            self.problem(place, "expected an array")
            return
        for index, value in enumerate(found):
            here = (*place, index)
            row = self._read_member(value, kind, parent_field)
            if row is None:
                self.problem(here, "expected a record")
                continue
            pending = _Pending(
                kind=kind,
                data=row,
                place=here,
                parent=parent,
                parent_field=parent_field,
            )
            self.pending.setdefault(kind.name, []).append(pending)
            for owner, below, nested, column in _NESTED:
                if owner == kind.name and below in row:
                    self.collect(
                        {below: row.pop(below)}, below, KINDS[nested],
                        parent=pending, parent_field=column,
                    )  # fmt: skip
            for later in _LATER_NESTED:
                if kind.name == "consumers" and row.pop(later, None):
                    self.problem((*here, later), "not supported yet")

    @staticmethod
    def _read_member(
        value: object, kind: Kind, parent_field: str | None
    ) -> dict[str, Any] | None:
        if kind.name == "snis" and parent_field and isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict):
            return None
        row = {k: v for k, v in value.items() if k not in {"_comment", "_ignore"}}
        if kind.name != "consumer_group_consumers" or parent_field is None:
            return row
        # decK nests who is in a group by the other one's name.
        other, key = (
            ("consumer_group", "name")
            if parent_field == "consumer"
            else ("consumer", "username")
        )
        tags = {"tags": row["tags"]} if row.get("tags") else {}
        return {other: row.get("id") or row.get(key) or row, **tags}

    def settle(self) -> None:
        """Check every row; kinds come after those that they refer to."""
        self.workspaces[DEFAULT_WORKSPACE] = None
        for kind in KINDS.values():
            for pending in self.pending.get(kind.name, ()):
                self._settle_row(pending)

    def _settle_workspace(self, pending: _Pending) -> None:
        """Find out in which workspace a row is: its own, its parent's, the file's."""
        named = pending.data.pop("ws_id", None)
        if pending.parent is not None and pending.kind.in_workspace:
            pending.workspace = pending.parent.workspace
        elif not pending.kind.in_workspace:
            pending.workspace = None
        elif named is None:
            pending.workspace = self.workspace
        elif isinstance(named, str) and named in self.workspaces:
            pending.workspace = self.workspaces[named]
            if not self.is_whole and pending.workspace != self.workspace:
                text = "must be the workspace of the file, which lists no workspaces"
                self.problem((*pending.place, "ws_id"), text)
        else:
            self.problem((*pending.place, "ws_id"), "no such entry in 'workspaces'")
        if pending.workspace is not None:
            pending.data["ws_id"] = pending.workspace

    def _know_workspace(self, row: Workspace, said: object, place: Place) -> Row:
        """Let rows be in it. Every installation of Kong has another id for `default`."""
        if row.name == DEFAULT_NAME:
            row = row.model_copy(update={"id": DEFAULT_WORKSPACE})
        elif row.id == DEFAULT_WORKSPACE:
            self.problem((*place, "id"), f"is that of the workspace {DEFAULT_NAME}")
        identity = None if row.name == DEFAULT_NAME else row.id
        self.workspaces |= dict.fromkeys(
            (text for text in (said, row.id) if isinstance(text, str)), identity
        )
        return row

    def _settle_row(self, pending: _Pending) -> None:
        kind, data, place = pending.kind, pending.data, pending.place
        self._settle_workspace(pending)
        for reference in kind.references:
            if not reference.is_list:
                self._resolve(pending, reference)
        if kind.name == "plugins":
            self._share_config(pending)
        if kind.name == "routes" and self.version != "3.0":
            _mark_patterns(data)
        if (
            kind.name == "basicauth_credentials"
            and self.transform
            and isinstance(data.get("password"), str)
            and isinstance(data.get("consumer"), str)
        ):
            data["password"] = hash_password(data["password"], data["consumer"])
        key = build_key(kind, data) or f"{place}"
        identity = data.get("id") or build_id(kind.name, key, pending.workspace)
        pending.id = identity if isinstance(identity, str) else None
        try:
            row = kind.model.model_validate({**data, "id": identity}, strict=False)
        except ValidationError as error:
            self._know(pending)
            # A reference that leads nowhere has been told of; nothing is missing besides.
            known = {path for path, _ in self.problems}
            self.problems += [
                ((*place, *path), text)
                for path, text in read_problems(error)
                if (*place, *path) not in known
            ]
            return
        if not data.get("id"):
            pending.id = self.known.choose_id(kind, row)
            if pending.id != row.id:
                row = row.model_copy(update={"id": pending.id})
        if isinstance(row, Workspace):
            row = self._know_workspace(row, data.get("id"), place)
            pending.id = row.id
        self._know(pending)
        self._claim(kind, row, place)
        self.rows.setdefault(kind.name, []).append(row)

    def _resolve(self, pending: _Pending, reference: Reference) -> None:
        """Set a foreign key: from nesting, or from a text or `{id|name: …}`."""
        data, name = pending.data, reference.field
        if name == pending.parent_field:
            if data.get(name) is not None:
                self.problem((*pending.place, name), "value must be null")
            data[name] = pending.parent.id if pending.parent else None
            return
        value = data.get(name)
        endpoint_key = KINDS[reference.kind].endpoint_key or "id"
        if isinstance(value, dict):
            value = value.get("id") or value.get(endpoint_key)
        if value is None:
            data.pop(name, None)
        elif not isinstance(value, str):
            self.problem((*pending.place, name), "expected a string")
            data.pop(name)
        elif (found := self._find(pending, reference.kind, value)) is not None:
            data[name] = found
        else:
            text = f"invalid reference '{name}: {value}' (no such entry in '{reference.kind}')"
            self.problem((*pending.place, name), text)
            data.pop(name)

    def _share_config(self, pending: _Pending) -> None:
        """A plugin's `_config` names an entry of `_plugin_configs`, which its own config refines."""
        name = pending.data.pop("_config", None)
        if name is None:
            return
        shared = self.shared.get(name) if isinstance(name, str) else None
        if not isinstance(shared, dict):
            text = f"no such entry in '_plugin_configs': {name}"
            self.problem((*pending.place, "_config"), text)
            return
        own = pending.data.get("config")
        if own is None or isinstance(own, dict):
            pending.data["config"] = {**shared, **(own or {})}

    def _find(self, pending: _Pending, kind: str, value: str) -> str | None:
        """The id of a row that another one may refer to."""
        workspace = pending.workspace if KINDS[kind].in_workspace else None
        return self.ids.get((kind, workspace, value))

    def _know(self, pending: _Pending) -> None:
        """Let others of its workspace refer to this row, by id or by name."""
        kind, identity, workspace = pending.kind, pending.id, pending.workspace
        if identity is None:
            return
        self.ids.setdefault((kind.name, workspace, identity), identity)
        name = pending.data.get(kind.endpoint_key) if kind.endpoint_key else None
        if isinstance(name, str):
            self.ids.setdefault((kind.name, workspace, name), identity)

    def _claim(self, kind: Kind, row: Row, place: Place) -> None:
        """What must be unique is this row's from now on."""
        for names in (("id",), *(u for u in kind.unique if len(u) == 1)):
            value = getattr(row, names[0])
            if value is None:
                continue
            is_everywhere = kind.everywhere or names == ("id",)
            workspace = None if is_everywhere else row.ws_id
            claim = (kind.name, workspace, names[0], value)
            first = self.taken.setdefault(claim, place)
            if first is not place:
                label = _KEY_WORDS.get(names[0], names[0])
                if names[0] in kind.sealed:
                    value = "***"  # an API key must not reach logs
                self.problem(
                    place,
                    f"uniqueness violation: '{kind.name}' entity with {label} set to "
                    f"'{value}' already declared at {first[0]}[{first[1]}]",
                )


def _mark_patterns(data: dict[str, Any]) -> None:
    """Before 3.0 a path was a pattern when it looked like one; since then it says so."""
    paths = data.get("paths")
    if isinstance(paths, list):
        data["paths"] = [
            f"~{p}"
            if isinstance(p, str) and p.startswith("/") and not _PLAIN_PATH.fullmatch(p)
            else p
            for p in paths
        ]


def _check_top(data: Mapping[str, Any], reader: _Reader) -> None:
    version = data.get("_format_version")
    if version is None:
        reader.problem(("_format_version",), "required field missing")
    elif not isinstance(version, str) or version not in _VERSIONS:
        reader.problem(
            ("_format_version",),
            "expected one of: 1.1, 2.1, 3.0"
            + ("" if isinstance(version, str) else " (as a quoted text)"),
        )
    name = data.get("_workspace", DEFAULT_NAME)
    if not isinstance(name, str):
        reader.problem(("_workspace",), "expected a string")
    if not isinstance(data.get("_transform", True), bool):
        reader.problem(("_transform",), "expected a boolean")
    for name, value in data.items():
        if name in _META or name in KINDS:
            continue
        if name in _LATER:
            if value:
                reader.problem((name,), "not supported yet")
        else:
            reader.problem((name,), "unknown field")


def read_declarative(data: object, known: Known = NOTHING) -> Config:
    """
    The configuration in a parsed declarative file.

    Args:
        known: rows that are there already; a row without an id takes that of the row it is.

    Raises:
        DeclarativeInvalid: Every problem, with its place in the file.
    """
    if not isinstance(data, Mapping):
        raise DeclarativeInvalid((((), "expected a declarative configuration"),))
    shared = data.get("_plugin_configs")
    reader = _Reader(
        version=str(data.get("_format_version")),
        transform=data.get("_transform") is not False,
        shared=shared if isinstance(shared, Mapping) else {},
        known=known,
        is_whole="workspaces" in data,
    )
    _check_top(data, reader)
    for kind in KINDS.values():
        reader.collect(data, kind.name, kind)
    _enter_workspace(data, reader)
    said = {
        pending.place: (kind, {**pending.data})
        for kind, rows in reader.pending.items()
        for pending in rows
    }
    reader.settle()
    if reader.problems:
        raise DeclarativeInvalid(tuple(reader.problems), said)
    return build_config(row for rows in reader.rows.values() for row in rows)


def read_scope(data: object, known: Known = NOTHING) -> str | None:
    """
    The id of the one workspace that a file is about; None for one that lists workspaces.

    A file without `_workspace` is about `default`, as Kong's tools have it.
    """
    if not isinstance(data, Mapping) or (
        data.get("workspaces") and "_workspace" not in data
    ):
        return None
    name = data.get("_workspace", DEFAULT_NAME)
    if name == DEFAULT_NAME or not isinstance(name, str):
        return DEFAULT_WORKSPACE
    return known.find_workspace(name) or build_id("workspaces", name)


def _enter_workspace(data: Mapping[str, Any], reader: _Reader) -> None:
    """Let rows be in the workspace that the file names, which is made if it is new."""
    name = data.get("_workspace", DEFAULT_NAME)
    if name == DEFAULT_NAME or not isinstance(name, str):
        return
    listed = [row.data for row in reader.pending.get("workspaces", ())]
    found = next((row for row in listed if row.get("name") == name), None)
    if found is not None:
        known = reader.known.find_workspace(name) or build_id("workspaces", name)
        found["id"] = found.get("id") or known
        reader.workspace = found["id"] if isinstance(found["id"], str) else None
        return
    reader.workspace = reader.known.find_workspace(name)
    if reader.workspace is None:
        reader.workspace = build_id("workspaces", name)
        made = {"id": reader.workspace, "name": name}
        reader.pending.setdefault("workspaces", []).append(
            _Pending(kind=KINDS["workspaces"], data=made, place=("_workspace",))
        )
    reader.workspaces[reader.workspace] = reader.workspace


def build_config(rows: Iterable[Row]) -> Config:
    """A configuration of rows that are right by themselves."""
    found: dict[type[Row], list[Row]] = {}
    for row in rows:
        found.setdefault(type(row), []).append(row)
    return Config.model_construct(
        **{
            name: tuple(found.get(kind.model, ()))  # type: ignore[arg-type]  # by kind
            for name, kind in KINDS.items()
        }
    )


def iterate_rows(config: Config) -> Iterator[tuple[Kind, Row]]:
    """Every row with its kind; kinds come after those that they refer to."""
    for name, kind in KINDS.items():
        for row in getattr(config, name):
            yield kind, row


def dump_row(row: Row, kind: Kind) -> bytes:
    """A row as a line: its kind, a blank, and JSON without line ends."""
    return kind.name.encode() + b" " + row.model_dump_json().encode()


def dump_rows(config: Config) -> tuple[bytes, ...]:
    """
    The configuration as lines, one row each.

    Equal rows make equal lines, so that whoever gets the next configuration sees by comparing
    bytes which rows are new.
    """
    return tuple(dump_row(row, kind) for kind, row in iterate_rows(config))


def load_row(line: bytes) -> Row:
    """
    Read back one line of `dump_rows`.

    Raises:
        ValueError: It is none.
    """
    name, _, text = line.partition(b" ")
    kind = SERVED_KINDS.get(name.decode("latin-1"))
    if kind is None:
        raise ValueError("a line of the configuration has an unknown kind")
    return kind.model.model_validate_json(text, strict=False)


def recall_row(line: bytes) -> Row:
    """
    Read back one line of `dump_rows` that was checked when it was kept: its types only.

    Raises:
        ValueError: It is none.
    """
    name, _, text = line.partition(b" ")
    kind = SERVED_KINDS.get(name.decode("latin-1"))
    if kind is None:
        raise ValueError("a line of the configuration has an unknown kind")
    return recall(kind.model, text)


def load_rows(lines: Iterable[bytes]) -> Config:
    """
    Read back what `dump_rows` wrote.

    Raises:
        ValueError: A line is none of its.
    """
    return build_config(load_row(line) for line in lines if line)


def dump_config(config: Config) -> dict[str, Any]:
    """The configuration as a flat file says it; what is not set is left out."""
    found: dict[str, Any] = {"_format_version": "3.0", "_transform": False}
    for kind, row in iterate_rows(config):
        shown = row.model_dump(mode="json", exclude_none=True)
        found.setdefault(kind.name, []).append(shown)
    return found
