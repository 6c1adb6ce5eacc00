"""The debugger of the demo, driven in a real browser: one sign-in at the user pool, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ostiary.cli.demo.check import Person, WalkFailed, require_place, sign_in
from ostiary.cli.demo.values import DemoState

if TYPE_CHECKING:
    from playwright.async_api import Page


class DebuggerWalk:
    """The steps in the debugger, by somebody who has signed up in the user pool."""

    def __init__(self, state: DemoState, page: Page, person: Person) -> None:
        self._state = state
        self._page = page
        self._person = person

    def steps(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        """Each step, and what does and judges it."""
        return (
            ("The debugger finds every endpoint of the pool by its issuer", self._look),
            ("The pool takes its sign-in request", self._ask),
            ("Signed in there: every check of the tokens holds", self._return),
            ("It says what the pool makes of a logout", self._log_out),
        )

    async def _judge(self) -> None:
        """
        See that nothing is wrong.

        Raises:
            WalkFailed: The page names a cause, or a rule that does not hold.
        """
        found = self._page.locator("#result")
        said = (await found.inner_text()).strip()
        cause = await found.get_attribute("data-cause")
        broken = await self._page.locator("table.rules tr.bad").count()
        if cause or broken:
            raise WalkFailed(f"{cause or broken}: {said}")

    async def _follow(self, selector: str) -> None:
        """Click, and be on the next page."""
        async with self._page.expect_navigation():
            await self._page.locator(selector).click()

    async def _look(self) -> None:
        await self._page.goto(self._state.debugger_link)
        await self._follow('button[value="discover"]')
        await self._judge()
        told = self._page.locator('[aria-labelledby="supports"]')
        await told.get_by_text(f"{self._state.hosted_ui_url}/oauth2/token").wait_for()

    async def _ask(self) -> None:
        await self._follow('button[value="sign_in"]')
        await self._judge()

    async def _return(self) -> None:
        # Whoever has a session at the pool is sent back at once.
        await self._page.context.clear_cookies(domain=f"{self._state.domain}.auth.localhost")  # fmt: skip
        await self._follow("#go")
        await require_place(self._page, f"{self._state.hosted_ui_url}/login")
        async with self._page.expect_navigation():
            await sign_in(self._page, email=self._person.email, password=self._person.password)  # fmt: skip
        await require_place(self._page, f"{self._state.debugger_url}/callback")
        await self._judge()
        await self._page.get_by_text("made by a key of the provider").first.wait_for()

    async def _log_out(self) -> None:
        await self._follow('button[value="logout"]')
        await self._judge()
