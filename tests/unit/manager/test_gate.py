"""Who may open a Manager where nobody signs in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.manager.config import OpenDoor
from ostiary.node.manager import choose_door, choose_proxy
from ostiary.settings import Settings, read_settings
from tests.unit.manager.manager_kit import HOME, Site, manager_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path, allowed=("gui.example",)) as found:
        yield found


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"]
)
async def test_this_machine_is_served(site: Site, address: str) -> None:
    assert (await site.tab(address=address).get(HOME)).status == 200


@pytest.mark.parametrize("address", ["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1", ""])
async def test_other_machines_hear_what_to_set(site: Site, address: str) -> None:
    tab = site.tab(address=address, host="gui.example")
    page = await tab.get(HOME)
    posted = await tab.post(f"{HOME}/services/new", {"name": "x", "host": "x.test"})

    assert [page.status, posted.status] == [403, 403]
    assert "set enforce_rbac = on" in page.words
    assert "Services" not in page.words
    assert (await site.admin("GET", "/services"))["data"] == []


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
async def test_whoever_is_behind_a_proxy_is_another_machine(
    site: Site, name: str
) -> None:
    page = await site.tab(headers={name: "10.0.0.7"}).get(HOME)

    assert page.status == 403


async def test_an_admin_api_open_to_all_opens_the_manager_with_a_warning(
    tmp_path: Path,
) -> None:
    door = OpenDoor(admits_strangers=True)
    async with manager_site(tmp_path, door=door, allowed=("gui.example",)) as site:
        far = await site.tab(address="10.0.0.7", host="gui.example").get(HOME)
        near = await site.tab().get(HOME)

        assert [far.status, near.status] == [200, 200]
        assert "Everybody who reaches this address can change the gateway" in far.words
        assert "Everybody who reaches" not in near.words


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "gui.example.evil", "a b", ""]
)
async def test_a_name_that_is_not_ours_gets_nothing(site: Site, host: str) -> None:
    page = await site.tab(host=host).get(HOME)

    assert page.status == 403
    assert "Services" not in page.words


@pytest.mark.parametrize("host", ["localhost:8002", "[::1]:8002", "gui.example", "m.localhost"])  # fmt: skip
async def test_our_own_names_are_served(site: Site, host: str) -> None:
    assert (await site.tab(host=host).get(HOME)).status == 200


async def test_a_link_of_another_site_asks_for_a_click_first(site: Site) -> None:
    said = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    page = await site.tab().get(f"{HOME}/services", **said)

    assert page.status == 403
    assert f'href="{HOME}/services"' in page.text


@pytest.mark.parametrize(
    "said",
    [
        {"origin": "http://127.0.0.1:8002"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
    ],
)
async def test_scripts_of_pages_read_nothing(site: Site, said: dict[str, str]) -> None:
    page = await site.tab().get(f"{HOME}/info", **said)

    assert page.status == 403
    assert "Settings" not in page.words


async def test_pages_that_are_not_there_are_behind_the_door_too(site: Site) -> None:
    near = await site.tab().get("/a/b/c/d/e/f/g")
    far = await site.tab(address="10.0.0.7").get("/a/b/c/d/e/f/g")

    assert [near.status, far.status] == [404, 403]


async def test_a_post_that_is_no_form_is_refused(site: Site) -> None:
    reply = await site.tab().send("POST", f"{HOME}/services/new", None)

    assert reply.status == 400


def settings_of(**given: str) -> Settings:
    return read_settings(file_text=None, environ={}, overrides=given).settings


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:8001", OpenDoor(admits_strangers=False)),
        ("127.0.0.1:8001, [::1]:8001", OpenDoor(admits_strangers=False)),
        ("off", OpenDoor(admits_strangers=False, is_shut=True)),
        ("0.0.0.0:8001", OpenDoor(admits_strangers=True)),
        (
            "127.0.0.1:8001, 10.0.0.1:8444 ssl",
            OpenDoor(admits_strangers=True, only_at=frozenset({"10.0.0.1"})),
        ),
    ],
)
async def test_the_door_is_as_open_as_the_admin_api(
    site: Site, listen: str, expected: OpenDoor
) -> None:
    door = choose_door(settings_of(admin_listen=listen), site.node.rows, None)  # type: ignore[arg-type]  # nobody is asked for

    assert door == expected


@pytest.mark.parametrize(
    ("listen", "ports", "expected"),
    [
        ("0.0.0.0:8000, 0.0.0.0:8443 ssl", "", ("https", 8443)),
        ("0.0.0.0:8000", "", ("http", 8000)),
        ("0.0.0.0:8443 ssl", "443:8443", ("https", 443)),
        ("off", "", ("https", 443)),
    ],
)
def test_people_reach_the_gateway_by_tls_where_it_speaks_it(
    listen: str, ports: str, expected: tuple[str, int]
) -> None:
    more = {"port_maps": ports} if ports else {}

    assert expected == choose_proxy(settings_of(proxy_listen=listen, **more))


async def test_where_the_admin_api_is_off_nobody_is_let_in(tmp_path: Path) -> None:
    door = OpenDoor(admits_strangers=False, is_shut=True)
    async with manager_site(tmp_path, door=door) as site:
        page = await site.tab().get(HOME)

        assert page.status == 403
        assert "The Admin API listens nowhere" in page.words


@pytest.mark.parametrize(("server", "status"), [("10.0.0.1", 200), ("192.0.2.1", 403), ("", 403)])  # fmt: skip
async def test_whoever_cannot_reach_the_admin_api_does_not_act_in_its_name(
    tmp_path: Path, server: str, status: int
) -> None:
    door = OpenDoor(admits_strangers=True, only_at=frozenset({"10.0.0.1"}))
    async with manager_site(tmp_path, door=door, allowed=("gui.example",)) as site:
        far = site.tab(address="10.0.0.7", host="gui.example", server=server)

        assert (await far.get(HOME)).status == status
        assert (await site.tab(server=server).get(HOME)).status == 200


async def test_another_port_of_this_host_cannot_send_our_forms(site: Site) -> None:
    tab = site.tab()
    page = await tab.get(f"{HOME}/services/new")
    form = {**page.values(), "name": "x", "host": "x.test"}
    posted = await tab.send("POST", f"{HOME}/services/new", form, {"origin": "null"})
    own = await tab.send("POST", f"{HOME}/services/new", form, {"origin": f"http://{tab.host}"})  # fmt: skip

    assert dict(page.fields)["referrer-policy"] == "same-origin"
    assert (posted.status, own.status) == (403, 302)
