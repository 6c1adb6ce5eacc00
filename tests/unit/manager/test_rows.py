"""Rows seen, made, changed and deleted, of every kind, and what is never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ostiary.adapters.declarative import parse_yaml
from ostiary.model.declarative import iterate_rows, read_declarative
from tests.unit.admin.rows_kit import PAIR
from tests.unit.manager.manager_kit import HOME, Browser, Reply, Site, manager_site

HOSTILE = """"><script>alert(1)</script><b id='x'>{{7*7}}"""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path) as found:
        yield found


@pytest.fixture
def tab(site: Site) -> Browser:
    return site.tab()


async def make(tab: Browser, path: str, /, **values: Any) -> Reply:
    reply = await tab.submit(f"{HOME}{path}", **values)
    assert reply.status in {200, 302}, reply.words
    return reply


async def test_a_service_is_made_of_a_url(site: Site, tab: Browser) -> None:
    reply = await make(
        tab, "/services/new", name="orders", url="https://orders.test/v1"
    )
    page = await tab.get(reply.location)
    row = await site.admin("GET", "/services/orders")

    assert (row["protocol"], row["host"], row["port"], row["path"]) == ("https", "orders.test", 443, "/v1")  # fmt: skip
    assert "It was created" in page.words
    assert "orders.test" in page.words


async def test_a_service_is_made_of_its_parts(site: Site, tab: Browser) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test", protocol="https", port="8443", tags="a, b")  # fmt: skip
    row = await site.admin("GET", "/services/orders")

    assert (row["protocol"], row["port"], row["tags"]) == ("https", 8443, ["a", "b"])


async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    tab: Browser,
) -> None:
    reply = await tab.submit(
        f"{HOME}/services/new", name="a b", host="", path="nope", port="99999",
        retries="many", tags="x,y",
    )  # fmt: skip

    assert reply.status == 400
    for name, said in {
        "name": "invalid value 'a b': the only accepted ascii characters are",
        "host": "required field missing",
        "path": "should start with: /",
        "port": "value should be between 0 and 65535",
        "retries": "expected an integer",
    }.items():
        at = reply.text.split(f'id="{name}-error"')[1].split("</p>")[0]
        assert said in at.replace("&#39;", "'"), name
    values = reply.values()
    assert tuple(
        values[name] for name in ("name", "path", "port", "retries", "tags")
    ) == (["a b"], ["nope"], ["99999"], ["many"], ["x,y"])
    assert "5 fields need another look" in reply.words
    assert '<details class="fold" open>' in reply.text


async def test_a_change_sends_only_what_is_another(site: Site, tab: Browser) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test")
    row = await site.admin("GET", "/services/orders")
    reply = await make(tab, f"/services/{row['id']}/edit", retries="2")
    sent = (await site.admin("GET", "/audit/requests?method=PATCH"))["data"][0]

    assert reply.location.endswith("?done=saved")
    assert sent["payload"] == '{"retries":2}'


async def test_nothing_is_sent_where_nothing_was_changed(
    site: Site, tab: Browser
) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test")
    row = await site.admin("GET", "/services/orders")
    reply = await make(tab, f"/services/{row['id']}/edit")

    assert reply.location.endswith("?done=same")
    assert (await site.admin("GET", "/audit/requests?method=PATCH"))["total"] == 0


async def test_nobody_overwrites_what_somebody_else_has_changed(
    site: Site, tab: Browser
) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test")
    row = await site.admin("GET", "/services/orders")
    target = f"{HOME}/services/{row['id']}/edit"
    page = await tab.get(target)
    values = {**page.values(), "retries": "3", "stamp": str(row["updated_at"] - 5)}
    reply = await tab.post(target, values)

    assert reply.status == 409
    assert "Somebody changed this meanwhile" in reply.words
    assert reply.values()["retries"] == ["3"]
    assert (await site.admin("GET", "/services/orders"))["retries"] == 5


async def test_a_row_goes_after_a_question(site: Site, tab: Browser) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test")
    row = await site.admin("GET", "/services/orders")
    asked = await tab.get(f"{HOME}/services/{row['id']}/delete")
    still = await site.admin("GET", "/services")
    reply = await make(tab, f"/services/{row['id']}/delete")

    assert "Delete service orders?" in asked.words
    assert len(still["data"]) == 1
    assert f"{HOME}/services?done=deleted" == reply.location
    assert (await site.admin("GET", "/services"))["data"] == []


