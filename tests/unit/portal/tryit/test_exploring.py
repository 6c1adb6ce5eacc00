"""What swagger-ui sends, judged; its files; its page and that page's policy."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.pages import render
from ostiary.portal.chrome import Chrome
from ostiary.portal.content.openapi.document import read_api
from ostiary.portal.tryit.building import BadInputs, Built
from ostiary.portal.tryit.exploring import build_explored
from ostiary.portal.tryit.vendored import PLACE
from tests.unit.portal.portal_kit import HOME as PORTAL
from tests.unit.portal.portal_kit import Browser, PortalWorld
from tests.unit.portal.tryit.test_pages import ada, gateway, send, use, world
from tests.unit.portal.tryit.try_kit import HOME, SPEC, FakeGateway

__all__ = ["ada", "gateway", "world"]
API = read_api(SPEC, fallback="")
CATS = "https://kong-ee:8443/pets/cats"
EXPLORE = f"{PORTAL}/documentation/pets/explore"


def explored(url: str = f"{CATS}/tom", method: str = "GET", **more: str) -> Built:
    values = {"url": url, "method": method, **more}
    return build_explored(API, values, home=HOME, client_ip="192.0.2.7")


@pytest.mark.spec("portal#5.3")
def test_an_operation_of_the_specification_is_sent() -> None:
    """At any of its servers; with the query, fields and body that swagger-ui made."""
    sent = explored(f"{CATS}/tom%20x?tag=a&tag=b%26", fields="accept: */*\nAuthorization: Bearer s3cret-t\n").request  # fmt: skip
    other = explored("https://pets.example.com:444/v1/cats", "POST", body="{}", fields="Content-Type: application/json").request  # fmt: skip

    assert (sent.host, sent.target) == ("kong-ee:8443", "/pets/cats/tom%20x?tag=a&tag=b%26")  # fmt: skip
    assert sent.fields == (("accept", "*/*"), ("Authorization", "Bearer s3cret-t"))
    assert (other.host, other.target, other.body) == ("pets.example.com:444", "/v1/cats", b"{}")  # fmt: skip


@pytest.mark.parametrize(
    ("url", "method"),
    [
        (CATS, "GET"), (f"{CATS}/tom", "DELETE"), (f"{CATS}/tom", "TRACE"), (f"{CATS}/a/b", "GET"),
        (f"{CATS}/", "GET"), (f"{CATS}/..", "GET"), (f"{CATS}/%2e%2e", "GET"), (f"{CATS}/..%2Fx", "GET"),
        (f"{CATS}/%252e%252e", "GET"), (f"{CATS}/a%5cb", "GET"), (f"{CATS}/a b", "GET"), (f"{CATS}/ä", "GET"),
        ("https://evil.example/pets/cats/tom", "GET"), ("http://kong-ee:8443/pets/cats/tom", "GET"),
        ("https://kong-ee:8443@evil.example/pets/cats/tom", "GET"), ("/pets/cats/tom", "GET"), ("", ""), ("http://[", "GET"),
        ("https://kong-ee:8443/cats/tom", "GET"), ("https://kong-ee:8443/default/settings", "GET"),
        (f"{CATS}/tom?" + "&".join(f"a{n}=1" for n in range(101)), "GET"), (f"{CATS}/tom?q={'x' * 8000}", "GET"),
    ],
)  # fmt: skip
def test_nothing_else_is_sent(url: str, method: str) -> None:
    """Other places, methods and paths, and those that can be read in two ways."""
    with pytest.raises(BadInputs) as caught:
        explored(url, method)
    assert caught.value.code == "bad_inputs"


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("a-b.json", True), ("a-b-c.json", True), ("-b.json", False), ("a-.json", False),
        ("ab.json", False), ("a-b.xml", False), ("-.json", False), ("a" * 2000 + "-" * 2000, False),
    ],
)  # fmt: skip
def test_several_parameters_of_one_segment_need_something_each(
    said: str, fits: bool
) -> None:  # fmt: skip
    """Found in one pass, however many there are."""
    document = {**SPEC, "paths": {"/x/{a}-{b}.json": {"get": {"responses": {}}}}}
    values = {"url": f"https://kong-ee:8443/pets/x/{said}", "method": "GET"}
    api = read_api(document, fallback="")
    try:
        build_explored(api, values, home=HOME, client_ip="")
    except BadInputs:
        assert not fits
    else:
        assert fits


@given(st.text(min_size=1, max_size=30))
def test_no_value_changes_the_path_around_it(value: str) -> None:
    """However swagger-ui writes a value, the operation's path stays around it."""
    try:
        target = explored(f"{CATS}/{quote(value, safe='')}").request.target
    except BadInputs:
        return

    assert target.startswith("/pets/cats/")
    assert target.count("/") == 3
    assert target.rpartition("/")[2] not in {"", ".", ".."}


