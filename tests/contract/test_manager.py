"""The Manager of a real node: its listeners, its door, and sessions that outlive control."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import ssl
from pathlib import Path
from urllib.parse import urlencode

import pytest
import typer

from ostiary.cli.commands import check
from ostiary.cli.demo.ports import Ports, choose_ports
from tests.support.lean_node import LeanNode, eventually, lean_node

TOKEN = "a-long-random-token-of-kong-admin"


class Tab:
    """A browser that keeps cookies."""

    def __init__(
        self, port: int, ca_file: Path | None = None, *, host: str | None = None
    ) -> None:
        self._port = port
        self._ca_file = ca_file
        self._host = {} if host is None else {"Host": host}
        self.cookies: dict[str, str] = {}

    def _send(self, method: str, path: str, form: dict[str, str] | None) -> tuple[int, str, str]:  # fmt: skip
        if self._ca_file is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        else:
            trust = ssl.create_default_context(cafile=self._ca_file)
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, context=trust, timeout=10
            )
        fields = {"Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())}
        fields |= self._host
        body = None
        if form is not None:
            body = urlencode(form)
            fields |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Sec-Fetch-Site": "same-origin",
            }
        try:
            connection.request(method, path, body, fields)
            reply = connection.getresponse()
            for cookie in reply.headers.get_all("Set-Cookie") or ():
                name, _, rest = cookie.partition("=")
                self.cookies[name] = rest.partition(";")[0]
            text = reply.read().decode()
            return reply.status, reply.headers.get("Location", ""), text
        finally:
            connection.close()

    async def get(self, path: str) -> tuple[int, str, str]:
        return await asyncio.to_thread(self._send, "GET", path, None)

    async def post(self, path: str, **form: str) -> tuple[int, str, str]:
        return await asyncio.to_thread(self._send, "POST", path, form)


def own_ports() -> Ports:
    return choose_ports(free=True, say=lambda _: None)


async def test_a_node_with_a_file_shows_it_without_signing_in(tmp_path: Path) -> None:
    own = own_ports()
    gui = f"127.0.0.1:{own.manager}"
    async with lean_node(tmp_path, admin_gui_listen=gui) as node:
        await node.configure({"services": [{"name": "orders", "url": "http://o.test"}]})
        status, _, text = await Tab(own.manager).get("/default/services")

        assert status == 200
        assert ">orders</a>" in text
        assert "configuration is a file" in text


async def test_an_operator_changes_what_the_workers_serve(tmp_path: Path) -> None:
    own = own_ports()
    gui = f"127.0.0.1:{own.manager}"
    async with lean_node(tmp_path, admin_gui_listen=gui, database="sqlite") as node:
        tab = Tab(own.manager)
        url = f"http://127.0.0.1:{node.ports.upstream}"
        made = await tab.post("/default/services/new", name="echo", url=url, enabled="on", port="80", protocol="http")  # fmt: skip
        service = made[1].split("/")[3].partition("?")[0]
        form = {
            "service": service,
            "paths": "/echo",
            "protocols": "http",
            "strip_path": "on",
        }
        added = await tab.post("/default/routes/new", **form)

        assert [made[0], added[0]] == [302, 302]

        async def is_served() -> bool:
            return (await node.proxy("/echo")).status == 200

        await eventually(is_served)


async def _sign_in(node: LeanNode, own: Ports) -> Tab:
    tab = Tab(own.manager_tls, node.prefix / "ssl" / "default.crt")
    status, location, _ = await tab.post("/auth/sign-in", token=TOKEN)

    assert (status, location) == (302, "/workspaces")

    return tab


@pytest.fixture
def secured() -> dict[str, str]:
    return {"database": "sqlite", "enforce_rbac": "on", "password": TOKEN}


async def test_a_session_outlives_control_and_not_its_user(
    tmp_path: Path, secured: dict[str, str]
) -> None:
    own = own_ports()
    gui = f"127.0.0.1:{own.manager}, 127.0.0.1:{own.manager_tls} ssl"
    async with lean_node(tmp_path, admin_gui_listen=gui, **secured) as node:
        tab = await _sign_in(node, own)
        before = await tab.get("/default")
        plain = await Tab(own.manager).get("/default")
        pid = next(p for n, p in node.supervisor.pids.items() if "control" in str(n))
        os.kill(pid, signal.SIGKILL)

        async def is_back() -> bool:
            return (await tab.get("/default"))[0] == 200

        await eventually(is_back)
        got = await node.get(
            node.ports.admin, "/rbac/users/kong_admin", method="PATCH",
            body='{"user_token": "another-token-of-kong-admin"}',
            content_type="application/json", kong_admin_token=TOKEN,
        )  # fmt: skip
        after = await tab.get("/default")

        assert "__Host-ostiary-manager" in tab.cookies
        assert [before[0], plain[0], got.status, after[0]] == [200, 302, 200, 302]


@pytest.mark.spec("portal#2.7")
async def test_a_node_whose_admins_sign_in_at_a_provider(
    tmp_path: Path, secured: dict[str, str]
) -> None:
    """No token opens the Manager, a provider that is away has a page, and traffic is counted."""
    own = own_ports()
    home = f"http://localhost:{own.manager}"
    conf = {"issuer": "https://127.0.0.1:1/pool", "client_id": ["manager"]}
    async with lean_node(
        tmp_path, admin_gui_listen=f"127.0.0.1:{own.manager}", admin_gui_url=home,
        admin_gui_auth="openid-connect", admin_gui_auth_conf=json.dumps(conf), **secured,
    ) as node:  # fmt: skip
        tab = Tab(own.manager, host=f"localhost:{own.manager}")
        asked = await tab.get("/auth/sign-in")
        token = await tab.post("/auth/sign-in", token=TOKEN)
        away = await tab.get("/auth/provider")
        admin = {"kong_admin_token": TOKEN}
        vitals = "/vitals/status_codes/by_workspace"
        got = [
            (await node.get(node.ports.admin, path, **admin)).status
            for path in ("/admins", "/groups", "/openid-connect/sessions", vitals)
        ]

        assert 'id="signInAtProvider"' in asked[2]
        assert token[0] == 403
        assert away[0] == 502
        assert "cannot be reached" in away[2]
        assert got == [200] * 4


@pytest.mark.spec("portal#2.7")
def test_a_provider_that_cannot_be_used_stops_the_start_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = {
        "issuer": "https://idp.example", "client_id": ["manager"], "client_secret": ["planted"],
        "redirect_uri": ["http://localhost:8001/auth"],
    }  # fmt: skip
    file = tmp_path / "kong.conf"
    file.write_text(
        "admin_gui_auth = openid-connect\nenforce_rbac = on\n"
        "admin_gui_url = http://localhost:8002\n"
        f"admin_gui_auth_conf = {json.dumps(conf)}\n"
    )

    with pytest.raises(typer.Exit):
        check(file)

    told = capsys.readouterr().err
    assert "redirect_uri: must be one address of the Manager itself" in told
    assert "http://localhost:8002/auth/callback" in told
    assert "planted" not in told
