"""The debugger at the certified provider: a whole walk, and what it makes of that provider's own refusals."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.async_api import Page

from ostiary.adapters.certificates import make_ca, make_leaf, write_pair
from ostiary.adapters.fetch import AiohttpFetch
from ostiary.cli.demo.browser import launch_browser
from ostiary.debugger.site import DebuggerSite, debugger_app
from ostiary.node.debugging import build_debugger
from ostiary.node.serving import serve_site
from tests.interop.clients import AWKWARD_SECRET, HOST, PLAIN_SECRET, Json
from tests.interop.install import MISSING, is_installed
from tests.interop.stage import Provider, Visitor, asks_to_sign_in, node_environ
from tests.support.person import Seen

SCOPE = "openid email profile"
# What a browser says of a form that comes from the page's own origin.
OWN_FORM = {"Sec-Fetch-Site": "same-origin"}


def _client(here: str, name: str, method: str, secret: str = "", **more: object) -> Json:  # fmt: skip
    return {
        "client_id": name,
        **({"client_secret": secret} if secret else {}),
        "token_endpoint_auth_method": method,
        "redirect_uris": [f"{here}/callback"],
        "post_logout_redirect_uris": [f"{here}/?bye=yes"],
        **more,
    }


def register(here: str) -> list[Json]:
    """One client of each kind, and one that may ask for openid alone."""
    grants = ["authorization_code", "refresh_token", "client_credentials"]
    return [
        _client(here, "public", "none"),
        _client(here, "secretive", "client_secret_basic", AWKWARD_SECRET, grant_types=grants),
        _client(here, "posting", "client_secret_post", PLAIN_SECRET),
        _client(here, "sealed", "client_secret_jwt", PLAIN_SECRET),
        _client(here, "modest", "none", scope="openid"),
        _client(here, "elsewhere", "none", redirect_uris=["https://app.example/callback"]),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a page of the debugger says. `causes` are those of each step by its kind, in order."""

    seen: Seen
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    cause: str
    broken: tuple[str, ...]

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.steps]

    @property
    def causes(self) -> dict[str, tuple[str, ...]]:
        return {kind: causes for kind, causes in self.steps if causes}

    def link(self, name: str) -> str:
        """Where a link of this id leads."""
        tag = re.search(rf'<a [^>]*id="{name}"[^>]*>', self.seen.text)
        assert tag is not None, self.seen.text
        found = re.search(r'href="([^"]*)"', tag[0])
        assert found is not None
        return html.unescape(found[1])


def read(seen: Seen) -> Read:
    """The result, the steps and the rules that do not hold."""
    parts = re.split(r'<li [^>]*data-kind="', seen.text)
    result = re.search(r'id="result"[^>]*data-cause="([^"]*)"', parts[0])
    steps = [
        (part.partition('"')[0], tuple(re.findall(r'data-cause="([^"]*)"', part)))
        for part in parts[1:]
    ]
    broken = re.findall(r'<tr class="bad"><th scope="row">([^<]*)<', seen.text)
    cause = result[1] if result is not None else ""
    return Read(seen=seen, steps=tuple(steps), cause=cause, broken=tuple(broken))


