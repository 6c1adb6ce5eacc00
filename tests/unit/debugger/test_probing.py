"""What a provider makes of a request is read from its redirect or its page."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.causes import find_causes
from ostiary.debugger.probing import MAX_WORDS, check_probe, probe, read_page
from ostiary.debugger.situation import Situation
from ostiary.http.exchange import IncomingReply
from tests.support.provider import b64
from tests.unit.debugger.debugger_kit import BACK, NOW, SETUP, reply

IDP = "https://idp.example"


def sent_to(location: str) -> IncomingReply:
    return reply(302, "", location=location)


def google(error: str, words: str) -> str:
    """Google's error page: a message of two texts in its address."""
    parts = (error.encode(), words.encode())
    data = b"".join(bytes((0x0A + 8 * n, len(p))) + p for n, p in enumerate(parts))
    return f"https://accounts.google.com/signin/oauth/error?authError={b64(data)}&client_id=x&flowName=GeneralOAuthFlow"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(200, "<form>Sign in</form>"), "a page (status 200)"),
        (sent_to(f"{IDP}/login?state=x#y"), f"to {IDP}/login"),
        (sent_to("/login?execution=1"), "to /login"),
        (sent_to(f"{BACK}?code=1&state=2"), "straight back"),
        (sent_to(f"{IDP}/login?error="), f"to {IDP}/login"),
        (reply(302, "no place"), "a page (status 302)"),
    ],
)
def test_a_provider_that_goes_on_does_not_refuse(
    answer: IncomingReply, outcome: str
) -> None:
    found = probe(answer, BACK)

    assert (found.refuses, found.outcome) == (False, outcome)


@pytest.mark.spec("RFC6749#4.1.2.1")
@pytest.mark.parametrize(
    ("answer", "outcome", "error", "description"),
    [
        (
            sent_to(f"{BACK}?error=invalid_scope&error_description=No+such+scope"),
            "back with error=invalid_scope",
            "invalid_scope",
            "No such scope",
        ),
        (
            sent_to(f"{BACK}#error=login_required"),
            "back with error=login_required",
            "login_required",
            "",
        ),
        (
            sent_to("https://x.auth.example/error?error=redirect_mismatch&client_id=c"),
            "to its error page",
            "redirect_mismatch",
            "",
        ),  # Cognito
        (
            sent_to(google("invalid_client", "The OAuth client was not found.")),
            "to its error page",
            "invalid_client",
            "The OAuth client was not found.",
        ),
        (
            sent_to(f"{IDP}/home/error?errorId=CfDJ8"),
            "to its error page",
            "error",
            "errorId: CfDJ8",
        ),  # Duende
        (
            reply(400, "<h1>Oops</h1><p>unknown client</p>"),
            "status 400",
            "status 400",
            "Oops unknown client",
        ),
        (
            reply(
                400,
                {"error": "invalid_request", "error_description": "no redirect_uri"},
            ),
            "status 400: invalid_request",
            "invalid_request",
            "no redirect_uri",
        ),
        (
            reply(200, '<script>$Config={"x":"AADSTS50011: The redirect URI"}</script>'),
            "an error page",
            "an error page",
            "AADSTS50011: The redirect URI",
        ),
        (
            reply(200, "<p>MSIS9224: Received invalid OAuth request.</p>"),
            "an error page",
            "an error page",
            "MSIS9224: Received invalid OAuth request.",
        ),
        (
            sent_to("https://[broken"),
            "to what is no address",
            "no address",
            "https://[broken",
        ),
    ],
)  # fmt: skip
def test_a_provider_that_refuses_says_why(
    answer: IncomingReply, outcome: str, error: str, description: str
) -> None:
    found = probe(answer, BACK)

    assert found.refuses
    assert (found.outcome, found.error, found.description) == (
        outcome,
        error,
        description,
    )


def test_google_s_words_lead_to_the_cause() -> None:
    """They are in base64url in the address of its page."""
    words = "You can't sign in to this app because it doesn't comply with Google's OAuth 2.0 policy."
    found = probe(sent_to(google("redirect_uri_mismatch", words)), BACK)
    situation = Situation(
        kind="authorization",
        setup=SETUP,
        now=NOW,
        error=found.error,
        description=found.description,
    )

    assert find_causes(situation)[0].code == "redirect_uri_unregistered"


@pytest.mark.parametrize("text", ["%%%", "aGk", "é", "A"])
def test_an_error_of_google_that_cannot_be_read_is_kept(text: str) -> None:
    found = probe(sent_to(f"https://g.example/error?authError={text}"), BACK)

    assert (found.refuses, found.outcome) == (True, "to its error page")


@pytest.mark.parametrize(
    "answer",
    [
        reply(403, "<title>x</title>Just a moment...", cf_mitigated="challenge"),
        reply(403, "<h1>Enable JavaScript and cookies to continue</h1>"),
        reply(429, "Please solve this CAPTCHA"),
    ],
)
def test_a_firewall_that_lets_only_browsers_pass_is_no_refusal(
    answer: IncomingReply,
) -> None:
    found = probe(answer, BACK)

    assert (found.refuses, found.outcome) == (
        False,
        f"a page that lets only browsers pass (status {answer.status})",
    )


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<p>Callback&nbsp;URL   mismatch&#46;</p>", "Callback URL mismatch."),
        ("<head><title>x</title></head>a<script>if (a<b) {}</script>b", "a b"),
        ("a<!-- <b> no --x>-->b<!-- <c -->d", "a b d"),
        ("<STYLE>p{}</STYLE >a</p></style>b", "a b"),
        ("a<script>never closed", "a"),
        ("error: <b>invalid_client", "error: invalid_client"),
    ],
)
def test_the_words_of_a_page_are_without_its_markup(page: str, words: str) -> None:
    assert read_page(page.encode()) == words


@pytest.mark.parametrize(
    "piece", ["<", "<script", "<!--", "<script>", "<head ", "</", "-->", "<!-- <b"]
)
def test_no_page_takes_long_to_read(piece: str) -> None:
    """A provider could otherwise hold everybody up: repetition within repetition."""
    body = piece.encode() * (200_000 // len(piece))
    begun = time.process_time()
    read_page(body)

    assert time.process_time() - begun < 2


def test_words_are_cut() -> None:
    long = "x" * 10_000
    page = probe(reply(400, long), BACK)
    back = probe(sent_to(f"{BACK}?error={long}&error_description={long}"), BACK)

    assert len(page.description) == len(back.description) == MAX_WORDS
    assert len(back.outcome) == 200


def test_the_outcome_is_a_check() -> None:
    (taken,) = check_probe(probe(reply(200, "Sign in"), BACK), "a page")
    (refused,) = check_probe(probe(reply(400, "No"), BACK), "a page")

    assert (taken.name, taken.passed, taken.got) == (
        *("taken", True, "a page (status 200)"),
    )
    assert (refused.passed, refused.got) == (False, "status 400")


@given(
    st.sampled_from([200, 302, 303, 400, 403, 500]),
    st.text(max_size=60)
    | st.builds("https://[{}".format, st.text(max_size=9))
    | st.builds("{}?error={}".format, st.just(BACK), st.text(max_size=20)),
    st.binary(max_size=80),
)
@settings(max_examples=200, deadline=None)
def test_no_answer_is_too_strange(status: int, location: str, body: bytes) -> None:
    found = probe(
        IncomingReply(status=status, fields={"location": location}, body=body), BACK
    )

    assert len(found.outcome) <= 200
    assert bool(found.error) is found.refuses
