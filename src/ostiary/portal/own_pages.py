"""
Pages for those whom no provider signs in: the form, the way out, another password or address.

Spec: portal §§1.3, 1.6; security: enumeration, fixation.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.http.forms import first
from ostiary.http.head import Fields
from ostiary.model.portal import APPROVED, Developer
from ostiary.portal.accounts import Registered, TooOften
from ostiary.portal.asked import Asked, Content, draw, go, too_often, wanted_by
from ostiary.portal.comings import tell_coming, tell_going
from ostiary.portal.own import BASIC_AUTH, NOT_CURRENT
from ostiary.portal.people import Visitor, standing_of
from ostiary.portal.places import read_next
from ostiary.portal.replies import add_fields
from ostiary.portal.site import client_ip
from ostiary.portal.standing import explain
from ostiary.web.body import read_form

_WRONG: Final = {
    "password": "The address or the password is wrong, or the account is locked after too many attempts.",
    "key": "This key is wrong.",
}


class OwnPages:
    """Signing in and out at the portal itself."""

    def __init__(self, content: Content) -> None:
        self._content = content

    async def login(self, asked: Asked) -> Response:
        """The form, and what comes of it: in, or why not."""
        if asked.request.method != "POST":
            return await self._form(asked, wanted=wanted_by(asked) or "")
        form = await read_form(asked.request)
        email = (first(form, "email") or "").strip()
        wanted = read_next(first(form, "next"), asked.portal.name)
        own = asked.portal.own
        assert own is not None
        try:
            developer = await self._check(asked, email, first(form, own.secret_name))
        except TooOften as error:
            response = await self._form(
                asked, wanted=wanted or "", email=email, problem=too_often(error), status=429,
            )  # fmt: skip
            response.headers["Retry-After"] = str(error.wait_s)
            return response
        if developer is None:
            problem = _WRONG[own.secret_name]
            return await self._form(
                asked, wanted=wanted or "", email=email, problem=problem, status=401
            )
        if developer.status != APPROVED:
            return await self._explain(asked, developer)
        fields = await asked.site.sign_ins.begin(asked.request, asked.portal, developer)
        await tell_coming(asked.site, asked.request, asked.portal, developer)
        return add_fields(go(wanted or f"{asked.base}/dashboard"), fields)

    async def _check(
        self, asked: Asked, email: str, secret: str | None
    ) -> Developer | None:
        portal, ip = asked.portal, client_ip(asked.request)
        assert portal.own is not None
        sign_ins = asked.site.sign_ins
        if portal.own.mode == BASIC_AUTH:
            return await sign_ins.check_password(portal, email, secret or "", ip)
        return await sign_ins.check_key(portal, secret or "", ip)

    async def _form(
        self, asked: Asked, *, wanted: str, email: str = "", problem: str = "", status: int = 200,
    ) -> Response:  # fmt: skip
        chrome = await self._content.frame(asked)
        return draw(
            "portal-sign-in.html",
            chrome,
            status=status,
            csrf_token=asked.csrf_token,
            action=f"{asked.base}/login",
            own=asked.portal.own,
            email=email,
            wanted=wanted,
            problem=problem,
            reset_url=f"{asked.base}/reset-password"
            if asked.portal.can_reset
            else None,
        )

    async def _explain(self, asked: Asked, developer: Developer) -> Response:
        """Why somebody with the right password may not go in; no session begins."""
        chrome = await self._content.frame(asked)
        visitor = Visitor(standing=standing_of(developer), developer=developer)
        told = explain(visitor, asked.portal, base=asked.base)
        return draw(
            "portal-message.html", chrome, status=told.status, title=told.title,
            text=told.text, action_url=told.action_url, action_label=told.action_label,
        )  # fmt: skip

    async def logout(self, asked: Asked) -> Response:
        """End the session: the person's own wish, not a browser's that looks ahead."""
        if "prefetch" in asked.request.headers.get("sec-purpose", ""):
            return go(asked.base)
        fields = await asked.site.sign_ins.end(asked.request, asked.portal)
        whose = asked.visitor.developer  # somebody: nobody else is led here
        await tell_going(asked.site, asked.request, asked.portal, whose)
        return add_fields(go(asked.base), fields)

    async def set_password(
        self, asked: Asked, developer: Developer
    ) -> tuple[Registered, Fields]:
        """
        Another password for whoever knows the old one, or another key.

        Raises:
            TooOften: Somebody tries old passwords.
        """
        portal, ip = asked.portal, client_ip(asked.request)
        assert portal.own is not None
        form = await read_form(asked.request)
        if portal.own.mode == BASIC_AUTH:
            old = first(form, "old_password") or ""
            if not await asked.site.sign_ins.check_old(portal, developer, old, ip):
                return Registered(
                    errors={"old_password": "Old password is invalid"}
                ), ()
        secret = first(form, portal.own.secret_name) or ""
        done = await asked.site.mailed.change(portal, developer, secret, ip)
        if done.status is None:
            return done, ()
        return done, await asked.site.renew(asked.request, portal, developer)

    async def set_email(
        self, asked: Asked, developer: Developer
    ) -> tuple[Registered, Fields]:
        """
        Another address, for whoever knows their password where there are passwords.

        Raises:
            TooOften: Somebody tries addresses, or passwords.
        """
        form = await read_form(asked.request)
        said = first(form, "email") or ""
        portal, ip = asked.portal, client_ip(asked.request)
        assert portal.own is not None
        if portal.own.mode == BASIC_AUTH:
            password = first(form, "current_password") or ""
            if not await asked.site.sign_ins.check_old(portal, developer, password, ip):
                return Registered(errors={"current_password": NOT_CURRENT}), ()
        mailed = asked.site.mailed
        async with asked.site.pace.even():
            done = await mailed.ask_for_address(portal, developer, said, ip)
        if done.status is None:
            return done, ()
        return done, await asked.site.renew(asked.request, portal, developer)
