"""
The pages of a developer's own credentials: what there is, a new one, another in its place, none.

Every page works without JavaScript. What is secret is shown on the page that answers its making,
and nowhere else: that page is never kept. Where the portal gives none out, there are no pages.

Spec: portal §§1.6, 3.6, 5.2; decision 0049.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.responses import Response

from ostiary.http.forms import first
from ostiary.model.developer_credentials import BASIC_AUTH, JWT, KEY_AUTH
from ostiary.portal.applications.acts import Acts, Json, acts_of
from ostiary.portal.asked import Asked, Content, Page, draw, go, stop
from ostiary.portal.credentials.acts import CredentialActs
from ostiary.ports.admin_client import AdminReply
from ostiary.web.body import read_form


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How the credentials of a plugin are called."""

    plugin: str
    one: str
    many: str
    what_for: str

    def name(self, row: Json) -> str:
        """How one is told from others: nothing of what is secret but its beginning."""
        if self.plugin == BASIC_AUTH:
            return str(row["username"])
        return f"{row['key'][:4]}…"


WORDINGS: Final[Mapping[str, Wording]] = {
    wording.plugin: wording
    for wording in (
        Wording(plugin=KEY_AUTH, one="key", many="Keys", what_for="A key is sent with every request, in a header field."),
        Wording(plugin=BASIC_AUTH, one="password", many="Passwords", what_for="A username and a password, sent with every request."),
        Wording(plugin=JWT, one="signing key", many="Signing keys", what_for="You sign short-lived tokens with a secret that is never sent itself."),
    )
}  # fmt: skip
Work = Callable[[Asked, CredentialActs], Awaitable[Response]]


class CredentialPages:
    """The pages below `/credentials`."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def pages(self) -> Mapping[str, Page]:
        """By path."""
        return {
            "credentials": self._of_developer(self.overview),
            "credentials/create": self._of_plugin(self.create),
            "credentials/rotate": self._of_plugin(self.rotate),
            "credentials/delete": self._of_plugin(self.delete),
        }

    def _of_developer(self, work: Callable[[Asked, Acts], Awaitable[Response]]) -> Page:
        """A page for developers in good standing, where there are credentials at all."""

        async def show(asked: Asked) -> Response:
            if not asked.portal.credentials:
                chrome = await self._content.frame(asked)
                return await self._content.show(asked, chrome)
            if (stopped := stop(asked)) is not None:
                return stopped
            return await work(asked, acts_of(asked))

        return show

    def _of_plugin(self, work: Work) -> Page:
        """A page about credentials of the plugin that the query names."""

        async def show(asked: Asked, acts: Acts) -> Response:
            plugin = asked.request.query_params.get("plugin", "")
            if plugin not in asked.portal.credentials:
                return go(_home(asked))
            return await work(asked, CredentialActs(acts=acts, plugin=plugin))

        return self._of_developer(show)

    async def overview(self, asked: Asked, acts: Acts) -> Response:
        """All of them, by plugin."""
        return await self._overview(asked, acts)

    async def _overview(
        self, asked: Asked, acts: Acts, problem: str | None = None
    ) -> Response:
        sections = [
            (WORDINGS[plugin], await CredentialActs(acts=acts, plugin=plugin).read())
            for plugin in asked.portal.credentials
        ]
        chrome = await self._content.frame(asked)
        return draw(
            "portal-credentials.html", chrome,
            status=200 if problem is None else 400, csrf_token=asked.csrf_token,
            base=asked.base, sections=sections, problem=problem,
            is_deleted="deleted" in asked.request.query_params,
            now=int(asked.site.clock.now()),
        )  # fmt: skip

    async def create(self, asked: Asked, acts: CredentialActs) -> Response:
        """Make one, and show what is secret of it this once."""
        if asked.request.method != "POST":
            return go(_home(asked))
        return await self._show_new(asked, acts, await acts.make())

    async def rotate(self, asked: Asked, acts: CredentialActs) -> Response:
        """A new one; the one before works for a day, so that nothing stops meanwhile."""
        if asked.request.method != "POST":
            return go(_home(asked))
        key = first(await read_form(asked.request), "id") or ""
        row = await acts.get(key)
        if row is None:
            return go(_home(asked))
        reply = await acts.make(row)
        if reply.is_good:
            await acts.end_later(key)
        return await self._show_new(asked, acts, reply, is_rotated=True)

    async def _show_new(
        self,
        asked: Asked,
        acts: CredentialActs,
        reply: AdminReply,
        *,
        is_rotated: bool = False,
    ) -> Response:
        if not reply.is_good:
            return await self._overview(asked, acts.acts, reply.message)
        chrome = await self._content.frame(asked)
        return draw(
            "portal-credential.html", chrome, row=reply.value,
            wording=WORDINGS[acts.plugin], is_rotated=is_rotated, back_url=_home(asked),
        )  # fmt: skip

    async def delete(self, asked: Asked, acts: CredentialActs) -> Response:
        """Let one go, after a question."""
        key = asked.request.query_params.get("id", "")
        row = await acts.get(key)
        if row is None:
            return go(_home(asked))
        wording = WORDINGS[acts.plugin]
        if asked.request.method == "POST":
            await acts.call("DELETE", key)
            return go(f"{_home(asked)}?deleted")
        chrome = await self._content.frame(asked)
        return draw(
            "portal-confirm.html", chrome, title=f"Delete this {wording.one}?",
            text=f"Whatever uses {wording.name(row)} stops working at once.",
            action=f"{_home(asked)}/delete?plugin={acts.plugin}&id={quote(key, safe='')}",
            label=f"Delete the {wording.one}", csrf_token=asked.csrf_token,
            back_url=_home(asked),
        )  # fmt: skip


def _home(asked: Asked) -> str:
    return f"{asked.base}/credentials"
