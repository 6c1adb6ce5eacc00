"""Credentials of developers themselves in the portal: its API, its pages, and whose they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ostiary.model.developer_credentials import CREDENTIAL_PLUGINS, DeveloperCredential
from ostiary.model.identity import hash_password
from ostiary.portal.accounts import ACT_BURST
from ostiary.ports.usage import Used
from tests.unit.admin.admin_kit import NOW
from tests.unit.admin.rows_kit import PAIR
from tests.unit.portal.portal_kit import (
    EMAIL,
    HOME,
    Browser,
    PortalWorld,
    Seen,
    portal_world,
)
from tests.unit.portal.test_applications import make as make_app
from tests.unit.portal.test_applications import token

pytestmark = pytest.mark.spec("portal#1.6")
ALL = [*CREDENTIAL_PLUGINS]
BOB = "bob@example.com"
AT = f"{HOME}/credentials"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[PortalWorld]:
    async with portal_world(tmp_path) as made:
        await made.switch_on(portal_developer_credentials=ALL)
        await made.developer(status=0)
        yield made


@pytest.fixture
async def ada(world: PortalWorld) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


async def make(browser: Browser, plugin: str, **said: Any) -> dict[str, Any]:
    reply = await browser.call("POST", f"/credentials/{plugin}", said)
    assert reply.status == 200, reply.text
    row: dict[str, Any] = reply.json()
    return row


async def kept(world: PortalWorld, identity: str) -> DeveloperCredential:
    row = await world.node.store.get("developer_credentials", identity)
    assert isinstance(row, DeveloperCredential)
    return row


async def every_call(browser: Browser, plugin: str, identity: str) -> list[Seen]:
    path = f"/credentials/{plugin}"
    return [
        await browser.call("GET", path),
        await browser.call("POST", path),
        await browser.call("GET", f"{path}/{identity}"),
        await browser.call("PATCH", f"{path}/{identity}", {"ttl": 5}),
        await browser.call("DELETE", f"{path}/{identity}"),
    ]


@pytest.mark.parametrize(
    ("plugin", "secret"), [("key-auth", "key"), ("basic-auth", "password"), ("jwt", "secret")]
)  # fmt: skip
async def test_one_is_made_told_once_listed_ended_and_deleted(
    world: PortalWorld, ada: Browser, plugin: str, secret: str
) -> None:
    made = await make(ada, plugin)
    path = f"/credentials/{plugin}/{made['id']}"
    one = await ada.call("GET", path)
    listed = await ada.call("GET", f"/credentials/{plugin}")
    ended = await ada.call("PATCH", path, {"ttl": 60})

    assert re.fullmatch(r"[A-Za-z0-9]{32}", made[secret])
    assert made[secret] not in one.text + listed.text
    assert listed.json() == {"data": [one.json()], "next": None, "total": 1}
    assert (ended.status, ended.json()["expires_at"]) == (200, NOW + 60)
    assert (await kept(world, made["id"])).self_made is True
    assert (await ada.call("DELETE", path)).status == 204
    assert (await ada.call("GET", path)).status == 404


@pytest.mark.parametrize(
    ("plugin", "field", "value"),
    [
        ("key-auth", "key", "chosen"),
        ("basic-auth", "username", "admin"),
        ("jwt", "key", "chosen"),
        ("jwt", "secret", "chosen"),
        ("jwt", "self_made", False),
        ("key-auth", "held", False),
        ("key-auth", "expires_at", None),
        ("basic-auth", "name", "basic-auth:admin"),
    ],
)
async def test_what_opens_something_is_never_chosen(
    ada: Browser, plugin: str, field: str, value: Any
) -> None:
    made = await make(ada, plugin)
    path = f"/credentials/{plugin}"
    said = {field: value if value is not None else 2_000_000_000}
    wrong = [
        await ada.call("POST", path, said),
        await ada.call("PATCH", f"{path}/{made['id']}", said),
    ]

    assert [reply.status for reply in wrong] == [400, 400]
    assert [[*reply.json()["fields"]] for reply in wrong] == [[field]] * 2


async def test_a_username_is_no_name_that_says_who_somebody_is(ada: Browser) -> None:
    made = await make(ada, "basic-auth")

    assert re.fullmatch(r"dev-[a-z0-9]{16}", made["username"])
    assert "ada" not in made["username"]


async def test_a_password_may_be_chosen_where_it_is_as_good_as_an_accounts(
    world: PortalWorld, ada: Browser
) -> None:
    short = await ada.call("POST", "/credentials/basic-auth", {"password": "short"})
    email = await ada.call("POST", "/credentials/basic-auth", {"password": EMAIL})
    made = await make(ada, "basic-auth", password="long enough for it")
    path = f"/credentials/basic-auth/{made['id']}"
    worse = await ada.call("PATCH", path, {"password": "short"})
    other = await ada.call("PATCH", path, {"password": "another one, as long"})
    row = await kept(world, made["id"])

    assert [reply.status for reply in (short, email, worse)] == [400, 400, 400]
    assert "password" in short.json()["fields"]
    assert made["password"] == "********"
    assert other.status == 200
    assert row.password == hash_password("another one, as long", row.developer)


async def test_a_public_key_may_be_given(ada: Browser) -> None:
    made = await make(ada, "jwt", algorithm="ES256", rsa_public_key=PAIR.public)

    assert (made["secret"], made["algorithm"]) == (None, "ES256")
    assert made["rsa_public_key"] == PAIR.public


def make_pem(bits: int, exponent: int) -> str:
    """An RSA key of nobody's: verifying with it would cost as much."""
    numbers = rsa.RSAPublicNumbers(exponent, (1 << (bits - 1)) + 1)
    return (
        numbers.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.spec("RFC8725#3.5")
@pytest.mark.parametrize(
    ("pem", "is_taken"),
    [
        (make_pem(2048, 65537), True),
        (make_pem(4096, 3), True),
        (make_pem(1024, 65537), False),
        (make_pem(8192, 65537), False),
        (make_pem(2048, (1 << 2000) + 1), False),
        ("no key", False),
    ],
)
async def test_a_public_key_costs_a_worker_little(
    ada: Browser, pem: str, *, is_taken: bool
) -> None:
    said = {"algorithm": "RS256", "rsa_public_key": pem}
    reply = await ada.call("POST", "/credentials/jwt", said)

    assert (reply.status == 200) is is_taken
    if not is_taken:
        assert [*reply.json()["fields"]] == ["rsa_public_key"]


async def test_what_an_admin_made_is_theirs_once_they_have_changed_it(
    world: PortalWorld, ada: Browser
) -> None:
    path = f"/developers/{EMAIL}/credentials/basic-auth"
    made = (await world.node.send("POST", path)).json()["id"]
    own = f"/credentials/basic-auth/{made}"
    await ada.call("PATCH", own, {"ttl": 1000})
    ended = (await kept(world, made)).self_made
    await ada.call("PATCH", own, {"password": "long enough for it"})
    changed = (await kept(world, made)).self_made
    await world.node.send("PATCH", f"{path}/{made}", {"password": "of an admin"})

    assert (ended, changed) == (False, True)
    assert (await kept(world, made)).self_made is True


async def test_nobody_gives_theirs_away_or_takes_anothers(
    world: PortalWorld, ada: Browser
) -> None:
    bob = (await world.developer(BOB, status=0))["id"]
    made = await make(ada, "jwt")
    said = {"developer": {"id": bob}, "consumer": {"id": bob}}
    await ada.call("PATCH", f"/credentials/jwt/{made['id']}", {**said, "algorithm": "HS512"})  # fmt: skip
    other = await make(ada, "jwt", **said)

    assert (await kept(world, made["id"])).developer != bob
    assert (await kept(world, made["id"])).algorithm == "HS512"
    assert (await kept(world, other["id"])).developer != bob


async def test_forms_are_taken_as_json_is(ada: Browser) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    fields = {**kind, "origin": HOME.rpartition("/")[0]}
    path = "https://kong-ee:8447/default/credentials/key-auth"
    made = await ada.ask(path, "POST", body=b"ttl=60", fields=fields, navigates=False)

    assert made.json()["expires_at"] == NOW + 60


@pytest.mark.parametrize("on", [None, [], ["jwt"]])
async def test_where_they_are_not_given_out_there_are_none(
    tmp_path: Path, on: list[str] | None
) -> None:
    async with portal_world(tmp_path) as world:
        await world.switch_on(portal_developer_credentials=on)
        await world.developer(status=0)
        path = f"/developers/{EMAIL}/credentials/key-auth"
        by_admin = (await world.node.send("POST", path)).json()["id"]
        ada = world.browser()
        await ada.sign_in()
        seen = await every_call(ada, "key-auth", by_admin)
        oauth = await ada.call("GET", "/credentials/oauth2")
        config = await ada.call("GET", "/config")
        page = await ada.ask(AT)
        home = await ada.ask(f"{HOME}/dashboard")
        form = await ada.ask(f"{HOME}/applications/create")
        csrf = token(form.text)
        await ada.post(f"{AT}/create?plugin=key-auth", _csrf=csrf)
        await ada.post(f"{AT}/delete?plugin=key-auth&id={by_admin}", _csrf=csrf)
        await ada.post(f"{AT}/rotate?plugin=key-auth", _csrf=csrf, id=by_admin)
        left = await world.node.call(path)

    assert {reply.status for reply in seen} == {404}
    assert oauth.status == 404
    assert config.json() == {"plugins": {"enabled_in_cluster": on or []}}
    assert (page.status == 200) is (on == ["jwt"])
    assert ("/credentials" in home.text) is (on == ["jwt"])
    assert [row["id"] for row in left.json()["data"]] == [by_admin]
    assert left.json()["data"][0]["expires_at"] is None


async def test_the_node_says_where_a_workspace_does_not(tmp_path: Path) -> None:
    usual = "jwt, key-auth"
    async with portal_world(tmp_path, portal_developer_credentials=usual) as world:
        await world.switch_on()
        await world.developer(status=0)
        browser = world.browser()
        await browser.sign_in()
        seen = (await browser.call("GET", "/config")).json()
        await world.configure(portal_developer_credentials=[])
        none = (await browser.call("GET", "/config")).json()

    assert seen == {"plugins": {"enabled_in_cluster": ["key-auth", "jwt"]}}
    assert none == {"plugins": {"enabled_in_cluster": []}}


async def test_a_plugin_that_has_none_is_refused_where_it_is_said(
    world: PortalWorld,
) -> None:
    body = {"config": {"portal_developer_credentials": ["key-auth", "acl"]}}
    reply = await world.node.send("PATCH", "/workspaces/default", body)

    assert reply.status == 400
    assert "key-auth, basic-auth, jwt" in reply.text


@pytest.mark.spec("portal#6.1")
async def test_nobody_but_an_approved_developer_is_answered(
    world: PortalWorld, ada: Browser
) -> None:
    identity = (await make(ada, "key-auth"))["id"]
    strange = await every_call(world.browser(), "key-auth", identity)
    others = ("/vitals/consumers/cluster", "/config")
    strange += [await world.browser().call("GET", path) for path in others]
    await world.set_status(3)
    revoked = await every_call(ada, "key-auth", identity)
    revoked += [await ada.call("GET", path) for path in others]

    assert {reply.status for reply in strange} == {401}
    assert {reply.status for reply in revoked} == {403}
    assert (await kept(world, identity)).held is True


@pytest.mark.spec("portal#6.1")
async def test_anothers_are_not_there(world: PortalWorld, ada: Browser) -> None:
    await world.developer(BOB, status=0)
    path = f"/developers/{BOB}/credentials/key-auth"
    bobs = (await world.node.send("POST", path)).json()["id"]
    seen = await every_call(ada, "key-auth", bobs)
    csrf = token((await ada.ask(AT)).text)
    pages = [
        await ada.ask(f"{AT}/delete?plugin=key-auth&id={bobs}"),
        await ada.post(f"{AT}/delete?plugin=key-auth&id={bobs}", _csrf=csrf),
        await ada.post(f"{AT}/rotate?plugin=key-auth", _csrf=csrf, id=bobs),
        await ada.ask(f"{AT}/delete?plugin=key-auth&id=../../{BOB}"),
    ]

    assert [reply.status for reply in seen[2:]] == [404] * 3
    assert {page.field("location") for page in pages} == {"/default/credentials"}
    assert (await kept(world, bobs)).expires_at is None


@pytest.mark.spec("T-O7")
async def test_a_session_of_one_workspace_reaches_nothing_of_another(
    world: PortalWorld, ada: Browser
) -> None:
    await make(ada, "key-auth")
    config = {"portal": True, "portal_developer_credentials": ALL}
    await world.node.send("POST", "/workspaces", {"name": "team", "config": config})
    seen = await ada.ask("https://kong-ee:8447/team/credentials/key-auth", navigates=False)  # fmt: skip

    assert seen.status == 401


@pytest.mark.spec("T-K11")
async def test_whoever_makes_many_waits(ada: Browser) -> None:
    for _ in range(ACT_BURST):
        await ada.call("POST", "/credentials/key-auth", {"key": "chosen"})
    late = await ada.call("POST", "/credentials/jwt")

    assert late.status == 429
    assert late.field("retry-after")


@pytest.mark.spec("T-K11")
async def test_whoever_changes_much_waits_and_a_rotation_is_one_act(
    ada: Browser,
) -> None:
    made = await make(ada, "key-auth")
    path = f"/credentials/key-auth/{made['id']}"
    csrf = token((await ada.ask(AT)).text)
    for _ in range(ACT_BURST - 3):
        assert (await ada.call("PATCH", path, {"ttl": 900_000})).status == 200
    rotated = [
        await ada.post(f"{AT}/rotate?plugin=key-auth", _csrf=csrf, id=made["id"])
        for _ in range(2)
    ]
    late = await ada.call("PATCH", path, {"ttl": 60})
    read = await ada.call("GET", path)
    gone = await ada.call("DELETE", path)

    assert [reply.status for reply in rotated] == [200, 200]
    assert (late.status, read.status, gone.status) == (429, 200, 204)
    assert read.json()["expires_at"] == NOW + 86400


@pytest.mark.spec("portal#3.6")
@pytest.mark.parametrize(
    ("plugin", "word"), [("key-auth", "key"), ("basic-auth", "password"), ("jwt", "signing key")]
)  # fmt: skip
async def test_a_developers_whole_way_by_pages(
    ada: Browser, plugin: str, word: str
) -> None:
    """Make one, rotate it, delete the one before."""
    empty = await ada.ask(AT)
    csrf = token(empty.text)
    new = await ada.post(f"{AT}/create?plugin={plugin}", _csrf=csrf)
    secret = re.search(r'id="new-secret">([A-Za-z0-9]{32})<', new.text)
    assert secret is not None
    listed = await ada.ask(AT)
    first = (await ada.call("GET", f"/credentials/{plugin}")).json()["data"][0]["id"]
    rotated = await ada.post(f"{AT}/rotate?plugin={plugin}", _csrf=csrf, id=first)
    rows = (await ada.call("GET", f"/credentials/{plugin}")).json()["data"]
    question = await ada.ask(f"{AT}/delete?plugin={plugin}&id={first}")
    gone = await ada.post(f"{AT}/delete?plugin={plugin}&id={first}", _csrf=csrf)
    told = await ada.ask(f"{AT}?deleted")

    assert empty.text.count("yet</h3>") == 3
    assert f"Your new {word}" in new.text
    assert new.field("cache-control") == "no-store"
    assert secret[1] not in listed.text + rotated.text
    assert "works for one more day" in rotated.text
    assert {row["id"]: row["expires_at"] for row in rows}[first] == NOW + 86400
    assert sum(row["expires_at"] is None for row in rows) == 1
    assert f"Delete this {word}?" in question.text
    assert gone.field("location") == "/default/credentials?deleted"
    assert "opens nothing from now on" in told.text
    assert len((await ada.call("GET", f"/credentials/{plugin}")).json()["data"]) == 1


@pytest.mark.spec("portal#3.6")
async def test_a_rotated_signing_key_is_of_the_same_algorithm(ada: Browser) -> None:
    made = await make(ada, "jwt", algorithm="HS512")
    csrf = token((await ada.ask(AT)).text)
    await ada.post(f"{AT}/rotate?plugin=jwt", _csrf=csrf, id=made["id"])
    rows = (await ada.call("GET", "/credentials/jwt")).json()["data"]

    assert [row["algorithm"] for row in rows] == ["HS512", "HS512"]


@pytest.mark.spec("portal#3.6")
async def test_a_refusal_is_told_on_the_page(world: PortalWorld, ada: Browser) -> None:
    for number in range(20):
        body = {"key": f"key-{number}", "secret": "s"}
        await world.node.send("POST", f"/developers/{EMAIL}/credentials/jwt", body)
    csrf = token((await ada.ask(AT)).text)
    page = await ada.post(f"{AT}/create?plugin=jwt", _csrf=csrf)

    assert page.status == 400
    assert "at most 20 credentials of jwt" in page.text


@pytest.mark.spec("portal#6.1")
async def test_nothing_is_done_by_following_a_link(ada: Browser) -> None:
    made = await make(ada, "key-auth")
    for path in ("create?", f"rotate?id={made['id']}&", f"delete?id={made['id']}&"):
        await ada.ask(f"{AT}/{path}plugin=key-auth")
    rows = (await ada.call("GET", "/credentials/key-auth")).json()["data"]
    cross = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    foreign = await ada.call("POST", "/credentials/key-auth", {}, **cross)

    assert [(row["id"], row["expires_at"]) for row in rows] == [(made["id"], None)]
    assert foreign.status == 403


@pytest.mark.spec("portal#1.3")
async def test_the_pages_ask_for_a_sign_in(world: PortalWorld) -> None:
    for path in ("", "/create", "/delete"):
        reply = await world.browser().ask(f"{AT}{path}")
        assert reply.status == 303
        assert str(reply.field("location")).startswith("/default/login?next=")


class Counted:
    """Two days of every application."""

    def __init__(self) -> None:
        self.since: list[int] = []

    async def add(self, used: Sequence[Used]) -> None:
        raise AssertionError(used)

    async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
        self.since.append(since)
        return (
            Used(application=application, service="s", day=since, ok=4, refused=2),
            Used(application=application, service="t", day=since, failed=1),
        )


async def test_requests_are_told_by_day_and_none_is_invented(tmp_path: Path) -> None:
    usage = Counted()
    async with portal_world(tmp_path, usage=usage) as world:
        await world.switch_on()
        await world.developer(status=0)
        ada = world.browser()
        await ada.sign_in()
        vitals = "/vitals/consumers/cluster"
        nothing = (await ada.call("GET", vitals)).json()
        await make_app(ada)
        await make_app(ada, "Till")
        now = int(world.base.clock.now())
        today = now // 86400 * 86400
        usual = (await ada.call("GET", f"{vitals}?interval=minutes")).json()
        some = await ada.call("GET", f"{vitals}?interval=days&start_ts={today - 86400}")
        later = (await ada.call("GET", f"{vitals}?start_ts={today + 86400}")).json()
        wrong = [
            await ada.call("GET", f"{vitals}?start_ts=x"),
            await ada.call("GET", f"{vitals}?interval=years"),
        ]
        page = await ada.ask(f"{HOME}/dashboard")

    assert nothing["stats"] == later["stats"] == {"cluster": {}}
    assert [*usual["stats"]["cluster"].values()] == [14]
    assert usual["meta"]["interval"] == "days"
    assert usual["meta"]["earliest_ts"] == today - 29 * 86400
    assert some.json()["meta"]["earliest_ts"] == today - 86400
    assert [reply.status for reply in wrong] == [400, 400]
    assert "Requests of your applications" in page.text
