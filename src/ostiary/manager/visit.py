"""One visit to a page of the Manager: who asks, what was typed, and the Admin calls it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from ostiary.manager.config import ManagerConfig, Person
from ostiary.manager.forms import Form, Sheet
from ostiary.manager.gate import Gate, read_address
from ostiary.pages import render, security_headers
from ostiary.pages.rendering import CONSOLE_DESIGN, MANAGER_DESIGN
from ostiary.ports.admin_client import AdminReply, Operator
from ostiary.web.cookies import set_cookie
from ostiary.web.replies import redirect

Json = Any  # Any: JSON
CSRF: Final = "ostiary-manager-csrf"
DEFAULT: Final = "default"
NOTICES: Final = {
    "created": "It was created, and is on its way to the workers.",
    "saved": "The changes were saved, and are on their way to the workers.",
    "same": "Nothing was changed.",
    "deleted": "It was deleted.",
    "enabled": "The plugin is enabled.",
    "disabled": "The plugin is disabled.",
    "workspace-created": "The workspace was created.",
    "workspace-deleted": "The workspace was deleted.",
    "portal-on": "The portal is on.",
    "appearance": "The theme was saved. The portal shows it from the next page on.",
    "portal-off": "The portal is off.",
    "developer-0": "The developer is approved, and may sign in from now on.",
    "developer-2": "The developer is rejected.",
    "developer-3": "The developer's access is revoked, from their next request on.",
    "developer-deleted": "The developer was deleted.",
    "contract-0": "The application may call the service from now on.",
    "contract-2": "The request is rejected.",
    "contract-3": "The application may no longer call the service, from its next request on.",
    "contract-held": "The contract is suspended: requests are refused until it goes on.",
    "contract-freed": "The contract goes on.",
    "contract-deleted": "The contract was deleted.",
    "key-deleted": "The key was deleted, and opens nothing from now on.",
    "credential-deleted": "The credential was deleted, and opens nothing from now on.",
    "application-deleted": "The application was deleted, with its keys and contracts.",
    "invited": "They are invited. Give them roles, and a link or a word that they may come.",
    "registered": "You are an admin now. Sign in with the token that you chose.",
    "session-ended": "The session has ended.",
    "signed-out": "You are signed out.",
    "ended": "Your session has ended. Sign in again.",
}


class Refused(Exception):
    """The Admin API did not do what a page needs."""

    code = "admin_refused"

    def __init__(self, reply: AdminReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request that the gate let in. `person` has signed in, where people do."""

    config: ManagerConfig
    request: Request
    gate: Gate
    csrf_token: str = field(repr=False)
    person: Person | None = None
    form: Form = field(default_factory=Form, repr=False)

    @property
    def workspace(self) -> str:
        """The name of the workspace that the path names; else the one that people are known in."""
        home = DEFAULT if self.person is None else self.person.home
        found: str = self.request.path_params.get("workspace", home)
        return found

    def param(self, name: str) -> str:
        """A segment of the path."""
        found: str = self.request.path_params[name]
        return found

    def query(self, name: str) -> str:
        """An argument of the query; empty where there is none."""
        return self.request.query_params.get(name, "").strip()

    def url(self, *steps: str, **arguments: str) -> str:
        """The address of a page of this workspace."""
        path = "/".join(quote(step, safe="") for step in (self.workspace, *steps))
        query = urlencode({k: v for k, v in arguments.items() if v})
        return f"/{path}?{query}" if query else f"/{path}"

    @property
    def is_encrypted(self) -> bool:
        """Whether the browser speaks TLS."""
        return self.gate.is_encrypted(self.request)

    # The Admin API.

    def operator(self) -> Operator:
        """In whose name this visit asks."""
        address = read_address(self.request) or "127.0.0.1"
        if self.person is None:
            return Operator(site="kong-manager", client_ip=address)
        return Operator(
            site="kong-manager",
            client_ip=address,
            user=self.person.id,
            workspace=self.person.workspace,
        )

    async def call(
        self,
        method: str,
        *steps: str,
        query: Mapping[str, str] | None = None,
        body: Json = None,
    ) -> AdminReply:
        """Ask the Admin API in this workspace, whatever it answers."""
        path = "/".join(quote(step, safe="") for step in (self.workspace, *steps))
        return await self.config.admin.call(
            self.operator(), method, f"/{path}", query=query, body=body
        )

    async def get(self, *steps: str, **query: str) -> Json:
        """
        What the Admin API shows.

        Raises:
            Refused: It does not.
        """
        reply = await self.call("GET", *steps, query=query)
        if not reply.is_good:
            raise Refused(reply)
        return reply.value

    async def look(self, *steps: str, **query: str) -> Json:
        """What the Admin API shows, or None: for parts that a page can do without."""
        reply = await self.call("GET", *steps, query=query)
        return reply.value if reply.is_good else None

    async def schema(self, *steps: str) -> Json:
        """
        A schema: no secret, so that whoever may use a form can see it.

        Raises:
            Refused: There is none of this name.
        """
        return await self.know("schemas", *steps)

    async def know(self, *steps: str) -> Json:
        """
        What the node says of itself to everybody, and does not change while it runs.

        Raises:
            Refused: It says nothing of this.
        """
        path = "/" + "/".join(quote(step, safe="") for step in steps)
        if path not in self.gate.known:
            operator = Operator(site="kong-manager")
            reply = await self.config.admin.call(operator, "GET", path)
            if not reply.is_good:
                raise Refused(reply)
            self.gate.known[path] = reply.value
        return self.gate.known[path]

    # Pages.

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        sheet: Sheet | None = None,
        here: str = "",
        designs: Sequence[str] = (),
        **values: object,
    ) -> Response:
        """A page with what every page of the Manager needs; `designs` are style sheets of its own."""
        exposed = self.gate.is_exposed(self.request)
        body = render(
            template,
            workspace=self.workspace,
            base=self.url(),
            here=here,
            csrf=self.csrf_token,
            sheet=sheet or Sheet(),
            notice=NOTICES.get(self.query("done"), ""),
            person=self.person,
            is_known=self.person is not None or not self.gate.asks,
            is_exposed=exposed,
            writable=self.config.writable,
            has_portal=self.config.has_portal,
            has_debugger=self.config.has_debugger,
            banners=self.config.banners,
            query=self.query,
            **values,
        )
        styles = (CONSOLE_DESIGN, MANAGER_DESIGN, *designs)
        # What a provider answers stands in the address, and is nothing for whatever comes next.
        is_answer = self.gate.is_answer(self.request)
        headers = dict(security_headers(styles=styles, has_own_referrer=not is_answer))
        response = Response(body, status, headers, "text/html")
        set_cookie(
            response,
            CSRF,
            self.csrf_token,
            path="/",
            max_age_s=None,
            same_site="Strict",
            secure=self.is_encrypted,
        )
        return response

    def go(self, *steps: str, **arguments: str) -> Response:
        """Lead to a page of this workspace."""
        return redirect(self.url(*steps, **arguments))
