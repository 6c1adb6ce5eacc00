"""
The audit log: what was asked of the Admin API and by whom, and what became of rows.

A request's record is kept before its answer goes out, so that who has an answer finds the record;
when it cannot be kept the answer goes out all the same and the error log says so. Records of rows
are kept in the transaction that changes the rows: both are there or neither.

Every answer has the request's id, whether or not anything is recorded.

Spec: gateway §1.17; portal §4.4.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.admin.audit_path import (
    NAMING,
    find_kind,
    has_names,
    hide_path,
    is_whole_configuration,
    read_steps,
)
from ostiary.admin.autofill import Bytes
from ostiary.admin.bodies import MAX_ARGUMENTS, nest
from ostiary.admin.redaction import Redactor, build_redactor
from ostiary.admin.scope import raw_path
from ostiary.admin.shapes import show_row
from ostiary.http.forms import MalformedForm
from ostiary.model.entity import Entity
from ostiary.model.fields import compile_pattern
from ostiary.model.kinds import OF_MODEL
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.admin_client import OPERATOR, Operator
from ostiary.ports.audit import AuditLog, ObjectRecord, RequestRecord
from ostiary.ports.config_store import ConfigWrites
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.web.body import FORM_TYPE

ID_HEADER: Final = "X-Kong-Admin-Request-ID"
# Kong does not say how its Manager tells who it is. Anybody can say so: it proves nothing.
SOURCE_HEADER: Final = "X-Request-Source"
MANAGER: Final = "kong-manager"
MAX_PAYLOAD_BYTES: Final = 64 * 1024
# An answer waits no longer for its record.
KEPT_WITHIN_S: Final = 5.0
_MAX_METHOD_CHARS: Final = 32
_UNSIGNED: Final = frozenset({"signature", "ttl", "expire"})
_LOG = logging.getLogger("ostiary.admin")
AnyRecord = TypeVar("AnyRecord", RequestRecord, ObjectRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRules:
    """Where records go, and what the settings say of them; `sign` makes a text's signature."""

    log: AuditLog
    ttl_s: int
    ignored_methods: frozenset[str] = frozenset()
    ignored_paths: tuple[str, ...] = ()
    ignored_kinds: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    sign: Callable[[str], str] | None = field(default=None, repr=False)


