"""
`/config`: the whole configuration of a node without a database, read and replaced.

Spec: gateway §2.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.entities import Entities
from ostiary.admin.scope import scoped
from ostiary.http.forms import MalformedForm, first, parse_form
from ostiary.model.config import Config
from ostiary.model.declarative import DeclarativeInvalid, iterate_rows
from ostiary.model.workspaces import workspace_of
from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body

MAX_BODY_BYTES = 32 * 1024 * 1024


class WholeConfiguration(Protocol):
    """What can be done with the configuration as a whole."""

    @property
    def revision(self) -> str:
        """The hash of what is live."""
        ...

    def read(self, text: str) -> Config:
        """
        The configuration in a text, checked as workers will.

        Raises:
            DeclarativeInvalid: It is wrong.
            ValueError: It is no YAML.
        """
        ...

    def hash(self, config: Config) -> str:
        """The hash that a configuration would have."""
        ...

    async def apply(self, config: Config) -> None:
        """
        Make it live.

        Raises:
            DeclarativeInvalid: It is wrong.
            OSError: It cannot be kept.
        """
        ...

    def dump(self) -> str:
        """What is live, as the text of a file."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationEndpoint:
    """`/config`."""

    whole: WholeConfiguration

    async def answer(self, request: Request) -> Response:
        """
        Answer GET and POST.

        Raises:
            Refused: It cannot be done.
        """
        entities = scoped(request)
        if entities.writable:
            message = "this endpoint is only available when Kong is configured to not use a database"
            raise refusals.say(400, message)
        if request.method != "POST":
            return JSONResponse({"config": self.whole.dump()})
        try:
            body = (await read_body(request, MAX_BODY_BYTES)).decode()
            text = unwrap(body, request.headers.get("content-type", ""))
            config = self.whole.read(text)
            if (
                _is_on(request, "check_hash")
                and self.whole.hash(config) == self.whole.revision
            ):
                return Response(status_code=304)
            if not _is_on(request, "dry_run"):
                await self.whole.apply(config)
        except BodyTooLarge as error:
            raise refusals.say(413, "request body too large") from error
        except DeclarativeInvalid as error:
            raise _invalid(error, flatten=_is_on(request, "flatten_errors")) from error
        except OSError as error:
            message = f"the configuration cannot be kept: {error.strerror}"
            raise refusals.say(503, message) from error
        except (MalformedForm, ValueError) as error:
            raise refusals.say(400, str(error)) from error
        return JSONResponse(await _show(config, entities), status_code=201)


async def _show(config: Config, entities: Entities) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind, row in iterate_rows(config):
        shown = await entities.within(workspace_of(row)).show(kind, row)
        found.setdefault(kind.name, {})[row.id or ""] = shown
    return found


def _is_on(request: Request, name: str) -> bool:
    return request.query_params.get(name) in {"1", "true", "on"}


def unwrap(text: str, content_type: str) -> str:
    """
    The declarative text in a body: the body itself, or its field `config`.

    Raises:
        MalformedForm, ValueError: The body is not of its type.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        return first(parse_form(text), "config") or ""
    if kind == "application/json":
        try:
            wrapped = json.loads(text)
        except RecursionError as error:
            raise ValueError("the body is nested too deeply") from error
        inner = wrapped.get("config") if isinstance(wrapped, dict) else None
        if isinstance(inner, str):
            return inner
    return text


def _invalid(error: DeclarativeInvalid, *, flatten: bool) -> refusals.Refused:
    body: dict[str, Any] = {
        "code": 14,
        "name": "invalid declarative configuration",
        "message": f"declarative config is invalid: {error}",
        "fields": error.fields,
    }
    if flatten:
        body["flattened_errors"] = flatten_errors(error)
    return refusals.Refused(400, body)


def flatten_errors(error: DeclarativeInvalid) -> list[dict[str, Any]]:
    """The problems by entity, as controllers of other systems read them."""
    found: dict[tuple[str | int, ...], dict[str, Any]] = {}
    for path, text in error.problems:
        place = next(
            (path[:end] for end in range(len(path), 0, -1) if path[:end] in error.rows),
            None,
        )
        if place is None:
            continue
        kind, data = error.rows[place]
        entry = found.setdefault(place, _describe(kind, data))
        rest = path[len(place) :]
        told: dict[str, Any] = {"type": "field" if rest else "entity", "message": text}
        if rest:
            told["field"] = ".".join(str(step) for step in rest)
        entry["errors"].append(told)
    return [*found.values()]


def _describe(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    words = {
        "entity_type": kind.removesuffix("s"),
        "entity_id": data.get("id"),
        "entity_name": data.get("name") or data.get("username"),
        "entity_tags": data.get("tags"),
    }
    return {
        **{name: value for name, value in words.items() if value is not None},
        "entity": {**data},
        "errors": [],
    }
