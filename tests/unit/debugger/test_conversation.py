"""One visit in, the values of a page out: what was carried is believed only if it is ours."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.carrying import Carrier, name_cookie
from ostiary.debugger.conversation import MAX_AGE_S
from ostiary.debugger.values import ENDPOINTS, Cause, Run, Setup
from ostiary.jose.encoding import encode_base64url
from ostiary.ports.debugging import DebugCall, DebugFile
from tests.support.ports import FakeEntropy
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.debugger.debugger_kit import (
    BACK,
    NOW,
    ORIGIN,
    OTHER_RING,
    SECRET,
    TYPED,
    Browser,
    Scene,
    objects,
    reply,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def browser(scene: Scene) -> Browser:
    return Browser(scene)


# A visit.


async def test_a_first_visit_is_empty_and_asks_nobody(
    scene: Scene, browser: Browser
) -> None:
    page = await browser.visit()

    assert (page.status, page.flow, page.done) == (200, None, None)
    assert (browser.run, browser.value("steps"), browser.value("problem")) == (
        *("", (), ""),
    )
    assert browser.value("setup") == Setup(redirect_uri=BACK)
    assert scene.wire.asked == []


async def test_a_link_fills_in_and_asks_nobody(scene: Scene, browser: Browser) -> None:
    query = (("issuer", ISSUER), ("client_id", "shop"), ("client_secret", "x"))
    await browser.visit(query)

    assert browser.value("setup") == Setup(
        issuer=ISSUER, client_id="shop", redirect_uri=BACK
    )
    assert scene.wire.asked == []


# Typing.


async def test_what_is_wrong_is_told_by_field_and_nothing_is_sent(
    scene: Scene, browser: Browser
) -> None:
    page = await browser.post(
        "sign_in", issuer="idp.example", scope="a  b", leeway="soon"
    )

    assert page.status == 400
    assert set(browser.value("errors")) == {"issuer", "scope", "leeway", "client_id"}
    assert browser.value("problem").startswith("Nothing was sent")
    assert browser.value("setup").issuer == "idp.example"
    assert scene.wire.asked == []


async def test_looking_a_provider_up_needs_no_client(browser: Browser) -> None:
    page = await browser.post("discover", issuer=ISSUER)

    assert (page.status, page.flow) == (200, None)
    assert browser.kinds == ["discovery", "keys"]
    assert browser.value("supports") is not None
    assert browser.value("is_good")


@pytest.mark.parametrize("act", ["", "unheard-of", "run"])
async def test_an_act_that_nobody_knows_only_looks_up(
    browser: Browser, act: str
) -> None:
    page = await browser.post(act, **TYPED)

    assert page.flow is None
    assert browser.kinds == ["discovery", "keys"]


async def test_a_secret_is_kept_without_being_shown(browser: Browser) -> None:
    await browser.post("discover", **TYPED, client_secret=SECRET)
    await browser.post("discover", **TYPED)

    assert browser.opened.setup.client_secret == SECRET
    assert browser.value("has_secret")
    assert SECRET not in browser.run


async def test_a_secret_survives_a_mistake_in_another_field(browser: Browser) -> None:
    """The page says that it is kept, so it must be."""
    await browser.post("discover", **{**TYPED, "scope": "a  b"}, client_secret=SECRET)

    assert browser.value("has_secret")
    assert browser.opened.setup.client_secret == SECRET


async def test_what_is_known_of_one_provider_is_not_used_for_another(
    scene: Scene, browser: Browser
) -> None:
    """Not even after a form with a mistake in it."""
    await browser.post("discover", **TYPED)
    other = {**TYPED, "issuer": "https://other.example/pool"}
    await browser.post("sign_in", **{**other, "client_id": ""})
    before = len(scene.wire.asked)
    page = await browser.post("sign_in", **other)
    hosts = {r.url.split("/")[2] for r, _ in scene.wire.asked[before:]}

    assert hosts == {"other.example"}
    assert page.flow is None
    assert browser.value("verdict").code == "issuer_differs"


async def test_a_mistake_ends_the_sign_in_that_had_begun(browser: Browser) -> None:
    await browser.post("sign_in", **TYPED)
    await browser.post("sign_in", **{**TYPED, "client_id": ""})

    assert browser.value("sign_in_url") == ""
    assert browser.opened.flow is None


async def test_starting_over_forgets_the_steps_the_tokens_and_the_secret(
    browser: Browser,
) -> None:
    await browser.sign_in(client_secret=SECRET)
    await browser.post("over")

    assert (browser.value("steps"), browser.run) == ((), "")
    assert browser.value("setup").client_id == CLIENT_ID
    assert not browser.value("has_secret")


# Signing in.


async def test_a_sign_in_sets_a_cookie_and_shows_the_way(browser: Browser) -> None:
    page = await browser.post("sign_in", **TYPED)
    assert page.flow is not None
    run = browser.opened
    assert run.flow is not None

    assert page.flow[0] == name_cookie(run.flow.state)
    assert browser.value("sign_in_url").startswith(f"{ISSUER}/authorize?")
    assert browser.kinds == ["discovery", "keys", "authorization"]


async def test_a_provider_that_is_known_is_not_looked_up_again(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("discover", **TYPED)
    await browser.post("sign_in", **TYPED)

    assert len(scene.provider.asked("openid-configuration")) == 1


async def test_a_provider_that_cannot_be_believed_ends_it(
    scene: Scene, browser: Browser
) -> None:
    scene.provider.metadata_edits = {"issuer": "https://evil.example"}
    for _ in range(2):
        page = await browser.post("sign_in", **TYPED)

        assert page.flow is None
        assert browser.kinds == ["discovery"]
        assert browser.value("verdict").code == "issuer_differs"


async def test_what_is_too_long_for_a_cookie_is_not_begun(browser: Browser) -> None:
    chance = FakeEntropy("long")
    texts = [encode_base64url(chance.bytes(1450)) for _ in range(2)]
    page = await browser.post(
        "sign_in", **TYPED, client_secret=texts[0], audience=texts[1]
    )

    assert (page.status, page.flow) == (400, None)
    assert (
        browser.value("problem")
        == "This cannot be begun: what was typed is too long for a cookie."
    )


async def test_an_answer_with_its_cookie_is_redeemed_and_the_cookie_deleted(
    browser: Browser,
) -> None:
    page = await browser.sign_in()

    assert page.status == 200
    assert browser.cookies == {}
    assert browser.kinds == [
        *("discovery", "keys", "authorization", "callback", "token")
    ]
    assert browser.value("is_good")
    assert browser.value("verdict") is None
    assert [way.act for way in browser.value("ways")] == [
        *("refresh", "userinfo", "introspection", "revocation", "logout")
    ]


@pytest.mark.spec("RFC9700#4.7")
async def test_an_answer_without_its_cookie_is_nobody_s(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("sign_in", **TYPED)
    answer = scene.come_back(browser.opened)
    thief = Browser(scene, "eve")
    page = await thief.come_back(answer)

    assert page.status == 400
    assert thief.value("problem").startswith("This answer belongs to no sign-in")
    assert scene.provider.asked("/token") == []


async def test_an_answer_with_the_cookie_of_another_sign_in_is_refused(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("sign_in", **TYPED)
    (cookie,) = browser.cookies.values()
    await browser.post("sign_in", **TYPED)
    second = scene.come_back(browser.opened)
    browser.cookies[name_cookie(dict(second)["state"])] = cookie
    page = await browser.come_back(second)

    assert page.status == 400
    assert scene.provider.asked("/token") == []


async def test_an_answer_is_taken_once(scene: Scene, browser: Browser) -> None:
    await browser.post("sign_in", **TYPED)
    answer = scene.come_back(browser.opened)
    await browser.come_back(answer)
    page = await browser.come_back(answer)

    assert page.status == 400
    assert len(scene.provider.asked("/token")) == 1


async def test_an_answer_that_is_too_late_is_told_and_the_cookie_deleted(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("sign_in", **TYPED)
    answer = scene.come_back(browser.opened)
    scene.clock.move(MAX_AGE_S + 1)
    page = await browser.come_back(answer)

    assert (page.status, browser.cookies) == (400, {})
    assert browser.value("problem").startswith("This sign-in was begun more than")
    assert browser.value("setup").issuer == ISSUER
    assert scene.provider.asked("/token") == []


async def test_an_answer_in_the_last_second_is_taken(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("sign_in", **TYPED)
    answer = scene.come_back(browser.opened)
    scene.clock.move(MAX_AGE_S)

    assert (await browser.come_back(answer)).status == 200


async def test_a_code_goes_to_nobody_whom_the_issuer_does_not_vouch_for(
    scene: Scene, browser: Browser
) -> None:
    """The provider is looked up again when somebody comes back."""
    await browser.post("sign_in", **TYPED, client_secret=SECRET)
    answer = scene.come_back(browser.opened)
    scene.provider.metadata_edits = {
        "issuer": "https://evil.example",
        "token_endpoint": "https://evil.example/token",
    }
    page = await browser.come_back(answer)

    assert (page.status, browser.cookies) == (400, {})
    assert browser.value("problem").startswith("The answer was not used")
    assert browser.kinds == ["discovery"]
    assert scene.provider.asked("/token") == []


async def test_a_visit_to_the_redirect_uri_without_an_answer(
    browser: Browser,
) -> None:
    page = await browser.come_back(())

    assert page.status == 400
    assert browser.value("problem").startswith("This answer belongs to no sign-in")


def test_the_cookie_of_an_answer_is_named_by_its_state(scene: Scene) -> None:
    flow_cookie = scene.conversation.flow_cookie

    assert flow_cookie((("state", "s"), ("code", "c"))) == name_cookie("s")
    assert flow_cookie((("state", ""),)) is None
    assert flow_cookie(()) is None


async def test_an_error_from_the_provider_is_explained(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("sign_in", **TYPED)
    state = dict(scene.come_back(browser.opened))["state"]
    await browser.come_back((("error", "access_denied"), ("state", state)))

    assert browser.value("verdict") == Cause(
        code="provider_refused",
        text="The provider says: access_denied.",
        remedy="The provider's log and manual know more.",
    )


# An answer that is pasted.


@pytest.mark.parametrize("form", ["{back}?{query}", "{back}#{query}", "{query}", "  {back}?{query}\n"])  # fmt: skip
async def test_an_address_that_is_pasted_is_an_answer(
    scene: Scene, browser: Browser, form: str
) -> None:
    await browser.post("sign_in", **TYPED, redirect_uri="https://app.example/cb")
    query = urlencode(scene.come_back(browser.opened))
    text = form.format(back="https://app.example/cb", query=query)
    page = await browser.post("paste", answer=text)

    assert page.status == 200
    assert browser.kinds[-2:] == ["callback", "token"]
    assert browser.value("is_good")
    assert browser.cookies == {}


@pytest.mark.parametrize(
    "text",
    ["", "https://app.example/cb", "http://[", "code=1", "%ff=%ff&state=%ff", "&".join(["state=1"] * 200)],
)  # fmt: skip
async def test_what_is_no_answer_is_told_and_the_sign_in_stays(
    scene: Scene, browser: Browser, text: str
) -> None:
    await browser.post("sign_in", **TYPED)
    page = await browser.post("paste", answer=text)

    assert page.status == 400
    assert browser.value("problem").startswith("That is no address with an answer")
    assert browser.value("sign_in_url")
    assert scene.provider.asked("/token") == []


async def test_nothing_can_be_pasted_where_no_sign_in_has_begun(
    browser: Browser,
) -> None:
    await browser.post("discover", **TYPED)

    assert (await browser.post("paste", answer="code=1&state=2")).status == 400


async def test_a_pasted_answer_with_another_state_is_not_believed(
    scene: Scene, browser: Browser
) -> None:
    await browser.post("sign_in", **TYPED)
    await browser.post("paste", answer="code=1&state=2")

    assert browser.value("verdict").code == "state_mismatch"
    assert scene.provider.asked("/token") == []


# What is carried.


@pytest.mark.parametrize("act", ["discover", "refresh", "save_report", "paste", "over"])
@pytest.mark.parametrize("how", ["owner", "changed", "ring"])
async def test_a_run_that_is_not_ours_is_refused_for_every_act(
    scene: Scene, browser: Browser, act: str, how: str
) -> None:
    await browser.sign_in()
    before = len(scene.wire.asked)
    match how:
        case "owner":
            browser.owner = "eve"
        case "changed":
            browser.run = browser.run[:-2] + "AA"
        case _:
            other = Carrier.of(OTHER_RING, FakeEntropy())
            browser.run = other.pack(Run(), browser.owner, now=NOW)
    page = await browser.post(act, **TYPED)

    assert page.status == 400
    assert browser.value("problem").startswith("What this page carried cannot be read")
    assert (browser.value("steps"), len(scene.wire.asked)) == ((), before)


# Going on.


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("refresh", "refresh"),
        ("userinfo", "userinfo"),
        ("introspection", "introspection"),
        ("revocation", "revocation"),
        ("logout", "logout"),
    ],
)
async def test_each_further_act_is_one_more_step(
    browser: Browser, act: str, kind: str
) -> None:
    await browser.sign_in()
    page = await browser.post(act)

    assert page.status == 200
    assert browser.kinds[-2:] == ["token", kind]


@pytest.mark.parametrize(
    ("act", "what"),
    [
        ("refresh", "refresh token"),
        ("userinfo", "access token"),
        ("introspection", "access token"),
        ("revocation", "refresh token or access token"),
    ],
)
async def test_without_tokens_there_is_nothing_to_go_on_with(
    scene: Scene, browser: Browser, act: str, what: str
) -> None:
    await browser.post("discover", **TYPED)
    before = len(scene.wire.asked)
    page = await browser.post(act)

    assert page.status == 400
    assert browser.value("problem") == f"There is no {what} for this step any more: sign in again."  # fmt: skip
    assert len(scene.wire.asked) == before


async def test_client_credentials_need_no_sign_in(browser: Browser) -> None:
    page = await browser.post("client_credentials", **TYPED, client_secret=SECRET)

    assert (page.status, page.flow) == (200, None)
    assert browser.kinds == ["discovery", "keys", "client_credentials"]
    assert browser.value("is_good")
    assert [way.act for way in browser.value("ways")] == [
        *("introspection", "revocation", "logout")
    ]


async def test_a_step_that_stands_by_itself_has_its_own_verdict(
    scene: Scene, browser: Browser
) -> None:
    await browser.sign_in()
    scene.wire.replies["userinfo"] = reply(401, {})
    await browser.post("userinfo")
    first = browser.value("verdict")
    await browser.post("refresh")

    assert first.code == "userinfo_refused"
    assert browser.value("verdict") is None


# Files.


async def test_the_report_and_the_diagram_can_be_saved(browser: Browser) -> None:
    await browser.sign_in(client_secret=SECRET)
    report = await browser.save("save_report")
    diagram = await browser.save("save_diagram")

    assert (report.name, report.media_type) == (
        *("openid-connect-report.md", "text/markdown"),
    )
    assert (diagram.name, diagram.media_type) == (
        *("openid-connect-run.svg", "image/svg+xml"),
    )
    assert b"Token request" in report.body
    assert b"<svg" in diagram.body
    for text in (SECRET, "ada@example.com", browser.opened.held.access_token):
        assert text.encode() not in report.body + diagram.body


# Stories.

STORY = {"method": "GET", "url": "https://app.example/", "outcome": "allowed", "at": 1}


async def test_a_story_that_is_pasted_is_shown(browser: Browser) -> None:
    page = await browser.post("replay", story=json.dumps(STORY))

    assert page.status == 200
    assert browser.kinds == ["story", "story"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "a story is a JSON object"),
        ('{"method": "GET"}', "it has no url, outcome, at"),
    ],
)
async def test_what_is_no_story_is_told(browser: Browser, text: str, said: str) -> None:
    page = await browser.post("replay", story=text)

    assert page.status == 400
    assert browser.value("problem").startswith("This cannot be replayed: ")
    assert said in browser.value("problem")


def test_a_story_of_the_node_is_replayed_without_a_form(scene: Scene) -> None:
    values = scene.conversation.replay(STORY)

    assert (values["sealed"], values["ways"]) == ("", ())
    assert scene.conversation.replay({}) == {}


async def test_a_story_with_signs_that_no_page_holds_is_shown(browser: Browser) -> None:
    story = json.dumps({**STORY, "url": "https://app.example/\ud800", "at": 1e400})

    assert (await browser.post("replay", story=story)).status == 200


# Whatever comes.

FIELDS = ("act", "run", "issuer", "client_id", "scope", "answer", "story", *ENDPOINTS)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(FIELDS),
            st.text(max_size=20)
            | st.sampled_from(["sign_in", "paste", "replay", ISSUER, "http://["]),
        ),
        max_size=8,
    )
)
@settings(max_examples=150, deadline=None)
async def test_no_form_is_too_strange(form: list[tuple[str, str]]) -> None:
    scene = Scene()
    for is_answer in (False, True):
        call = DebugCall(
            form=tuple(form),
            query=tuple(form),
            redirect_uri=BACK,
            origin=ORIGIN,
            flow="x" if is_answer else None,
            is_answer=is_answer,
        )
        found = await scene.conversation.answer(call)

        assert isinstance(found, DebugFile) or found.status in {200, 400}


@given(objects("issuer", *ENDPOINTS, "token_endpoint_auth_methods_supported"))
@settings(max_examples=80, deadline=None)
async def test_no_document_is_too_strange(document: dict[str, Any]) -> None:
    scene = Scene()
    scene.wire.replies["openid-configuration"] = replace(
        reply(200, {}), body=json.dumps(document).encode("utf-8", "replace")
    )
    browser = Browser(scene)
    for act in ("discover", "sign_in", "client_credentials", "logout"):
        await browser.post(act, **TYPED)

        assert browser.value("steps")
