"""One visit to a page of the console: what was asked and typed, and the calls it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ostiary.pages import render, security_headers
from ostiary.pages.rendering import CONSOLE_DESIGN
from ostiary.userpool.api.caller import Shape
from ostiary.userpool.console.calls import ShownCall, run_operation, show_call
from ostiary.userpool.console.forms import Form, Sheet
from ostiary.userpool.console.gate import Gate
from ostiary.userpool.services import Services
from ostiary.web import csrf
from ostiary.web.cookies import set_cookie
from ostiary.web.replies import redirect

HOME: Final = "/console"
_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")
NOTICES: Final = {
    "pool-created": "Your user pool was created successfully.",
    "client-created": "The app client was created.",
    "client-deleted": "The app client was deleted.",
    "settings-saved": "The app client settings were saved.",
    "settings-saved-quotes": "The app client settings were saved. Quotation marks around the URLs were left out.",
    "domain-saved": "The domain name was saved. Its pages answer from now on.",
    "domain-deleted": "The domain name was deleted.",
    "user-created": "The user was created.",
    "user-changed": "The user was changed.",
    "user-deleted": "The user was deleted.",
    "group-created": "The group was created.",
    "group-changed": "The group was changed.",
    "pool-deleted": "The user pool was deleted.",
    "signed-out": "You are signed out.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """
    A request that the gate let in.

    Args:
        is_known: Whether the browser is signed in, or need not be.
    """

    services: Services
    request: Request
    gate: Gate
    csrf_token: str = field(repr=False)
    is_known: bool = False
    form: Form = field(default_factory=Form, repr=False)
    calls: list[ShownCall] = field(default_factory=list)

    @property
    def pool_id(self) -> str:
        """The pool that the path names."""
        found: str = self.request.path_params["pool_id"]
        return found

    @property
    def region(self) -> str:
        """The region of the path's pool, or the one that was asked for."""
        pool_id: str = self.request.path_params.get("pool_id", "")
        asked = self.query("region") or self.form.get("region")
        if pool_id:
            return pool_id.partition("_")[0]
        return asked if _REGION.fullmatch(asked) else self.services.config.region

    def query(self, name: str) -> str:
        """An argument of the query; empty where there is none."""
        return self.request.query_params.get(name, "")

    def url(self, path: str = "", **arguments: str) -> str:
        """The address of a page of this pool."""
        query = f"?{urlencode(arguments)}" if arguments else ""
        return f"{HOME}/pools/{self.pool_id}{path}{query}"

    def page_links(
        self, path: str, following: str | None, **arguments: str
    ) -> dict[str, Any]:
        """
        Where a list goes on, and where it began; empty where there is no such page.

        Args:
            following: The API's token of the next page.

        Returns:
            Values for `show`; Any: it takes other kinds too.
        """
        onward = self.url(path, **arguments, page=following) if following else ""
        first = self.url(path, **arguments) if self.query("page") else ""
        return {"next_url": onward, "first_url": first}

    def note(self, operation: str, members: dict[str, Any]) -> None:
        """Show a call on this page; Any: JSON."""
        host = self.request.headers.get("host", "")
        endpoint = f"{self.request.scope['scheme']}://{host}"
        shown = show_call(operation, members, endpoint=endpoint, region=self.region)
        self.calls.append(shown)

    async def run(self, operation: str, **members: Any) -> Shape:
        """
        Run an operation of the API for this page, and show it there.

        Args:
            members: Its input; what is None or empty text is left out.

        Raises:
            ApiError: It refuses.
        """
        given = {k: v for k, v in members.items() if v is not None and v != ""}
        return await self.run_as_given(operation, given)

    async def run_as_given(self, operation: str, given: dict[str, Any]) -> Shape:
        """As `run`, with an input that keeps its empty texts for the API to judge."""
        self.note(operation, given)
        return await run_operation(self.services, operation, given, region=self.region)

    def show(
        self,
        template: str,
        *,
        status: int = 200,
        sheet: Sheet | None = None,
        here: str = "",
        **values: object,
    ) -> Response:
        """A page with what every page of the console needs."""
        config = self.gate.config
        body = render(
            template,
            home=HOME,
            base=self.url() if "pool_id" in self.request.path_params else HOME,
            here=here,
            csrf=self.csrf_token,
            calls=self.calls,
            sheet=sheet or Sheet(),
            notice=NOTICES.get(self.query("done"), ""),
            can_sign_out=self.gate.asks and self.is_known,
            mailbox_url=config.mailbox_url
            or (f"{HOME}/mail" if self.services.config.testing else ""),
            **values,
        )
        headers = dict(security_headers(styles=(CONSOLE_DESIGN,)))
        response = Response(body, status, headers, "text/html")
        set_cookie(response, csrf.COOKIE, self.csrf_token, path=HOME, max_age_s=None)
        return response

    def go(self, path: str = "", **arguments: str) -> Response:
        """Lead to a page of this pool."""
        return redirect(self.url(path, **arguments))
