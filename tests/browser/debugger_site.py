"""The debugger beside providers that misbehave, and what its page says, read in one go."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.cli.demo.values import DemoState
from ostiary.debugger.site import DebuggerSite, debugger_app
from ostiary.node.debugging import build_debugger
from ostiary.node.serving import serve_site
from tests.support.misbehaving import Misbehaving, misbehaving

MORE: Final = "More about the client and the request"
_READ: Final = """() => {
    const words = element => element ? element.textContent.trim() : "";
    const causes = element => [...element.querySelectorAll(".verdict[data-cause]")].map(
        found => [found.dataset.cause, found.classList.contains("bad") ? "error" : "note"]);
    const result = document.querySelector("#result");
    return {
        cause: (result && result.dataset.cause) || "",
        result: words(result),
        isAlert: !!result && result.classList.contains("bad"),
        problem: words(document.querySelector("#problem")),
        onward: words(document.querySelector("#go")),
        steps: [...document.querySelectorAll("li.run-step")].map(step => ({
            kind: step.dataset.kind,
            causes: causes(step),
            good: !!step.querySelector(".badge.good"),
            open: step.querySelector("details").open,
            broken: [...step.querySelectorAll(".rules tr.bad th")].map(words),
            rules: step.querySelectorAll(".rules tbody tr").length,
        })),
    };
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRead:
    """
    A step of the page. `causes` are codes with their level, `broken` the rules that do not hold.
    """

    kind: str
    causes: tuple[tuple[str, str], ...]
    is_good: bool
    is_open: bool
    broken: tuple[str, ...]
    rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    What the page says.

    `cause` is that of the result, `problem` why nothing was done, `onward` the way to the provider.
    """

    cause: str
    result: str
    is_alert: bool
    problem: str
    onward: str
    steps: tuple[StepRead, ...]

    @property
    def causes(self) -> set[tuple[str, str]]:
        """Every cause of any step."""
        return {cause for step in self.steps for cause in step.causes}

    @property
    def kinds(self) -> list[str]:
        return [step.kind for step in self.steps]

    def at(self, kind: str) -> StepRead:
        """The last step of a kind."""
        return [step for step in self.steps if step.kind == kind][-1]


@dataclass(frozen=True, slots=True)
class Debugging:
    """Somebody with the debugger's page before them."""

    page: Page

    async def type(self, **fields: str) -> None:
        """Fill in fields by their name."""
        for name, text in fields.items():
            await self.page.locator(f"#{name}").fill(text)

    async def open_more(self) -> None:
        await self.page.get_by_text(MORE, exact=True).click()

    async def press(self, act: str) -> Told:
        """Press a button, and read what comes."""
        return await self.follow(f'button[name="act"][value="{act}"]')

    async def go(self) -> Told:
        """Go to the provider, and come back."""
        return await self.follow("#go")

    async def follow(self, selector: str) -> Told:
        async with self.page.expect_navigation(wait_until="domcontentloaded"):
            await self.page.locator(selector).click()
        return await self.read()

    async def read(self) -> Told:
        # Any: what a script gives back.
        found: dict[str, Any] = await self.page.evaluate(_READ)
        return Told(
            cause=found["cause"],
            result=found["result"],
            is_alert=found["isAlert"],
            problem=found["problem"],
            onward=found["onward"],
            steps=tuple(
                StepRead(
                    kind=step["kind"],
                    causes=tuple((code, level) for code, level in step["causes"]),
                    is_good=step["good"],
                    is_open=step["open"],
                    broken=tuple(step["broken"]),
                    rules=step["rules"],
                )
                for step in found["steps"]
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DebuggerPlace:
    """The debugger's address, the providers, and where they may send people back to."""

    url: str
    providers: Misbehaving

    @property
    def callback(self) -> str:
        return f"{self.url}/callback"

    @property
    def bye(self) -> str:
        return f"{self.url}/?bye=yes"

    async def open(self, page: Page, fault: str, **fields: str) -> Debugging:
        """The page with what a fault needs typed in; fields say what else."""
        client_id, secret = self.providers.client(fault)
        here = Debugging(page)
        await page.goto(self.url)
        await here.type(
            issuer=self.providers.issuer(fault),
            client_id=client_id,
            **({"client_secret": secret} if secret else {}),
            **fields,
        )
        return here


@asynccontextmanager
async def running_debugger(demo: DemoState) -> AsyncIterator[DebuggerPlace]:
    """Serve both; the browser trusts the demo's authority, so the providers are of it."""
    trust = Path(demo.ca_file).parent
    sock = socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{sock.getsockname()[1]}"
    async with misbehaving(
        redirect_uris=[f"{url}/callback"],
        logout_uris=[f"{url}/?bye=yes"],
        ca=(trust / "ca.pem", trust / "ca.key"),
    ) as providers:
        fetch = AiohttpFetch(ca_file=str(providers.ca_file))
        app = debugger_app(DebuggerSite(debugger=build_debugger(fetch, allowed="*")))
        try:
            async with serve_site(app, [("plain", sock)]):
                yield DebuggerPlace(url=url, providers=providers)
        finally:
            await fetch.close()
