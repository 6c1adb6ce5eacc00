"""
The page that tries an operation: its form, and below it what came back.

Works without JavaScript. A credential is in no page, no address and no log: it is typed anew for
each request.

Spec: portal §§3.7, 5.2; decision 0048.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from ostiary.model.portal import Developer
from ostiary.portal.asked import Asked, Content, Page, draw, stop
from ostiary.portal.content.finding import (
    EXPLORE_END,
    RAW_PREFIX,
    TRY_END,
    Missing,
    NeedsSignIn,
)
from ostiary.portal.content.finding import Page as Found
from ostiary.portal.content.highlight import highlight_code
from ostiary.portal.content.links import build_route_url
from ostiary.portal.content.openapi.document import Api
from ostiary.portal.content.rendering import LISTED_BESIDE
from ostiary.portal.site import client_ip
from ostiary.portal.tryit.answer import Shown
from ostiary.portal.tryit.building import BadInputs
from ostiary.portal.tryit.form import Form, read_form
from ostiary.portal.tryit.sending import TryIt
from ostiary.portal.tryit.vendored import PLACE, add_scripts
from ostiary.ports.own_gateway import GatewayAway, NotRouted
from ostiary.web.body import read_form as read_body
from ostiary.web.replies import json_reply

_OFF: Final = (
    "Requests cannot be sent from this portal: the node that serves it has no listener of the "
    "gateway (proxy_listen), or developers cannot sign in (portal_auth)."
)


class TryPages:
    """The pages `…/<operation>/try`."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def find(self, asked: Asked) -> Page | None:
        """The page that answers, if one of these is asked for."""
        path = f"/{asked.path}"
        end = next((e for e in (TRY_END, EXPLORE_END) if path.endswith(e)), None)
        if end is None:
            return None
        if not isinstance(await self._content.find(asked, path), Missing):
            return None  # a page of the operator's, or an operation called `try`
        found = await self._content.find(asked, path.removesuffix(end))
        if isinstance(found, NeedsSignIn):
            return self._send_away
        if not isinstance(found, Found) or found.entry.api is None:
            return None
        if (found.operation is None) != (end == EXPLORE_END):
            return None

        async def show(asked: Asked) -> Response:
            return await self._show(asked, found)

        return show

    async def _send_away(self, asked: Asked) -> Response:
        away = stop(asked)
        assert away is not None  # whoever must sign in is not approved
        return away

    async def _show(self, asked: Asked, found: Found) -> Response:
        trying = asked.site.trying
        if trying is None or not asked.portal.has_sign_in:
            return await self._say(asked, found, _OFF)
        if (stopped := stop(asked)) is not None:
            return stopped
        # The rule of the catalogue: what is in no list is not tried, either.
        if found.entry not in found.site.specs(found.reader):
            return await self._say(asked, found, "This specification is not in the catalogue, so its operations cannot be tried here.")  # fmt: skip
        assert found.entry.api is not None
        if asked.request.method == "POST":
            assert asked.visitor.developer is not None  # who is approved is one
            trying.count(asked.portal, asked.visitor.developer)
        if found.operation is None:
            return await self._explore(asked, found, found.entry.api, trying)
        if not found.operation.can_be_tried:
            return await self._say(asked, found, f"{found.operation.method} requests are not sent from here.")  # fmt: skip
        form = await asyncio.to_thread(read_form, found.entry.api, found.operation)
        if not await trying.could_work(found.entry.api, found.operation, asked.portal):
            return await self._tell_missing(asked, found, form, trying)
        if asked.request.method != "POST":
            return await self._draw(asked, found, form, {})
        return await self._send(asked, found, form, trying)

    async def _tell_missing(
        self, asked: Asked, found: Found, form: Form, trying: TryIt
    ) -> Response:
        """No form that cannot work, but what is missing and who can do what about it."""
        return await self._page(
            "portal-try.html", asked, found, status=200, form=form, values={}, errors={},
            details=form.details, is_missing=True, home=trying.home(asked.portal).origin,
        )  # fmt: skip

    async def _send(
        self, asked: Asked, found: Found, form: Form, trying: TryIt
    ) -> Response:
        values = dict(await read_body(asked.request))
        try:
            built = trying.build(form, values, asked.portal, client_ip(asked.request))
        except BadInputs as error:
            return await self._draw(asked, found, form, values, errors=error.errors)
        try:
            answer = await trying.send(built, asked.portal, _developer(asked))
        except (NotRouted, GatewayAway) as error:
            wrong = {"": error.reason}
            return await self._draw(asked, found, form, values, errors=wrong, curl=built.curl)  # fmt: skip
        return await self._draw(asked, found, form, values, answer=answer, curl=built.curl)  # fmt: skip

    async def _explore(
        self, asked: Asked, found: Found, api: Api, trying: TryIt
    ) -> Response:
        """The page of swagger-ui, and what it sends."""
        if asked.request.method == "POST":
            return await self._send_explored(asked, api, trying)
        chrome = await self._content.frame(asked)
        own_url = build_route_url(found.entry.route, chrome.base)
        raw = f"{RAW_PREFIX}{found.entry.path.removeprefix('specs/')}"
        response = draw(
            "portal-explore.html", chrome, page_title=found.entry.title, spec_url=own_url,
            catalogue_url=build_route_url("/documentation", chrome.base),
            raw_url=build_route_url(raw, chrome.base), explore_url=f"{own_url}{EXPLORE_END}",
            files_url=f"{chrome.base}/{PLACE}", csrf_token=asked.csrf_token,
            gateway=trying.home(asked.portal).origin,
            is_missing=not await trying.any_could_work(api, asked.portal),
        )  # fmt: skip
        name = "Content-Security-Policy"
        # Where it asks for the specification and where it sends, and nowhere else of the portal.
        paths = (build_route_url(raw, chrome.base), f"{own_url}{EXPLORE_END}")
        response.headers[name] = add_scripts(
            response.headers[name], chrome.form_homes, base=chrome.base, paths=paths
        )
        return response

    async def _send_explored(self, asked: Asked, api: Api, trying: TryIt) -> Response:
        values = dict(await read_body(asked.request))
        try:
            built = await asyncio.to_thread(
                trying.build_explored, api, values, asked.portal, client_ip(asked.request)
            )  # fmt: skip
            answer = await trying.send(built, asked.portal, _developer(asked))
        except BadInputs as error:
            return json_reply({"error": " ".join(error.errors.values())}, status=400)
        except (NotRouted, GatewayAway) as error:
            return json_reply({"error": error.reason}, status=400)
        return json_reply(
            {
                "status": answer.status, "phrase": answer.phrase, "fields": answer.fields,
                "text": "(not text)" if answer.text is None else answer.text,
            }
        )  # fmt: skip

    async def _draw(
        self,
        asked: Asked,
        found: Found,
        form: Form,
        values: Mapping[str, str],
        *,
        errors: Mapping[str, str] | None = None,
        answer: Shown | None = None,
        curl: str = "",
    ) -> Response:
        untold = {key for one in form.credentials for key in (one.key, one.user_key)}
        return await self._page(
            "portal-try.html", asked, found, status=400 if errors else 200,
            form=form, values={k: v for k, v in values.items() if k not in untold},
            errors=errors or {}, answer=answer, curl=curl, csrf_token=asked.csrf_token,
            details=form.details, is_sent=bool(values), is_missing=False,
        )  # fmt: skip

    async def _say(self, asked: Asked, found: Found, text: str) -> Response:
        chrome = await self._content.frame(asked)
        slug = "" if found.operation is None else f"/{found.operation.slug}"
        return draw(
            "portal-message.html", chrome, status=404, title="This cannot be tried here", text=text,
            action_url=f"{build_route_url(found.entry.route, chrome.base)}{slug}",
            action_label="Back to the documentation",
        )  # fmt: skip

    async def _page(
        self, template: str, asked: Asked, found: Found, *, status: int, **more: Any
    ) -> Response:  # Any: values of a template
        chrome = await self._content.frame(asked)
        assert found.entry.api is not None
        assert found.operation is not None
        spec_url = build_route_url(found.entry.route, chrome.base)
        return await asyncio.to_thread(
            draw, template, chrome, status=status,
            api=found.entry.api, operation=found.operation, page_title=found.entry.title,
            is_short=sum(1 for _ in found.entry.api.operations) <= LISTED_BESIDE, spec_url=spec_url,
            catalogue_url=build_route_url("/documentation", chrome.base),
            operation_url=f"{spec_url}/{found.operation.slug}",
            try_url=f"{spec_url}/{found.operation.slug}{TRY_END}",
            highlight=highlight_code, **more,
        )  # fmt: skip


def _developer(asked: Asked) -> Developer:
    """Whoever tries: approved, or they would not be here."""
    assert asked.visitor.developer is not None
    return asked.visitor.developer
