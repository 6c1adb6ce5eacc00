"""More for the demo's gateway to guard: an app of one page, and providers that can misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from ostiary.cli.demo.ports import choose_ports
from ostiary.cli.demo.values import DemoState
from ostiary.node.serving import serve_site
from tests.browser.demo_routes import (
    apply_config,
    build_awkward_config,
    register_callback,
)
from tests.support.node import _listen
from tests.support.provider import CLIENT_ID
from tests.support.tls_provider import ProviderSite, WireProvider

APP = """<!doctype html><html lang="en"><title>App</title><h1>App</h1>
<button id="load">Load</button> <a href="/app?logout=true">Log out</a>
<p id="data"></p><p id="status"></p><p id="again"></p>
<script>
document.querySelector("#load").onclick = async () => {
  const reply = await fetch("/app/data");
  const body = await reply.json();
  document.querySelector("#data").textContent = body.data || "";
  if (body.login_url) {
    const link = document.createElement("a");
    link.href = body.login_url;
    link.textContent = "Sign in again";
    document.querySelector("#again").append(link);
  }
  document.querySelector("#status").textContent = String(reply.status);
};
</script></html>"""

# The route's name is its provider's; each differs from the plain one in what is written here.
GUARDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "asking": {},
    "portal": {"logout_query_arg": "logout", "logout_methods": ["GET"]},
    "strict-clock": {"leeway": 0},
    "lenient-clock": {"leeway": 900},
    "posted": {"response_mode": "form_post"},
    # A slip of the operator's: no browser takes a cookie for another site.
    "lossy": {"session_cookie_domain": "elsewhere.localhost"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """The demo with more routes, and the providers behind them."""

    state: DemoState
    site: ProviderSite

    def url(self, path: str) -> str:
        return f"{self.state.proxy_tls_url}{path}"

    def provider(self, name: str) -> WireProvider:
        return self.site.provider(name)


async def _page(_request: Request) -> HTMLResponse:
    return HTMLResponse(APP)


async def _data(_request: Request) -> JSONResponse:
    return JSONResponse({"data": "from the app"})


def _guard(name: str, config: dict[str, Any]) -> dict[str, Any]:
    plugin = {"name": "openid-connect", "config": config}
    return {"name": name, "paths": [f"/{name}"], "plugins": [plugin]}


def _add_routes(config: dict[str, Any], extra: Extra, app_port: int) -> None:
    routes = config["services"][0]["routes"]
    members = next(r for r in routes if r["name"] == "members")
    for name, changes in GUARDS.items():
        base = {"issuer": extra.provider(name).issuer, "client_id": [CLIENT_ID]}
        routes.append(_guard(name, base | changes))
    config["services"].append(
        {
            "name": "app",
            "url": f"http://127.0.0.1:{app_port}",
            "routes": [_guard("app", members["plugins"][0]["config"])],
        }
    )


@asynccontextmanager
async def extra_sites(state: DemoState) -> AsyncIterator[Extra]:
    """Serve the app and the providers, and have the demo's gateway guard them."""
    trust = Path(state.ca_file).parent
    site = ProviderSite(cert=trust / "pool.pem", key=trust / "pool.key")
    extra = Extra(state=state, site=site)
    site.provider("asking").asks = True
    for name in ("strict-clock", "lenient-clock"):
        site.provider(name).wire_clock.move(300)
    app_port = choose_ports(free=True, say=lambda _: None).upstream
    config = build_awkward_config(state)
    _add_routes(config, extra, app_port)
    app = Starlette(routes=[Route("/", _page), Route("/data", _data)])
    async with serve_site(app, _listen(app_port)), site.serve():
        await asyncio.to_thread(register_callback, state, extra.url("/app"))
        await asyncio.to_thread(apply_config, state, config)
        yield extra
