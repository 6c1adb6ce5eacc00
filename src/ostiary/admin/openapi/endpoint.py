"""`/openapi.json`: the document, made when somebody first asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from ostiary.admin.contracts import PluginRules
from ostiary.admin.openapi.document import build_document
from ostiary.admin.openapi.replies import JSON
from ostiary.admin.openapi.rows import PluginModels
from ostiary.admin.state import NodeView


@dataclass(slots=True, kw_only=True)
class OpenapiEndpoint:
    """The document of a node: its plugins, and `more` paths, are those that it has."""

    view: NodeView
    plugins: PluginRules
    more: tuple[str, ...] = ()
    _made: bytes = field(default=b"", repr=False)

    async def answer(self, _: Request) -> Response:
        """`GET /openapi.json`."""
        if not self._made:
            known = {name: self.plugins.schema(name) for name in self.view.plugins}
            models = {name: model for name, model in known.items() if model is not None}
            document = build_document(
                PluginModels(models=models),
                version=self.view.version,
                more=self.more,
            )
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            self._made = text.encode()
        return Response(self._made, media_type=JSON)