async def test_a_row_that_others_need_stays(site: Site, tab: Browser) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test")
    row = await site.admin("GET", "/services/orders")
    await make(tab, f"/routes/new?service={row['id']}", name="r", paths="/a\n/b")
    reply = await tab.submit(f"{HOME}/services/{row['id']}/delete")

    assert reply.status == 400
    assert (
        "an existing 'routes' entity references this 'services' entity" in reply.words
    )


async def test_a_route_is_made_for_the_service_it_was_asked_from(
    site: Site, tab: Browser
) -> None:
    await make(tab, "/services/new", name="orders", host="orders.test")
    row = await site.admin("GET", "/services/orders")
    page = await tab.get(f"{HOME}/services/{row['id']}")
    link = f"{HOME}/routes/new?service={row['id']}"
    await make(tab, link.removeprefix(HOME), name="r", paths="/a", methods="GET\nPOST", headers="x-a: 1, 2")  # fmt: skip
    route = await site.admin("GET", "/routes/r")
    after = await tab.get(f"{HOME}/services/{row['id']}")

    assert link in page.text
    assert row["id"] == route["service"]["id"]
    assert (route["methods"], route["headers"]) == (["GET", "POST"], {"x-a": ["1", "2"]})  # fmt: skip
    assert f'{HOME}/routes/{route["id"]}">r</a>' in after.text


async def test_lists_go_on_where_there_is_more(site: Site, tab: Browser) -> None:
    for number in range(30):
        await site.admin("POST", "/consumers", {"username": f"c{number:02}"})
    first = await tab.get(f"{HOME}/consumers")
    following = first.text.split('aria-label="Pages of this list"')[1].split('href="')[1].split('"')[0]  # fmt: skip
    second = await tab.get(following.replace("&amp;", "&"))
    seen = [f"c{n:02}" for n in range(30) if f"c{n:02}</a>" in first.text + second.text]

    assert first.text.count('<th scope="row">') == 25
    assert second.text.count('<th scope="row">') == 5
    assert len(seen) == 30
    assert "First page" in second.words


async def test_lists_are_filtered_by_name_id_and_tags(site: Site, tab: Browser) -> None:
    for name, tags in (("one", ["a"]), ("two", ["a", "b"])):
        await site.admin("POST", "/services", {"name": name, "host": "h", "tags": tags})
    row = await site.admin("GET", "/services/two")
    found = {
        query: [n for n in ("one", "two") if f">{n}</a>" in (await tab.get(f"{HOME}/services?{query}")).text]
        for query in ("name=one", f"name={row['id']}", "name=on", "tags=a", "tags=b", "tags=c")
    }  # fmt: skip
    nothing = await tab.get(f"{HOME}/services?name=on")
    wrong = await tab.get(f"{HOME}/services?tags=a,,b")

    assert [*found.values()] == [["one"], ["two"], [], ["one", "two"], ["two"], []]
    assert "Nothing fits" in nothing.words
    assert wrong.status == 200
    assert 'role="alert"' in wrong.text


async def test_targets_are_below_their_upstream(site: Site, tab: Browser) -> None:
    await make(tab, "/upstreams/new", name="pool.test", slots="100")
    row = await site.admin("GET", "/upstreams/pool.test")
    base = f"/upstreams/{row['id']}"
    await make(tab, f"{base}/targets/new", target="10.0.0.1:80", weight="7")
    page = await tab.get(HOME + base)
    target = (await site.admin("GET", f"{base}/targets"))["data"][0]
    await make(tab, f"{base}/targets/{target['id']}/edit", weight="0")
    changed = (await site.admin("GET", f"{base}/targets"))["data"][0]
    await make(tab, f"{base}/targets/{target['id']}/delete")

    assert "10.0.0.1:80" in page.words
    assert "Healthy" in page.words
    assert (target["weight"], changed["weight"]) == (7, 0)
    assert (await site.admin("GET", f"{base}/targets"))["data"] == []


async def test_nested_records_are_changed_member_by_member(
    site: Site, tab: Browser
) -> None:
    await make(tab, "/upstreams/new", name="pool.test", healthchecks__active__http_path="/up", healthchecks__active__healthy__http_statuses="200, 204")  # fmt: skip
    row = await site.admin("GET", "/upstreams/pool.test")
    wrong = await tab.submit(f"{HOME}/upstreams/{row['id']}/edit", healthchecks__active__timeout="-1")  # fmt: skip

    active = row["healthchecks"]["active"]
    assert (active["http_path"], active["healthy"]["http_statuses"]) == ("/up", [200, 204])  # fmt: skip
    assert 'id="healthchecks.active.timeout-error"' in wrong.text