@pytest.mark.spec("security#T-F2")
@pytest.mark.parametrize(
    "line", ["Cookie: a=1", "X-Forwarded-For: 1.2.3.4", "Host: a", "X-Consumer-ID: 1", "X: ü", "\n".join(f"X-{n}: 1" for n in range(41))],
)  # fmt: skip
def test_fields_that_others_believe_are_refused(line: str) -> None:
    """As in the plain form."""
    with pytest.raises(BadInputs):
        explored(fields=line)


def test_credentials_are_known_as_secrets() -> None:
    """So that an answer that says them again is masked."""
    built = explored(f"{CATS}/tom?api_key=k-arg-1", fields="Authorization: Bearer t-123456\napikey: k-654321")  # fmt: skip

    assert built.secrets == ("t-123456", "k-654321", "k-arg-1")
    assert "t-123456" not in repr(built)


async def test_swagger_ui_sends_through_the_portal(
    ada: Browser, gateway: FakeGateway
) -> None:
    """What came back is told as JSON; a refusal says why."""
    seen = await send(ada, EXPLORE, url=f"{CATS}/tom", method="GET")
    wrong = await send(ada, EXPLORE, url="https://evil.example/", method="GET")

    assert gateway.sent[0].target == "/pets/cats/tom"
    assert seen.json()["status"] == 200
    assert seen.json()["fields"] == [["Content-Type", "application/json"]]
    assert wrong.status == 400
    assert "no operation of the specification" in wrong.json()["error"]
    assert len(gateway.sent) == 1


async def test_a_form_of_another_site_explores_nothing(
    ada: Browser, gateway: FakeGateway
) -> None:
    """Whatever it says it is."""
    fields = {"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example", "sec-fetch-site": "cross-site"}  # fmt: skip
    body = f"url={quote(CATS)}/tom&method=GET".encode()

    assert (await ada.ask(EXPLORE, "POST", body=body, fields=fields)).status == 403
    assert gateway.sent == []


async def test_the_page_runs_its_own_scripts_alone(
    ada: Browser, world: PortalWorld
) -> None:
    """Those of the package, not of a workspace's assets; none inline, none that makes code of text."""
    page = await ada.ask(EXPLORE)
    policy = page.field("content-security-policy") or ""
    overview = await ada.ask(EXPLORE.removesuffix("/explore"))
    stranger = await world.browser().ask(EXPLORE)
    use(world, None)
    off = await ada.ask(EXPLORE)

    assert f"script-src {PORTAL}/{PLACE}/;" in policy
    assert f"connect-src {PORTAL}/" in policy
    assert "unsafe" not in policy
    assert page.text.count("<script ") == page.text.count("</script>") == 2
    assert "works without" in page.text
    assert "pets/explore" in overview.text
    assert (stranger.status, off.status) == (303, 404)


async def test_a_specification_without_any_route_says_so_above_it(
    ada: Browser, gateway: FakeGateway
) -> None:
    """Who reads it learns that nothing can be sent before they fill in anything."""
    with_routes = await ada.ask(EXPLORE)
    gateway.away = {"kong-ee:8443", "pets.example.com:444"}
    without = await ada.ask(EXPLORE)

    assert "can be tried here yet" not in with_routes.text
    assert "Nothing of this can be tried here yet" in without.text


async def test_its_files_are_from_the_package_and_kept(world: PortalWorld) -> None:
    """With their types, packed for who takes that, and without a cookie; nothing else is there."""
    browser = world.browser()
    plain = await browser.ask(f"{PORTAL}/{PLACE}/swagger-ui.css")
    packed = await browser.ask(f"{PORTAL}/{PLACE}/swagger-ui.css", fields={"accept-encoding": "gzip"})  # fmt: skip
    script = await browser.ask(f"{PORTAL}/{PLACE}/swagger-ui-bundle.js")
    ours = await browser.ask(f"{PORTAL}/{PLACE}/explore.js")

    assert (plain.field("content-type") or "").startswith("text/css")
    assert (script.field("content-type") or "").startswith("text/javascript")
    assert "immutable" in (script.field("cache-control") or "")
    assert ours.field("cache-control") == "no-cache"
    assert b"validatorUrl: null" in ours.body
    assert gzip.decompress(packed.body) == plain.body
    assert plain.field("set-cookie") is None
    for name in ("LICENSE", "..%2f..%2f__init__.py", "nothing.js"):
        assert (await browser.ask(f"{PORTAL}/{PLACE}/{name}")).status == 404


def test_the_template_has_no_script_of_its_own() -> None:
    """What stands in it are addresses and values of attributes."""
    values: dict[str, Any] = dict.fromkeys(("page_title", "spec_url", "catalogue_url", "raw_url", "explore_url", "files_url", "csrf_token", "gateway"), '"><script>')  # fmt: skip
    text = render("portal-explore.html", chrome=Chrome(site_name="a", base="/a"), is_missing=True, **values).decode()  # fmt: skip

    assert "<script>" not in text