@dataclass(slots=True)
class Body:
    """What of a request's body has come by; `is_read` when all of it has."""

    data: bytearray = field(default_factory=bytearray, repr=False)
    is_read: bool = False
    is_long: bool = False

    def add(self, message: Message) -> None:
        """Take a part, as long as it is not too much in all."""
        part = message.get("body", b"")
        if self.is_long or len(self.data) + len(part) > MAX_PAYLOAD_BYTES:
            self.is_long = True
            self.data.clear()
        else:
            self.data += part
        self.is_read = not message.get("more_body", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One request: its id, when it came in Unix seconds, and what is known of it by and by."""

    id: str
    at: int
    request: Request = field(repr=False)
    body: Body = field(default_factory=Body, repr=False)

    def user(self) -> tuple[str | None, str | None]:
        """Id and name of whoever is signed in, None for nobody."""
        user = getattr(self.request.state, "rbac_user", None)
        if user is None:
            return None, None
        return str(user.id), str(user.name)

    def workspace(self) -> str:
        """The id of the workspace that the request is about."""
        found: str | None = getattr(self.request.state, "workspace", None)
        return found or DEFAULT_WORKSPACE

    def source(self) -> str | None:
        """The site of ours that asks, or `kong-manager` where the request says so."""
        operator = self.request.scope.get(OPERATOR)
        if isinstance(operator, Operator):
            return operator.site
        said = self.request.headers.get(SOURCE_HEADER, "").strip().lower()
        return MANAGER if said == MANAGER else None


# The request that rows are changed for.
CURRENT: Final[ContextVar[Act | None]] = ContextVar("act", default=None)


def show_request(record: RequestRecord, now: int) -> dict[str, Any]:
    """A record as `/audit/requests` shows it."""
    return {
        "client_ip": record.client_ip,
        "method": record.method,
        "path": record.path,
        "payload": record.payload,
        "rbac_user_id": record.rbac_user_id,
        "rbac_user_name": record.rbac_user_name,
        "removed_from_payload": record.removed_from_payload,
        "request_id": record.request_id,
        "request_source": record.request_source,
        "request_timestamp": record.request_timestamp,
        "signature": record.signature,
        "status": record.status,
        "ttl": record.expires_at - now,
        "workspace": record.workspace,
    }


def show_object(record: ObjectRecord, now: int) -> dict[str, Any]:
    """A record as `/audit/objects` shows it; `expire` in milliseconds, `ttl` in seconds."""
    return {
        "dao_name": record.dao_name,
        "entity": record.entity,
        "entity_key": record.entity_key,
        "expire": record.expires_at * 1000,
        "id": record.id,
        "operation": record.operation,
        "rbac_user_id": record.rbac_user_id,
        "removed_from_entity": record.removed_from_entity,
        "request_id": record.request_id,
        "request_timestamp": record.request_timestamp,
        "signature": record.signature,
        "ttl": record.expires_at - now,
    }


def build_signed_text(shown: Mapping[str, Any]) -> str:
    """What a record's signature is of: its values in the order of their names."""
    kept = {name: shown[name] for name in shown.keys() - _UNSIGNED}
    return "|".join(_flatten(kept))


def _flatten(value: Any) -> Iterator[str]:  # Any: JSON
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield from _flatten(value[name])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _flatten(inner)
    elif value is not None:
        yield str(value)


class Auditor:
    """Makes the records and keeps them."""

    def __init__(
        self, rules: AuditRules, redactor: Redactor, *, entropy: Bytes
    ) -> None:
        self.rules = rules
        self._redactor = redactor
        self._entropy = entropy
        self._ignored_paths = [compile_pattern(text) for text in rules.ignored_paths]

    async def keep(self, act: Act, status: int) -> None:
        """Keep the record of a request, unless it is ignored; say so where it cannot be."""
        path = raw_path(act.request)
        prefix: str = getattr(act.request.state, "prefix", "")
        method = act.request.method.upper()
        if method in self.rules.ignored_methods:
            return
        # As it is without a workspace: those are called as anybody likes.
        plain = path.removeprefix(prefix)
        if any(pattern.search(plain) for pattern in self._ignored_paths):
            return
        try:
            record = self._build_record(act, status, path, prefix)
            async with asyncio.timeout(KEPT_WITHIN_S):
                await self.rules.log.keep(record)
        except Exception as error:  # noqa: BLE001 - the answer is not the record's
            # Without the error's text, which may quote what was sent.
            why = (
                str(error)
                if isinstance(error, StoreUnavailable)
                else type(error).__name__
            )
            shown = method[:_MAX_METHOD_CHARS]
            _LOG.error(
                "no audit record of the request %s (%s, %d): %s", act.id, shown, status, why
            )  # fmt: skip

    def _build_record(
        self, act: Act, status: int, path: str, prefix: str
    ) -> RequestRecord:
        payload, removed = self._read_payload(act, read_steps(path))
        user_id, user_name = act.user()
        client = act.request.client
        made = RequestRecord(
            request_id=act.id,
            request_timestamp=act.at,
            expires_at=act.at + self.rules.ttl_s,
            client_ip=client.host if client else None,
            method=act.request.method[:_MAX_METHOD_CHARS],
            path=prefix + hide_path(path.removeprefix(prefix)),
            status=status,
            workspace=act.workspace(),
            payload=payload,
            removed_from_payload=removed,
            rbac_user_id=user_id,
            rbac_user_name=user_name,
            request_source=act.source(),
        )
        return self._sign(made, show_request(made, act.at))

    def _sign(self, record: AnyRecord, shown: Mapping[str, Any]) -> AnyRecord:
        if self.rules.sign is None:
            return record
        signature = self.rules.sign(build_signed_text(shown))
        return replace(record, signature=signature)

    def _read_payload(
        self, act: Act, steps: Sequence[str]
    ) -> tuple[str | None, str | None]:
        """What may be written down of a body, and what was taken out of it."""
        body = act.body
        if body.is_long:
            return None, _whole(f"more than {MAX_PAYLOAD_BYTES} bytes")
        if not body.is_read:
            declared = act.request.headers.get("content-length", "0") != "0"
            chunked = "transfer-encoding" in act.request.headers
            return None, _whole("nobody read it") if declared or chunked else None
        if not body.data:
            return None, None
        if is_whole_configuration(steps):
            return None, _whole("a configuration")
        types = act.request.headers.getlist("content-type")
        try:
            data = _read_body(bytes(body.data), types)
        except (ValueError, RecursionError, MalformedForm):
            return None, _whole("neither a JSON object nor a form")
        kind = find_kind(steps)
        if kind is None and not has_names(steps):
            return None, _whole("of a path that says nothing of it")
        if kind is None and isinstance(data, dict):
            # Whatever else is said there is said in the wrong place.
            data = {k: v for k, v in data.items() if k in NAMING}
        redacted = self._redactor.redact(data, kind)
        return json.dumps(redacted.value, separators=(",", ":")), redacted.named

    async def note(self, write: ConfigWrites) -> None:
        """Keep records of what a write did so far, with it; nothing outside of a request."""
        act = CURRENT.get()
        if act is None:
            return
        ignored = self.rules.ignored_kinds
        records = [
            record
            for deed in write.deeds
            for record in (self._build_object(act, deed.operation, deed.row),)
            if record.dao_name not in ignored
        ]
        if records:
            await write.note(records)

    def _build_object(self, act: Act, operation: str, row: Row) -> ObjectRecord:
        kind = OF_MODEL[type(row)]
        redacted = self._redactor.redact(show_row(row, kind), kind)
        user_id, _ = act.user()
        made = ObjectRecord(
            id=str(uuid.UUID(bytes=self._entropy.bytes(16), version=4)),
            request_id=act.id,
            request_timestamp=act.at,
            expires_at=act.at + self.rules.ttl_s,
            dao_name=kind.name,
            entity_key=row.id or "",
            operation=operation,
            entity=json.dumps(redacted.value, separators=(",", ":")),
            removed_from_entity=redacted.named,
            rbac_user_id=user_id,
        )
        return self._sign(made, show_object(made, act.at))


def build_auditor(
    rules: AuditRules | None,
    schemas: Mapping[str, type[Entity] | None],
    entropy: Bytes,
) -> Auditor | None:
    """The auditor of some rules; `schemas` are what the configs of plugins must be."""
    if rules is None:
        return None
    plugins = {name: model for name, model in schemas.items() if model is not None}
    redactor = build_redactor(excluded=rules.excluded, plugins=plugins)
    return Auditor(rules, redactor, entropy=entropy)


def _whole(why: str) -> str:
    return f"the whole payload: {why}"


def _read_body(data: bytes, types: Sequence[str]) -> dict[str, Any]:
    """
    A body as a record.

    Raises:
        ValueError, RecursionError, MalformedForm: It is none.
    """
    kind = (types[0] if len(types) == 1 else "").partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        text = data.decode()
        if not all("=" in pair for pair in text.split("&")):
            raise MalformedForm("a name without a value may be anything")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_ARGUMENTS
        )
        return nest(pairs)
    found = json.loads(data) if kind == "application/json" else None
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


class Audited:
    """The outermost layer: numbers every request, and has it recorded where there is a log."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        auditor: Auditor | None,
        entropy: Bytes,
        now: Callable[[], float],
        failed: Callable[[Exception], Response],
    ) -> None:
        self._app = app
        self._auditor = auditor
        self._entropy = entropy
        self._now = now
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Made here, so that layers which copy the scope still tell us what they find out.
        scope.setdefault("state", {})
        act = Act(
            id=self._entropy.bytes(16).hex(),
            at=int(self._now()),
            request=Request(scope),
        )
        is_answered = False

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "http.request" and self._auditor is not None:
                act.body.add(message)
            return message

        async def answer(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                MutableHeaders(scope=message)[ID_HEADER] = act.id
                if self._auditor is not None:
                    await self._auditor.keep(act, message["status"])
            await send(message)

        token = CURRENT.set(act if self._auditor is not None else None)
        try:
            await self._app(scope, hear, answer)
        except Exception as error:
            if is_answered:
                raise
            await self._failed(error)(scope, receive, answer)
        finally:
            CURRENT.reset(token)