async def test_credentials_in_a_map_are_shown_nowhere_and_kept(
    site: Site, tab: Browser
) -> None:
    headers = {"Authorization": ["Bearer planted"], "X-Plain": ["seen"]}
    body = {"name": "u.test", "healthchecks": {"active": {"headers": headers}}}
    row = await site.admin("POST", "/upstreams", body)
    path = f"/upstreams/{row['id']}"
    pages = [await tab.get(HOME + p) for p in (path, f"{path}/edit")]
    saved = await make(tab, f"{path}/edit", tags="x")
    after = await site.admin("GET", path)
    added = "Authorization: ******\nX-Plain: other"
    await make(tab, f"{path}/edit", healthchecks__active__headers=added)
    changed = await site.admin("GET", path)
    lost = "Authorization: ******\nX-Token: ******"
    wrong = await tab.submit(f"{HOME}{path}/edit", healthchecks__active__headers=lost)

    assert not any("planted" in page.text for page in (*pages, wrong))
    assert all("seen" in page.text for page in pages)
    assert saved.location.endswith("?done=saved")
    assert after["healthchecks"] == row["healthchecks"]
    assert changed["healthchecks"]["active"]["headers"] == {
        "Authorization": ["Bearer planted"], "X-Plain": ["other"],
    }  # fmt: skip
    at = wrong.text.split('id="healthchecks.active.headers-error"')[1]
    assert "type this secret again" in at.split("</p>")[0]


SECRETS = {
    "key-auth": {"key": "key-of-ada-0123"},
    "basic-auth": {"username": "ada", "password": "password-of-ada-0123"},
    "jwt": {"key": "issuer", "secret": "secret-of-ada-0123"},
}


@pytest.mark.parametrize("below", SECRETS)
async def test_credentials_are_never_shown_again(
    site: Site, tab: Browser, below: str
) -> None:
    row = await site.admin("POST", "/consumers", {"username": "ada"})
    base = f"/consumers/{row['id']}"
    made = await make(tab, f"{base}/{below}/new", **SECRETS[below])
    kept = (await site.admin("GET", f"{base}/{below}"))["data"][0]
    pages = [
        await tab.get(HOME + path)
        for path in (base, f"{base}/{below}/{kept['id']}/edit", f"{base}/{below}/{kept['id']}/delete")
    ]  # fmt: skip
    secret = SECRETS[below].get("password") or SECRETS[below].get("secret") or SECRETS[below]["key"]  # fmt: skip

    assert f"{HOME}{base}?done=created" == made.location
    assert [page.status for page in pages] == [200] * 3
    assert not any(secret in page.text for page in (made, *pages))
    assert below == "basic-auth" or secret in kept.values()


async def test_a_key_that_was_made_is_shown_once(site: Site, tab: Browser) -> None:
    row = await site.admin("POST", "/consumers", {"username": "ada"})
    made = await make(tab, f"/consumers/{row['id']}/key-auth/new")
    kept = (await site.admin("GET", f"/consumers/{row['id']}/key-auth"))["data"][0]
    later = await tab.get(f"{HOME}/consumers/{row['id']}")

    assert made.status == 200
    assert kept["key"] in made.words
    assert made.header("cache-control") == "no-store"
    assert kept["key"] not in later.text


async def test_a_refused_form_does_not_say_the_secret_back(
    site: Site, tab: Browser
) -> None:
    row = await site.admin("POST", "/consumers", {"username": "ada"})
    target = f"{HOME}/consumers/{row['id']}/basic-auth/new"
    reply = await tab.submit(target, username="", password="password-of-ada-0123")

    assert reply.status == 400
    assert "required field missing" in reply.words
    assert "password-of-ada" not in reply.text


