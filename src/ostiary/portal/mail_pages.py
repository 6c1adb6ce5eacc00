"""
Where mailed links lead: an address is verified, a registration undone, a password chosen anew.

A link alone does nothing: programs that look for viruses open every one. A button does it.

Spec: portal §§1.3, 1.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from ostiary.http.forms import first
from ostiary.model.portal import APPROVED
from ostiary.portal.accounts import Registered
from ostiary.portal.asked import Asked, Content, Page, draw
from ostiary.portal.mails import say_time
from ostiary.portal.replies import add_fields
from ostiary.portal.site import client_ip
from ostiary.web.body import read_form

_BAD_LINK: Final = "Links are good once, and for some time only. Ask for another mail if you still need one."


class MailPages:
    """Pages of mailed links."""

    def __init__(self, content: Content) -> None:
        self._content = content

    @property
    def pages(self) -> Mapping[str, Page]:
        """What is shown at which path below a workspace."""
        return {
            "account/verify": self.verify,
            "account/invalidate-verification": self.invalidate,
            "account/resend-verification": self.resend,
            "reset-password": self.reset,
        }

    async def _show(
        self, asked: Asked, title: str, text: str, *, status: int = 200,
        url: str | None = None, label: str | None = None,
    ) -> Response:  # fmt: skip
        chrome = await self._content.frame(asked)
        return draw(
            "portal-message.html", chrome, status=status, title=title, text=text,
            action_url=url, action_label=label,
        )  # fmt: skip

    async def _nothing(self, asked: Asked) -> Response:
        """What is said where a portal has no accounts of this kind."""
        return await self._content.show(asked, await self._content.frame(asked))

    async def _bad_link(self, asked: Asked, url: str, label: str) -> Response:
        title = "This link is not good any more"
        return await self._show(
            asked, title, _BAD_LINK, status=401, url=url, label=label
        )

    async def _confirm(
        self, asked: Asked, path: str, *, title: str, text: str, label: str
    ) -> Response:
        chrome = await self._content.frame(asked)
        token = asked.request.query_params.get("token", "")
        return draw(
            "portal-confirm.html", chrome, title=title, text=text, label=label,
            action=f"{asked.base}/{path}", csrf_token=asked.csrf_token,
            hidden={"token": token}, back_url=asked.base,
        )  # fmt: skip

    async def verify(self, asked: Asked) -> Response:
        """`/account/verify`: an address is somebody's."""
        if not asked.portal.has_sign_in:
            return await self._nothing(asked)
        mailed, is_post = asked.site.mailed, asked.request.method == "POST"
        form = await read_form(asked.request) if is_post else ()
        query = asked.request.query_params
        token = (first(form, "token") if is_post else query.get("token")) or ""
        if not is_post and await mailed.asks_for_secret(asked.portal, token):
            return await self._verify_with(asked, token, Registered())
        if not is_post:
            return await self._confirm(
                asked, "account/verify", title="Verify your address",
                text="One step is left: confirm that you have registered here with this address.",
                label="Verify my address",
            )  # fmt: skip
        own, ip = asked.portal.own, client_ip(asked.request)
        secret = None if own is None else first(form, own.secret_name)
        done = await mailed.verify(asked.portal, token, ip, secret)
        if done is not None and done.status is None:
            return await self._verify_with(asked, token, done)
        if done is None:
            url = f"{asked.base}/account/resend-verification"
            return await self._bad_link(asked, url, "Ask for another mail")
        title = "Your address is verified"
        if done.status == APPROVED:
            text, url = "You can sign in now.", f"{asked.base}/login"
            return await self._show(asked, title, text, url=url, label="Sign in")
        text = "Somebody who runs this portal has to approve your registration; you get a mail then."
        return await self._show(
            asked, title, text, url=asked.base, label="To the portal's home"
        )

    async def _verify_with(
        self, asked: Asked, token: str, done: Registered
    ) -> Response:
        """The form of a password or key that goes with the address from now on."""
        own = asked.portal.own
        assert own is not None
        chrome = await self._content.frame(asked)
        return draw(
            "portal-new-password.html", chrome,
            status=400 if done.errors or done.problem else 200,
            action=f"{asked.base}/account/verify", csrf_token=asked.csrf_token, token=token,
            own=own, email=asked.request.query_params.get("email", ""),
            title="Verify your address", label="Verify my address",
            text=f"One step is left. Choose the {own.secret_name} that you sign in with: whatever was typed at the registration, only whoever reads this mail decides it.",
            errors=done.errors, problem=done.problem,
        )  # fmt: skip

    async def invalidate(self, asked: Asked) -> Response:
        """`/account/invalidate-verification`: the owner of an address did not register."""
        if not asked.portal.has_sign_in:
            return await self._nothing(asked)
        if asked.request.method != "POST":
            return await self._confirm(
                asked, "account/invalidate-verification", title="You did not register here?",
                text="Then the registration with your address is deleted, and nobody can use it.",
                label="Delete the registration",
            )  # fmt: skip
        token = first(await read_form(asked.request), "token") or ""
        ip = client_ip(asked.request)
        if not await asked.site.mailed.invalidate(asked.portal, token, ip):
            return await self._bad_link(asked, asked.base, "To the portal's home")
        title, text = (
            "The registration was deleted",
            "Your address is not used here any more.",
        )
        return await self._show(
            asked, title, text, url=asked.base, label="To the portal's home"
        )

    async def resend(self, asked: Asked) -> Response:
        """`/account/resend-verification`: the same answer for every address."""
        if not asked.portal.has_sign_in:
            return await self._nothing(asked)
        if asked.request.method != "POST":
            return await self._ask_for_mail(
                asked, "account/resend-verification", title="Verify your address",
                text="Tell us the address that you have registered with, and we mail you the link again.",
                label="Send the mail again",
            )  # fmt: skip
        email = first(await read_form(asked.request), "email") or ""
        ip = client_ip(asked.request)
        async with asked.site.pace.even():
            await asked.site.mailed.resend(asked.portal, email, ip)
        return await self._show(
            asked, "Look into your mailbox",
            "If somebody has registered with this address and not verified it yet, a mail is on its way.",
        )  # fmt: skip

    async def _ask_for_mail(
        self, asked: Asked, path: str, *, title: str, text: str, label: str
    ) -> Response:
        chrome = await self._content.frame(asked)
        return draw(
            "portal-ask-mail.html", chrome, title=title, text=text, label=label,
            action=f"{asked.base}/{path}", csrf_token=asked.csrf_token,
            email=asked.request.query_params.get("email", "")[:254],
            login_url=f"{asked.base}/login",
        )  # fmt: skip

    async def reset(self, asked: Asked) -> Response:
        """`/reset-password`: ask for a mail, or with its token choose another password."""
        portal = asked.portal
        if portal.own is None:
            return await self._nothing(asked)
        if not portal.can_reset:
            title, text = (
                "Passwords are not reset here",
                "Whoever runs this portal can give you a new one.",
            )
            return await self._show(asked, title, text, status=404)
        is_post = asked.request.method == "POST"
        form = await read_form(asked.request) if is_post else ()
        token = first(form, "token") if is_post else asked.request.query_params.get("token")  # fmt: skip
        if token is not None:
            secret = first(form, portal.own.secret_name) if is_post else None
            return await self._choose(asked, token, secret)
        if not is_post:
            return await self._ask_for_mail(
                asked, "reset-password", title=f"Forgot your {portal.own.secret_name}?",
                text="Tell us your e-mail address, and we mail you a link to choose another one.",
                label="Send me a link",
            )  # fmt: skip
        email = first(form, "email") or ""
        async with asked.site.pace.even():
            await asked.site.mailed.forgot(portal, email, client_ip(asked.request))
        return await self._show(
            asked, "Look into your mailbox",
            f"If there is an account with this address, a mail is on its way. Its link is good for {say_time(portal.token_exp_s)}.",
        )  # fmt: skip

    async def _choose(self, asked: Asked, token: str, secret: str | None) -> Response:
        """The form of a new password, and what comes of it."""
        portal, ip = asked.portal, client_ip(asked.request)
        assert portal.own is not None
        mailed = asked.site.mailed
        developer = await mailed.find_reset(portal, token, ip)
        done: Registered | None = Registered()
        if developer is not None and secret is not None:
            done = await mailed.reset(portal, token, secret, ip)
        if developer is None or done is None:
            url = f"{asked.base}/reset-password"
            return await self._bad_link(asked, url, "Ask for another mail")
        if done.status is not None:
            response = await self._show(
                asked, f"Your {portal.own.secret_name} was changed", "Sign in with the new one.",
                url=f"{asked.base}/login", label="Sign in",
            )  # fmt: skip
            return add_fields(
                response, await asked.site.sign_ins.end(asked.request, portal)
            )
        chrome = await self._content.frame(asked)
        return draw(
            "portal-new-password.html", chrome,
            status=400 if done.errors or done.problem else 200,
            action=f"{asked.base}/reset-password", csrf_token=asked.csrf_token, token=token,
            own=portal.own, email=developer.email, errors=done.errors, problem=done.problem,
            title=f"Choose a new {portal.own.secret_name}", label=f"Change my {portal.own.secret_name}",
            text="You are signed out everywhere once it is changed.",
        )  # fmt: skip