@dataclass(frozen=True, slots=True, kw_only=True)
class Debugging:
    """Somebody at the debugger: `form` is what they have typed."""

    url: str
    visitor: Visitor
    form: dict[str, str]

    def press(self, seen: Seen | None, act: str) -> Read:
        """Press a button of the page before them; None: of the start page."""
        start = seen or self.visitor.get(self.url)
        return read(self.visitor.submit(start, **self.form, act=act))

    def begin(self) -> Read:
        return self.press(None, "sign_in")

    def sign_in(self) -> Read:
        """Through the provider's own two pages and back."""
        page = self.visitor.follow(self.visitor.get(self.begin().link("go")))
        assert asks_to_sign_in(page), (page.url, page.status, page.text)
        page = self.visitor.submit(page, login="ada", password="any")
        assert 'name="prompt" value="consent"' in page.text, (page.url, page.text)
        return read(self.visitor.submit(page))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The debugger beside the provider."""

    url: str
    provider: Provider
    ca_file: Path

    def person(self, client_id: str, secret: str = "", **fields: str) -> Debugging:
        """Somebody nobody has seen before, with this client."""
        visitor = Visitor(self.ca_file)
        visitor.headers = OWN_FORM
        form = {
            "issuer": self.provider.issuer,
            "client_id": client_id,
            "client_secret": secret,
            "scope": SCOPE,
            "pkce": "on",
            **fields,
        }
        return Debugging(url=self.url, visitor=visitor, form=form)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if not is_installed():
        pytest.fail(MISSING, pytrace=False)
    folder = tmp_path_factory.mktemp("debugger")
    ca = make_ca("Debugger (tests only)", permitted_dns=["localhost"], permitted_networks=[], days=1)  # fmt: skip
    files = {name: folder / f"{name}.pem" for name in ("ca", "ca-key", "leaf", "key")}
    write_pair(*ca, cert_path=files["ca"], key_path=files["ca-key"])
    leaf = make_leaf([HOST, "localhost"], ca=ca, days=1)
    write_pair(*leaf, cert_path=files["leaf"], key_path=files["key"])
    sock = socket.create_server(("127.0.0.1", 0))
    url = f"https://localhost:{sock.getsockname()[1]}"
    output = folder / "provider.jsonl"
    output.touch()
    settings = {
        "host": HOST, "cert": str(files["leaf"]), "key": str(files["key"]),
        "keys": str(folder / "keys.json"), "clients": register(url), "ttl": {},
    }  # fmt: skip
    environ = node_environ(files["ca"])
    provider = Provider(settings=settings, environ=environ, output=output)
    with start_blocking_portal() as portal:
        fetch = portal.call(lambda: _fetch(files["ca"]))
        app = debugger_app(DebuggerSite(debugger=build_debugger(fetch, allowed="*")))
        site = serve_site(app, [("tls", sock)], cert=files["leaf"], key=files["key"])
        try:
            provider.start()
            with portal.wrap_async_context_manager(site):
                yield Place(url=url, provider=provider, ca_file=files["ca"])
        finally:
            provider.stop()
            portal.call(fetch.close)


async def _fetch(ca_file: Path) -> AiohttpFetch:
    return AiohttpFetch(ca_file=str(ca_file))


@pytest.mark.spec("OIDC-Core#3.1")
@pytest.mark.parametrize(
    ("client_id", "secret", "method"),
    [
        ("public", "", ""),
        ("secretive", AWKWARD_SECRET, ""),
        ("posting", PLAIN_SECRET, "client_secret_post"),
        ("sealed", PLAIN_SECRET, "client_secret_jwt"),
    ],
    ids=["none", "basic", "post", "jwt"],
)
def test_every_step_of_a_whole_walk_is_right(
    place: Place, client_id: str, secret: str, method: str
) -> None:
    bye = f"{place.url}/?bye=yes"
    person = place.person(
        client_id, secret, logout_redirect_uri=bye, auth_method=method
    )
    told = person.sign_in()
    assert told.kinds == ["discovery", "keys", "authorization", "callback", "token"]
    for act in ("refresh", "userinfo", "introspection", "revocation", "logout"):
        told = person.press(told.seen, act)

    assert told.kinds[5:] == [
        "refresh", "userinfo", "introspection", "revocation", "logout",
    ]  # fmt: skip
    assert (told.causes, told.cause, told.broken) == ({}, "", ())
    assert "Gräfin" in told.seen.text

    visitor = person.visitor
    asked = visitor.follow(visitor.get(told.link("go-out")))
    visitor.stop_at = bye
    assert visitor.submit(asked, logout="yes").url == bye


async def follow(page: Page, selector: str) -> None:
    """Click, and be on the next page."""
    async with page.expect_navigation():
        await page.locator(selector).click()


async def test_in_a_real_browser_the_walk_is_as_right_and_a_wrong_address_as_wrong(
    place: Place,
) -> None:
    async with launch_browser(ca_file=place.ca_file) as browser:
        page = await browser.new_page()
        await page.goto(place.url)
        typed = {"issuer": place.provider.issuer, "client_id": "public", "scope": SCOPE}
        for name, text in typed.items():
            await page.locator(f"#{name}").fill(text)
        await follow(page, 'button[value="sign_in"]')
        await follow(page, "#go")
        await page.locator('[name="login"]').fill("ada")
        await page.locator('[name="password"]').fill("any")
        await follow(page, '[type="submit"]')
        await follow(page, '[type="submit"]')

        assert page.url.startswith(f"{place.url}/callback?")

        for act in ("refresh", "userinfo", "introspection", "revocation"):
            await follow(page, f'button[value="{act}"]')

            assert await page.locator("#result").get_attribute("data-cause") is None
            assert await page.locator("table.rules tr.bad").count() == 0

        await page.goto(place.url)
        for name, text in {**typed, "redirect_uri": "https://app.example/"}.items():
            await page.locator(f"#{name}").fill(text)
        await follow(page, 'button[value="sign_in"]')
        cause = await page.locator("#result").get_attribute("data-cause")

    assert cause == "redirect_uri_unregistered"


def test_a_revoked_token_is_told_as_one_that_is_not_active(place: Place) -> None:
    person = place.person("secretive", AWKWARD_SECRET)
    told = person.sign_in()
    for act in ("revocation", "introspection"):
        told = person.press(told.seen, act)

    assert told.causes == {"introspection": ("token_inactive",)}


def test_a_client_gets_a_token_of_its_own(place: Place) -> None:
    told = place.person("secretive", AWKWARD_SECRET).press(None, "client_credentials")

    assert told.kinds[-1] == "client_credentials"
    assert (told.causes, told.broken) == ({}, ())


def test_a_client_that_may_not_have_one_is_told_so(place: Place) -> None:
    told = place.person("posting", PLAIN_SECRET).press(None, "client_credentials")

    # This provider's code for it is invalid_request: only its words say what is wrong.
    assert told.cause in {"grant_refused", "provider_refused"}
    assert told.causes == {"client_credentials": (told.cause,)}
    assert "grant type is not allowed for this client" in told.seen.text


@pytest.mark.parametrize(
    ("client_id", "cause"),
    [("elsewhere", "redirect_uri_unregistered"), ("stranger", "client_unknown")],
)
def test_what_the_provider_refuses_on_a_page_is_told_before_anybody_goes_there(
    place: Place, client_id: str, cause: str
) -> None:
    person = place.person(client_id)
    told = person.begin()

    assert told.causes == {"authorization": (cause,)}
    assert told.cause == cause
    assert person.visitor.get(told.link("go")).status == 400


def test_a_scope_that_the_client_may_not_have_is_told_before_anybody_goes_there(
    place: Place,
) -> None:
    told = place.person("modest").begin()

    assert told.causes == {"authorization": ("scope_refused",)}


def test_a_scope_that_the_provider_does_not_know_hinders_nobody(place: Place) -> None:
    told = place.person("public", scope=f"{SCOPE} unheard-of").sign_in()

    assert (told.cause, told.causes) == ("", {"token": ("scope_narrowed",)})


def test_a_way_back_from_logout_that_is_not_registered_is_told(place: Place) -> None:
    person = place.person("public", logout_redirect_uri="https://app.example/bye")
    told = person.press(person.sign_in().seen, "logout")

    assert told.causes == {"logout": ("logout_uri_unregistered",)}


def test_a_sign_in_without_pkce_is_told_before_anybody_goes_there(
    place: Place,
) -> None:
    person = place.person("public")
    form = {name: text for name, text in person.form.items() if name != "pkce"}
    told = replace(person, form=form).begin()

    assert told.causes == {"authorization": ("pkce_required",)}


@pytest.mark.parametrize(
    ("client_id", "secret", "cause"),
    [
        ("secretive", "", "secret_missing"),
        ("secretive", PLAIN_SECRET, "secret_wrong"),
        ("public", PLAIN_SECRET, "secret_unneeded"),
        ("sealed", PLAIN_SECRET, "auth_method_wrong"),
    ],
    ids=["missing", "wrong", "unneeded", "sent in another way"],
)
def test_what_is_wrong_with_the_client_s_secret(
    place: Place, client_id: str, secret: str, cause: str
) -> None:
    told = place.person(client_id, secret).sign_in()

    assert told.causes == {"token": (cause,)}
    assert told.cause == cause
    assert urlsplit(told.seen.url).path == "/callback"