async def test_a_certificates_key_is_never_shown(site: Site, tab: Browser) -> None:
    cert, key = PAIR.cert, PAIR.key
    reply = await make(tab, "/certificates/new", cert=cert, key=key, snis="a.test\nb.test")  # fmt: skip
    page = await tab.get(reply.location)
    edit = await tab.get(f"{reply.location.partition('?')[0]}/edit")
    row = (await site.admin("GET", "/certificates"))["data"][0]
    again = await make(tab, f"/certificates/{row['id']}/edit", tags="x")
    after = (await site.admin("GET", "/certificates"))["data"][0]

    assert sorted(row["snis"]) == ["a.test", "b.test"]
    assert "BEGIN CERTIFICATE" in page.words
    for text in (page.text, edit.text):
        assert "PRIVATE KEY" not in text
        assert key.splitlines()[2] not in text
    assert again.location.endswith("done=saved")
    assert (row["key"], row["snis"], ["x"]) == (after["key"], after["snis"], after["tags"])  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("consumers", {"username": HOSTILE}),
        ("consumers", {"custom_id": HOSTILE, "tags": ["<i>tag</i>".replace("/", "")]}),
        ("vaults", {"name": "env", "prefix": "abc", "description": HOSTILE}),
        ("workspaces", {"name": HOSTILE.replace("/", ""), "comment": HOSTILE}),
    ],
)
async def test_hostile_names_are_text_and_nothing_else(
    site: Site, tab: Browser, path: str, body: dict[str, Any]
) -> None:
    row = await site.admin("POST", f"/{path}", body)
    targets = ["/workspaces", f"{HOME}/{path}", f"{HOME}/audit", f"{HOME}/audit?of=objects"]  # fmt: skip
    if path != "workspaces":
        targets += [f"{HOME}/{path}/{row['id']}{more}" for more in ("", "/edit", "/delete")]  # fmt: skip
    else:
        targets = ["/workspaces"]
    pages = [await tab.get(target) for target in targets]

    assert {200} == {page.status for page in pages}
    for page in pages:
        assert "<script" not in page.text
        assert "<i>tag" not in page.text
        assert "49" not in page.words or "{{7*7}}" in page.words
    assert any("alert(1)" in page.words for page in pages)


async def test_rows_of_one_workspace_are_not_in_another(
    site: Site, tab: Browser
) -> None:
    await tab.submit("/workspaces/new", name="team", comment="Ours")
    await tab.submit("/team/services/new", name="theirs", host="team.test")
    row = await site.admin("GET", "/team/services/theirs")
    here = await tab.get("/team/services")
    elsewhere = await tab.get(f"{HOME}/services")
    direct = [
        await tab.get(f"{HOME}/services/{row['id']}{more}")
        for more in ("", "/edit", "/delete")
    ]
    deleted = await tab.post(f"{HOME}/services/{row['id']}/delete")

    assert "theirs" in here.words
    assert "theirs" not in elsewhere.words
    assert [page.status for page in direct] == [404] * 3
    assert deleted.status == 404
    assert (await site.admin("GET", "/team/services/theirs"))["name"] == "theirs"


async def test_a_workspace_that_is_not_there_is_not_found(tab: Browser) -> None:
    pages = [await tab.get(p) for p in ("/nowhere", "/nowhere/services", "/services", "/rbac")]  # fmt: skip

    assert [page.status for page in pages] == [404] * 4


async def test_a_workspace_goes_when_its_name_is_typed(
    site: Site, tab: Browser
) -> None:
    await tab.submit("/workspaces/new", name="team")
    await tab.submit("/team/services/new", name="theirs", host="team.test")
    untyped = await tab.submit("/team/delete", cascade="on", typed="other")
    full = await tab.submit("/team/delete", typed="team")
    gone = await tab.submit("/team/delete", cascade="on", typed="team")

    assert [untyped.status, full.status, gone.status] == [400, 400, 302]
    assert "Workspace is not empty" in full.words
    assert [r["name"] for r in (await site.admin("GET", "/workspaces"))["data"]] == ["default"]  # fmt: skip


async def test_a_kind_that_is_not_there_is_not_found(tab: Browser) -> None:
    pages = [await tab.get(HOME + p) for p in ("/nothing", "/nothing/new", "/services/x/routes/new", "/services/nope")]  # fmt: skip

    assert [page.status for page in pages] == [404] * 4


async def test_a_node_with_a_file_is_only_shown(tmp_path: Path) -> None:
    file = {
        "_format_version": "3.0",
        "services": [{"name": "orders", "url": "http://orders.test"}],
    }
    async with manager_site(tmp_path, file=file) as site:
        tab = site.tab()
        page = await tab.get(f"{HOME}/services")
        reply = await tab.post(f"{HOME}/services/new", {"name": "x", "host": "x.test"})

        assert "configuration is a file" in page.words
        assert "orders" in page.words
        assert "New service" not in page.words
        assert "services/new" not in page.text
        assert reply.status == 405
        assert "not using a database" in reply.words


