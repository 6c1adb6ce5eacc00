"""
The second half of the page, driven in a real browser: the Developer Portal.

Spec: the page "OpenID Connect with Amazon Cognito", section Dev Portal Integration; portal §4.3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ostiary.cli.demo.check import (
    Person,
    WalkFailed,
    require_place,
    sign_in,
)
from ostiary.cli.demo.values import DemoState

if TYPE_CHECKING:
    from playwright.async_api import Page

_WAITS: Final = "Your registration waits for approval"


class PortalWalk:
    """The steps at the portal, by somebody who has signed up in the user pool."""

    def __init__(self, state: DemoState, page: Page, person: Person) -> None:
        self._state = state
        self._page = page
        self._person = person
        self._portal = state.portal_url

    def steps(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """Each step of the page, and what does and judges it."""
        return (
            (f"The developer portal opens at {self._portal}", self._open),
            ("Sign up in the portal with the same e-mail address", self._register),
            ("The admins are told by mail", self._admin_mail),
            (
                "Log in through the hosted UI: approval is still missing",
                self._too_early,
            ),
            ("An admin approves the developer in the Manager", self._approve),
            ("The next request is the dashboard", self._dashboard),
            ("The developer is told by mail", self._approved_mail),
            ("An operation of the catalogue is tried: the gateway answers", self._try),
            ("Log out of the portal: the pool's session ends too", self._log_out),
            ("Log in to the portal with the user pool's password", self._log_in),
        )

    async def _open(self) -> None:
        await self._page.goto(self._portal)
        await require_place(self._page, self._portal)
        await self._page.locator("#portal-sign-in").wait_for()

    async def _register(self) -> None:
        await self._page.locator("#portal-register").click()
        name = f"{self._person.given_name} {self._person.family_name}"
        await self._page.locator('[name="meta.full_name"]').fill(name)
        await self._page.locator('[name="email"]').fill(self._person.email)
        await self._page.get_by_role("button", name="Create account").click()
        await self._page.get_by_role("heading", name="Thank you").wait_for()

    async def _mail(self, email: str, words: str) -> None:
        """In another tab, while the page stays open."""
        tab = await self._page.context.new_page()
        try:
            await tab.goto(f"{self._state.mailbox_url}/wait?email={quote(email)}")
            text = await tab.locator("body").inner_text()
        finally:
            await tab.close()
        if words not in text:
            raise WalkFailed(f"no mail to {email} says {words!r}")

    async def _admin_mail(self) -> None:
        await self._mail(self._state.admin_email, self._person.email)

    async def _too_early(self) -> None:
        await self._page.locator("#portal-sign-in").click()
        # The pool knows the browser from the walk before: it does not ask again.
        await self._page.locator("#portal-login").click()
        await require_place(self._page, f"{self._portal}/unauthorized")
        await self._page.get_by_role("heading", name=_WAITS).wait_for()

    async def _approve(self) -> None:
        tab = await self._page.context.new_page()
        try:
            await tab.goto(f"{self._state.manager_url}/default/developers/requested")
            button = f"Approve {self._person.email}"
            await tab.get_by_role("button", name=button, exact=True).click()
            await tab.get_by_text("The developer is approved").wait_for()
        finally:
            await tab.close()

    async def _dashboard(self) -> None:
        await self._page.goto(f"{self._portal}/dashboard")
        await require_place(self._page, f"{self._portal}/dashboard")
        shown = await self._page.locator("#developer-email").inner_text()
        if shown != self._person.email:
            raise WalkFailed(f"the dashboard is of {shown}")

    async def _approved_mail(self) -> None:
        await self._mail(self._person.email, "was approved")

    async def _try(self) -> None:
        page = self._page
        await page.goto(f"{self._portal}/documentation/bookshop/get-book")
        await page.get_by_role("link", name="Try it", exact=True).click()
        await page.locator('[name="path:book"]').fill("b-17")
        await page.get_by_role("button", name="Send GET request").click()
        await page.get_by_role("heading", name="Answer", exact=True).wait_for()
        answer = await page.get_by_role("status").inner_text()
        if "200 OK" not in answer or "The Dispossessed" not in answer:
            raise WalkFailed(f"the answer is {answer[:200]!r}")

    async def _log_out(self) -> None:
        await self._page.goto(f"{self._portal}/logout")
        await require_place(self._page, self._portal)
        await self._page.locator("#portal-sign-in").click()
        await self._page.locator("#portal-login").click()
        await require_place(self._page, f"{self._state.hosted_ui_url}/login")

    async def _log_in(self) -> None:
        await sign_in(
            self._page, email=self._person.email, password=self._person.password
        )
        await self._page.wait_for_url(f"{self._portal}/dashboard")
        await self._page.locator("#developer-email").wait_for()
