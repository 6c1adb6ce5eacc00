"""
The way in: which workspace a request is about, and whether whoever asks may.

Spec: gateway §§1.15, 1.16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ostiary.admin import refusals
from ostiary.admin.entities import Entities
from ostiary.admin.scope import raw_path, split_path
from ostiary.model.kinds import KINDS
from ostiary.model.workspaces import DEFAULT, RESERVED, Workspace

_WORKSPACES: Final = KINDS["workspaces"]
# What somebody asks who is nobody yet: their registration link says who they will be.
_OPEN: Final = ("POST", "/admins/register")


class Access(Protocol):
    """Who may do what. `header` names the field that says who asks."""

    @property
    def header(self) -> str:
        """The name of a field."""
        ...

    async def identify(self, request: Request) -> None:
        """
        Know who asks; before that nobody hears of anything.

        Raises:
            Refused: Nobody is known (401).
        """
        ...

    async def admit(
        self,
        request: Request,
        entities: Entities,
        workspace: Workspace,
        steps: Sequence[str],
    ) -> Entities:
        """
        The rows that whoever was identified may see and change.

        Args:
            entities: Those of the workspace.
            steps: The decoded path, without the workspace.

        Raises:
            Refused: They may not (403).
        """
        ...


def _show_step(step: str) -> str:
    """A decoded segment as one that is matched: no slash or line end comes in by decoding."""
    return "".join(
        c if c != "/" and c.isprintable() else quote(c, safe="") for c in step
    )


class OpenAccess:
    """Everybody may do everything."""

    header: str = "Kong-Admin-Token"

    async def identify(self, request: Request) -> None:
        """Whoever it is."""

    async def admit(
        self,
        request: Request,  # noqa: ARG002 - the protocol's name
        entities: Entities,
        workspace: Workspace,  # noqa: ARG002 - the protocol's name
        steps: Sequence[str],  # noqa: ARG002 - the protocol's name
    ) -> Entities:
        return entities


class Gate:
    """Takes the workspace off a path, and lets in who may. `inner` answers the rest."""

    def __init__(self, entities: Entities, access: Access, inner: ASGIApp) -> None:
        self._entities = entities
        self._access = access
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as an ASGI application does."""
        request = Request(scope)
        raw = raw_path(request)
        if (request.method, raw) == _OPEN:
            request.state.prefix = ""
            request.state.workspace = DEFAULT.id
            request.state.entities = self._entities
            await self._inner({**scope, "path": raw}, receive, send)
            return
        await self._access.identify(request)
        steps = split_path(raw)
        workspace, prefix = DEFAULT, ""
        if steps[0] and unquote(steps[0]) not in RESERVED:
            workspace = await self._find(unquote(steps[0]))
            prefix = f"/{steps[0]}"
            steps = steps[1:] or [""]
        request.state.prefix = prefix
        request.state.workspace = workspace.id
        decoded = [unquote(step) for step in steps]
        request.state.entities = await self._access.admit(
            request, self._entities.within(workspace.id or ""), workspace, decoded
        )
        rest = raw.removeprefix(prefix) or "/"
        path = "/" + "/".join(map(_show_step, decoded))
        if rest.endswith("/") and path != "/":
            path += "/"
        inside = {**scope, "path": path, "raw_path": rest.encode("latin-1")}
        await self._inner(inside, receive, send)

    async def _find(self, key: str) -> Workspace:
        row = await self._entities.find(self._entities.store, _WORKSPACES, key)
        if not isinstance(row, Workspace):
            raise refusals.not_found()
        return row