async def test_the_audit_log_is_filtered_and_paged(site: Site, tab: Browser) -> None:
    for number in range(30):
        await site.admin("POST", "/consumers", {"username": f"c{number}"})
    page = await tab.get(f"{HOME}/audit?of=requests&method=POST&status=201")
    later = await tab.get(f"{HOME}/audit?after=2030-01-01T00:00")
    bad = await tab.get(f"{HOME}/audit?status=abc")
    rows = await tab.get(f"{HOME}/audit?of=objects&dao_name=consumers&operation=create")

    assert page.text.count("POST /consumers") == 25
    assert "30 records" in page.words
    assert "Next page" in page.words
    assert "No record fits" in later.words
    assert "must be a status code" in bad.words
    assert "30 records" in rows.words


async def test_without_an_audit_log_the_page_says_how_to_have_one(
    tmp_path: Path,
) -> None:
    async with manager_site(tmp_path, audit=False) as site:
        page = await site.tab().get(f"{HOME}/audit")

        assert page.status == 200
        assert "Set audit_log = on" in page.words


async def test_consumers_are_put_into_groups_and_taken_out(
    site: Site, tab: Browser
) -> None:
    ada = await site.admin("POST", "/consumers", {"username": "ada"})
    await make(tab, "/consumer_groups/new", name="gold")
    group = (await site.admin("GET", "/consumer_groups"))["data"][0]
    base = f"{HOME}/consumer_groups/{group['id']}"
    wrong = await tab.post(f"{base}/members", {"consumer": "nobody", "go": "add"})
    await tab.post(f"{base}/members", {"consumer": "ada", "go": "add"})
    page = await tab.get(base)
    await tab.post(f"{base}/members", {"consumer": ada["id"], "go": "remove"})
    left = await site.admin("GET", "/consumer_groups/gold/consumers")

    assert wrong.status == 400
    assert "there is no such consumer" in wrong.words
    assert wrong.values()["consumer"] == ["nobody"]
    assert ">ada</a>" in page.text
    assert left["data"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("services", {"name": "orders", "url": "http://orders.test"}),
        ("routes", {"name": "r", "paths": ["/a"], "headers": {"x-a": ["1"]}}),
        ("consumers", {"username": "ada", "tags": ["a"]}),
        ("upstreams", {"name": "pool.test"}),
        ("consumer_groups", {"name": "gold"}),
        ("key-sets", {"name": "set"}),
        ("vaults", {"name": "env", "prefix": "abc"}),
        ("plugins", {"name": "rate-limiting", "config": {"minute": 5}}),
    ],
)
async def test_the_yaml_of_a_row_is_a_declarative_file(
    site: Site, tab: Browser, path: str, body: dict[str, Any]
) -> None:
    row = await site.admin("POST", f"/{path}", body)
    page = await tab.get(f"{HOME}/{path}/{row['id']}")
    text = unescape(page.text.split('<pre class="wrap copy"><code>')[2].split("</code>")[0])  # fmt: skip
    rows = [row for _, row in iterate_rows(read_declarative(parse_yaml(text)))]

    assert [row["id"]] == [r.id for r in rows]


async def test_what_is_no_row_is_not_shown_as_one(tab: Browser) -> None:
    pages = [
        await tab.get(f"{HOME}/plugins/enabled{more}")
        for more in ("", "/edit", "/delete")
    ]
    listed = await tab.get(f"{HOME}/plugins?name=enabled")

    assert [page.status for page in pages] == [404] * 3
    assert "Nothing fits" in listed.words


async def test_what_there_is_too_much_of_to_choose_from_is_typed(
    site: Site, tab: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.manager.editing._OPTIONS", "1")
    for name in ("one", "two"):
        await site.admin("POST", "/services", {"name": name, "host": f"{name}.test"})
    page = await tab.get(f"{HOME}/routes/new")
    await make(tab, "/routes/new", name="r", paths="/a", service="two")
    wrong = await tab.submit(f"{HOME}/routes/new", paths="/b", service="three")
    row = await site.admin("GET", "/routes/r")
    two = await site.admin("GET", "/services/two")

    assert '<input id="service" name="service"' in page.text
    assert row["service"]["id"] == two["id"]
    assert wrong.status == 400
    assert "three" in wrong.words
