"""A specification to try, and a gateway that only notes what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ostiary.portal.content.openapi.document import Api, Operation, read_api
from ostiary.portal.tryit.building import Built, Home, build_request
from ostiary.portal.tryit.form import Form, read_form
from ostiary.ports.own_gateway import OwnReply, OwnRequest

HOME = Home(scheme="https", host="kong-ee", port=8443)
SPEC: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "/pets"}, {"url": "https://pets.example.com:444/v1"}],
    "components": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "login": {"type": "http", "scheme": "basic"},
            "key": {"type": "apiKey", "in": "header", "name": "apikey"},
            "arg": {"type": "apiKey", "in": "query", "name": "api_key"},
            "jar": {"type": "apiKey", "in": "cookie", "name": "sid"},
            "evil": {"type": "apiKey", "in": "header", "name": "X-Forwarded-For"},
        }
    },
    "security": [{"token": []}, {"login": []}, {"key": [], "arg": []}, {"jar": []}, {"evil": []}],
    "paths": {
        "/cats/{name}": {
            "get": {
                "operationId": "getCat",
                "summary": "Get a cat",
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "tom"},
                    {"name": "size", "in": "query", "schema": {"type": "string", "enum": ["small", "big"]}},
                    {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "X-Real-IP", "in": "header", "schema": {"type": "string"}},
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                    {"name": "sid", "in": "cookie", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "A cat", "content": {"application/json": {}}}},
            },
            "trace": {"operationId": "traceCat", "responses": {}},
        },
        "/cats": {
            "post": {
                "operationId": "addCat",
                "security": [],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"example": {"name": "tom"}},
                        "application/x-www-form-urlencoded": {},
                        "multipart/form-data": {},
                    },
                },
                "responses": {},
            }
        },
    },
}  # fmt: skip


def operation_of(api: Api, slug: str) -> Operation:
    found = api.find(slug)
    assert found is not None
    return found


def form_of(slug: str = "get-cat", document: dict[str, Any] | None = None) -> Form:
    api = read_api(document or SPEC, fallback="")
    return read_form(api, operation_of(api, slug))


def build(slug: str = "get-cat", /, **values: str) -> Built:
    """A request of the specification; `path__name` is the field `path:name`."""
    filled = {"path:name": "tom"} | {
        k.replace("__", ":").replace("X_", "X-"): v for k, v in values.items()
    }
    return build_request(form_of(slug), filled, home=HOME, client_ip="192.0.2.7")


@dataclass(slots=True)
class FakeGateway:
    """Answers what it is told to, and remembers what it was sent, and for which workspace."""

    reply: OwnReply | Exception = field(
        default_factory=lambda: OwnReply(
            status=200, fields=(("Content-Type", "application/json"),),
            body=b'{"name":"tom"}', took_ms=12,
        )
    )  # fmt: skip
    sent: list[OwnRequest] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    scheme: str = "https"
    port: int = 8443
    # Hosts that have no route here.
    away: set[str] = field(default_factory=set)

    async def may_take(
        self, method: str, host: str, path: str, *, workspace: str
    ) -> bool:
        assert (method.isupper(), path[:1], bool(workspace)) == (True, "/", True)
        return host not in self.away

    async def send(self, request: OwnRequest, *, workspace: str) -> OwnReply:
        self.sent.append(request)
        self.spaces.append(workspace)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply
