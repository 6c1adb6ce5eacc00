"""
One finished exchange as Kong's loggers send it.

Values of credentials never get in: those that always are some, and those that plugins have
recognised in this exchange.

Spec: Kong's log serializer (gateway §4.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from ostiary.gateway.access_log import mask_query
from ostiary.gateway.decision import Outcome
from ostiary.http.head import Field, RequestHead, find, fold_name
from ostiary.http.url import build_origin
from ostiary.kit import Exchange
from ostiary.model.entity import Entity
from ostiary.model.gateway import Route, Service
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE, workspace_of

Json = Any  # JSON values nest
REDACTED = "REDACTED"
MAX_KNOWN = 4096
_SECRET_FIELDS = frozenset(
    fold_name(name)
    for name in (
        b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"apikey",
        b"x-api-key", b"access-token", b"x-access-token", b"x-userinfo",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a record is made of. `response_fields` are those that the client was sent."""

    exchange: Exchange
    head: RequestHead
    outcome: Outcome
    status: int
    started_at: float
    route: Route | None
    service: Service | None
    response_fields: Iterable[Field] = field(repr=False)
    upstream_uri: str
    workspace: str = DEFAULT_WORKSPACE
    workspace_name: str = DEFAULT_NAME


def build_document(facts: Facts) -> dict[str, Json]:
    """The record as JSON values."""
    exchange, outcome = facts.exchange, facts.outcome
    document: dict[str, Json] = {
        "request": _request(facts),
        "response": {
            "status": facts.status,
            "headers": _fields(facts.response_fields, frozenset()),
            "size": outcome.sent_bytes,
        },
        "latencies": _latencies(outcome),
        "tries": [],
        "client_ip": exchange.client_ip,
        "started_at": int(facts.started_at * 1000),
        "source": "kong" if outcome.upstream_status is None else "upstream",
        "upstream_uri": _mask(facts.upstream_uri, exchange.secret_arguments),
        "workspace": facts.workspace,
        "workspace_name": facts.workspace_name,
    }
    if outcome.upstream_status is not None:
        document["upstream_status"] = str(outcome.upstream_status)
    if exchange.credential is not None:
        entity = {"id": exchange.credential}
        if exchange.consumer is not None:
            entity["consumer_id"] = exchange.consumer.id
        document["authenticated_entity"] = entity
    if exchange.consumer is not None:
        consumer = exchange.consumer
        named = {"username": consumer.username, "custom_id": consumer.custom_id}
        document["consumer"] = {
            "id": consumer.id,
            **{name: value for name, value in named.items() if value is not None},
        }
    if facts.route is not None:
        document["route"] = _ENTITIES.dump(facts.route)
    if facts.service is not None:
        document["service"] = _ENTITIES.dump(facts.service)
    return document


def _request(facts: Facts) -> dict[str, Json]:
    exchange, head = facts.exchange, facts.head
    target = _mask(exchange.target.raw, exchange.secret_arguments)
    size = len(head.method) + len(head.target) + 13 + _length(head.fields)
    size += sum(len(name) + len(value) + 4 for name, value in head.fields)
    return {
        "id": exchange.request_id,
        "method": head.method.decode("latin-1"),
        "uri": target,
        "url": build_origin(exchange.scheme, exchange.host, exchange.port) + target,
        "querystring": _query(target),
        "headers": _fields(head.fields, exchange.secret_fields),
        "size": size,
    }


def _length(fields: Iterable[Field]) -> int:
    """The size of the body that was announced; one in chunks was not."""
    announced = find(fields, b"content-length") or b"0"
    return int(announced) if announced.isdigit() else 0


def _latencies(outcome: Outcome) -> dict[str, int]:
    total, upstream = outcome.total_ms, outcome.upstream_ms
    if upstream is None:
        return {"kong": round(total), "proxy": -1, "request": round(total)}
    # As in the metrics: what the upstream does not take is ours, reading its body included.
    own = max(0, round(total - upstream))
    return {"kong": own, "proxy": round(upstream), "request": round(total)}


def _mask(target: str, hidden: frozenset[str]) -> str:
    shown = mask_query(target)
    path, mark, query = shown.partition("?")
    if not (mark and hidden):
        return shown
    return path + mark + "&".join(_mask_part(part, hidden) for part in query.split("&"))


def _mask_part(part: str, hidden: frozenset[str]) -> str:
    name, mark, _ = part.partition("=")
    return f"{name}=***" if mark and unquote_plus(name) in hidden else part


def _query(target: str) -> dict[str, Json]:
    """Arguments by name, as Kong shows them: several values as a list, none as true."""
    found: dict[str, Json] = {}
    for part in target.partition("?")[2].split("&"):
        if not part:
            continue
        name, mark, text = part.partition("=")
        _gather(found, unquote_plus(name), unquote_plus(text) if mark else True)
    return found


def _fields(fields: Iterable[Field], masked: frozenset[bytes]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in fields:
        folded = fold_name(name)
        hidden = folded in _SECRET_FIELDS or folded in masked
        text = REDACTED if hidden else value.decode("latin-1")
        _gather(found, name.decode("latin-1").lower(), text)
    return found


def _gather(found: dict[str, Json], name: str, value: Json) -> None:
    before = found.get(name)
    if before is None:
        found[name] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        found[name] = [before, value]


class _Entities:
    """Rows as JSON, remembered while they are the same; bounded, because rows come and go."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Entity, Mapping[str, Json]]] = {}

    def dump(self, row: Route | Service) -> Mapping[str, Json]:
        found = self._known.get(id(row))
        if found is not None and found[0] is row:
            return found[1]
        dumped: dict[str, Json] = row.model_dump(mode="json")
        dumped["ws_id"] = workspace_of(row)
        if isinstance(row, Route):
            dumped["service"] = None if row.service is None else {"id": row.service}
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[id(row)] = (row, dumped)
        return dumped


_ENTITIES = _Entities()
