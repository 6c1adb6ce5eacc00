"""
The portal's pages about accounts: sign in, register, wait, and say something else of oneself.

Spec: portal §§1.3, 2.2-2.5, 3.6; security T-R, T-K.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from ostiary.http.cookies import build_set_cookie
from ostiary.http.forms import first
from ostiary.http.head import Fields
from ostiary.model.portal import APPROVED, Developer
from ostiary.portal.accounts import Registered, TooOften
from ostiary.portal.applications.acts import acts_of
from ostiary.portal.applications.pages import DAYS, sum_days
from ostiary.portal.asked import (
    Asked,
    Content,
    Page,
    draw,
    go,
    next_attributes,
    stop,
    too_often,
    wanted_by,
)
from ostiary.portal.config import Portal
from ostiary.portal.mail_pages import MailPages
from ostiary.portal.own_pages import OwnPages
from ostiary.portal.places import NEXT_COOKIE
from ostiary.portal.replies import add_fields
from ostiary.portal.site import client_ip
from ostiary.portal.standing import explain
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.web.body import read_form

_META: Final = "meta."


class AccountPages:
    """The pages of developers' accounts."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._own = OwnPages(content)
        self._mail = MailPages(content)

    @property
    def pages(self) -> Mapping[str, Page]:
        """What is shown at which path below a workspace."""
        return {
            "login": self.login,
            "register": self.register,
            "unauthorized": self.unauthorized,
            "logout": self.logout,
            "dashboard": self.dashboard,
            "settings": self.settings,
            "settings/delete": self.delete,
            "settings/email": self.settings,
            "settings/password": self.settings,
            **self._mail.pages,
        }

    async def _show_content(self, asked: Asked) -> Response:
        return await self._content.show(asked, await self._content.frame(asked))

    async def login(self, asked: Asked) -> Response:
        """One button that leads to the provider, or a form."""
        if not asked.portal.has_sign_in:
            return await self._show_content(asked)
        is_own = asked.portal.own is not None
        if is_own and asked.request.method == "POST":
            # Whoever is signed in already: it may be a session that somebody planted.
            return await self._own.login(asked)
        if asked.visitor.signed_in is not None:
            ending = "dashboard" if asked.visitor.is_approved else "unauthorized"
            return go(f"{asked.base}/{ending}")
        if is_own:
            return await self._own.login(asked)
        chrome = await self._content.frame(asked)
        response = draw(
            "portal-login.html",
            chrome,
            auth_url=f"{asked.portal.api}/auth",
            is_open=asked.portal.oidc is not None,
            is_next=wanted_by(asked) is not None,
        )
        wanted = wanted_by(asked) or f"{asked.base}/dashboard"
        cookie = build_set_cookie(NEXT_COOKIE, wanted, next_attributes(asked))
        return add_fields(response, [(b"set-cookie", cookie)])

    async def register(self, asked: Asked) -> Response:
        """The form of a registration, and what comes of it."""
        portal, visitor = asked.portal, asked.visitor
        if not portal.has_sign_in:
            return await self._show_content(asked)
        if visitor.developer is not None:
            ending = "dashboard" if visitor.is_approved else "unauthorized"
            return go(f"{asked.base}/{ending}")
        if asked.request.method != "POST":
            return await self._registration(asked, {}, Registered())
        form = dict(await read_form(asked.request))
        try:
            asked.site.accounts.count(asked.portal, client_ip(asked.request))
        except TooOften as error:
            response = await self._registration(
                asked, form, Registered(problem=too_often(error)), status=429,
            )  # fmt: skip
            response.headers["Retry-After"] = str(error.wait_s)
            return response
        done = await _register(asked, form)
        if done.status is None:
            return await self._registration(asked, form, done, status=400)
        chrome = await self._content.frame(asked)
        return draw(
            "portal-registered.html",
            chrome,
            is_approved=done.status == APPROVED,
            is_unverified=done.is_unverified,
            has_own=portal.own is not None,
            resend_url=f"{asked.base}/account/resend-verification",
            is_signed_in=visitor.signed_in is not None,
            login_url=f"{asked.base}/login",
        )

    async def _registration(
        self,
        asked: Asked,
        form: Mapping[str, str],
        done: Registered,
        *,
        status: int = 200,
    ) -> Response:
        chrome = await self._content.frame(asked)
        locked = asked.visitor.email if asked.portal.is_by_email else None
        known = asked.visitor.signed_in
        filled = {"meta.full_name": known.name} if known and known.name else {}
        return draw(
            "portal-register.html",
            chrome,
            status=status,
            csrf_token=asked.csrf_token,
            action=f"{asked.base}/register",
            login_url=f"{asked.base}/login",
            locked_email=locked,
            own=asked.portal.own,
            form={**filled, **form},
            errors=done.errors,
            problem=done.problem,
            fields=asked.portal.meta_fields,
        )

    async def unauthorized(self, asked: Asked) -> Response:
        """Why somebody may not go on, and what they can do about it."""
        chrome = await self._content.frame(asked)
        told = explain(asked.visitor, asked.portal, base=asked.base)
        return draw(
            "portal-message.html", chrome, status=told.status, title=told.title,
            text=told.text, action_url=told.action_url, action_label=told.action_label,
        )  # fmt: skip

    async def logout(self, asked: Asked) -> Response:
        """Leave: here, and at the provider."""
        if asked.visitor.signed_in is None:
            return go(asked.base)
        site = asked.request.headers.get("sec-fetch-site")
        if site == "cross-site":
            chrome = await self._content.frame(asked)
            # A link of ours is the person's own wish, wherever it leads on to.
            return draw(
                "portal-message.html", chrome, status=403,
                title="Do you want to sign out?",
                text="Another site asked to sign you out here. Nothing has happened yet.",
                action_url=f"{asked.base}/logout", action_label="Sign out",
            )  # fmt: skip
        if asked.portal.own is not None:
            return await self._own.logout(asked)
        oidc = asked.portal.oidc
        argument = (oidc.logout_query_arg if oidc is not None else None) or "logout"
        return go(f"{asked.portal.api}/auth?{quote(argument)}=true")

    async def dashboard(self, asked: Asked) -> Response:
        """A developer's own account."""
        if (stopped := stop(asked)) is not None:
            return stopped
        developer = asked.visitor.developer
        assert developer is not None
        chrome = await self._content.frame(asked)
        rows = await acts_of(asked).all_usage(DAYS)
        return draw(
            "portal-dashboard.html", chrome, developer=developer, base=asked.base,
            has_credentials=bool(asked.portal.credentials), days=DAYS,
            usage=sum_days(rows, asked.site.clock.now()),
        )  # fmt: skip

    async def settings(self, asked: Asked) -> Response:
        """What a developer tells of themselves, and what they sign in with."""
        if (stopped := stop(asked)) is not None:
            return stopped
        if asked.path != "settings" and (
            asked.portal.own is None or asked.request.method != "POST"
        ):
            return go(f"{asked.base}/settings")
        developer = asked.visitor.developer
        assert developer is not None
        said = {f"{_META}{k}": str(v) for k, v in developer.read_meta().items()}
        done, saved = Registered(), ""
        fields: Fields = ()
        try:
            match asked.path if asked.request.method == "POST" else "":
                case "settings/password":
                    done, fields = await self._own.set_password(asked, developer)
                    saved = "Saved. The new one counts from now on."
                case "settings/email":
                    said["email"] = first(await read_form(asked.request), "email") or ""
                    done, fields = await self._own.set_email(asked, developer)
                    saved = "Saved."
                    if asked.portal.mails.verification:
                        saved = "A mail is on its way: the new address counts when its link was used."
                case "settings":
                    said = dict(await read_form(asked.request))
                    done = await self._set_meta(asked, developer, said)
                    saved = "Saved."
        except TooOften as error:
            done = Registered(problem=too_often(error))
        return await self._settings(asked, developer, said, done, saved, fields)

    async def _set_meta(
        self, asked: Asked, developer: Developer, said: Mapping[str, str]
    ) -> Registered:
        meta = json.dumps(_read_meta(asked.portal, said))
        ip = client_ip(asked.request)
        return await asked.site.accounts.set_meta(asked.portal, developer, meta, ip)

    async def _settings(
        self, asked: Asked, developer: Developer, said: Mapping[str, str],
        done: Registered, saved: str, fields: Fields,
    ) -> Response:  # fmt: skip
        chrome = await self._content.frame(asked)
        if done.row is not None:
            developer = developer.model_copy(update={"email": done.row["email"]})
        response = draw(
            "portal-settings.html",
            chrome,
            status=200 if not (done.errors or done.problem) else 400,
            csrf_token=asked.csrf_token,
            base=asked.base,
            developer=developer,
            form=said,
            errors=done.errors,
            problem=done.problem,
            saved=saved if done.status is not None else "",
            own=asked.portal.own,
            fields=asked.portal.meta_fields,
        )
        return add_fields(response, fields)

    async def delete(self, asked: Asked) -> Response:
        """Delete one's own account, after a question."""
        if (stopped := stop(asked)) is not None:
            return stopped
        developer = asked.visitor.developer
        assert developer is not None
        chrome = await self._content.frame(asked)
        is_own = asked.portal.own is not None
        if asked.request.method != "POST":
            text = "Your registration at this portal and everything that belongs to it are deleted at once."
            if not is_own:
                text += " Your account at the identity provider stays."
            return draw(
                "portal-confirm.html", chrome, title="Delete your account?", text=text,
                action=f"{asked.base}/settings/delete", label="Delete my account",
                csrf_token=asked.csrf_token, back_url=f"{asked.base}/settings",
            )  # fmt: skip
        ip = client_ip(asked.request)
        if not await asked.site.accounts.leave(asked.portal, developer, ip):
            raise StoreUnavailable("the account was not deleted")
        if is_own:
            response = draw(
                "portal-message.html", asked.signed_out(chrome),
                title="Your account was deleted", text="You are signed out.",
                action_url=asked.base, action_label="To the portal's home",
            )  # fmt: skip
            ended = await asked.site.sign_ins.end(asked.request, asked.portal)
            return add_fields(response, ended)
        return draw(
            "portal-message.html", chrome,
            title="Your account was deleted",
            text="You are still signed in at the identity provider. Sign out there as well if this is not your device.",
            action_url=f"{asked.base}/logout", action_label="Sign out",
        )  # fmt: skip


async def _register(asked: Asked, form: Mapping[str, str]) -> Registered:
    """Register somebody; as long for an address that is known as for a new one."""
    portal, site = asked.portal, asked.site
    async with site.pace.even():
        done = await site.accounts.register(
            portal,
            asked.visitor,
            email=form.get("email", "").strip(),
            meta=_read_meta(portal, form),
            client_ip=client_ip(asked.request),
            secret=form.get(portal.own.secret_name, "") if portal.own else None,
        )
        if done.is_unverified:
            await site.mailed.remind(portal, form.get("email", ""))
    return done


def _read_meta(portal: Portal, form: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for known in portal.meta_fields:
        said = form.get(f"{_META}{known.title}", "").strip()
        if said:
            found[known.title] = said
    return found
