"""
The exact cause of what went wrong: for each one what shows it, and what is near but is not it.

It is longer than a module should be because it is read beside the table of causes.
"""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger import causes, judging, token_causes
from ostiary.debugger.causes import find_causes, tell_cors
from ostiary.debugger.situation import Situation
from ostiary.debugger.token_causes import is_harmless
from ostiary.debugger.values import Kind, Setup
from ostiary.http.exchange import IncomingReply
from ostiary.jose.jwt import sign_jwt
from ostiary.oidc.rp.checks import Check
from ostiary.ports.fetch import FailureKind, FetchFailed
from tests.support.provider import ISSUER, KEY, b64
from tests.unit.debugger.debugger_kit import BACK, NOW, SETUP, reply

SECRETIVE = replace(SETUP, client_secret="s3cret-1")


def at(kind: Kind, **more: Any) -> Situation:
    return Situation(**{"kind": kind, "setup": SETUP, "now": NOW, **more})


def broken(name: str, got: str = "something", expected: str = "another") -> Check:
    return Check(name=name, passed=False, expected=expected, got=got)


def code_of(situation: Situation) -> str:
    found = find_causes(situation)
    return found[0].code if found else ""


# No reply.


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_every_way_to_fail_has_a_cause_of_its_own(kind: FailureKind) -> None:
    (cause,) = find_causes(at("token", failure=FetchFailed("it went wrong", kind)))

    assert (cause.text, cause.level) == ("It went wrong.", "error")
    assert cause.remedy
    assert len({code for code, _ in causes._FAILURES.values()}) == len(
        get_args(FailureKind)
    )


def test_a_failure_says_what_to_set_once_and_leaves_names_as_they_are() -> None:
    reason = "the certificate of idp (self-signed) is not trusted; set lua_ssl_trusted_certificate to its CA"
    (untrusted,) = find_causes(
        at("keys", failure=FetchFailed(reason, "certificate_untrusted"))
    )
    (slow,) = find_causes(
        at("keys", failure=FetchFailed("idp.example did not answer in time", "time"))
    )

    assert untrusted.text == "The certificate of idp (self-signed) is not trusted."
    assert "lua_ssl_trusted_certificate" in untrusted.remedy
    assert slow.text == "idp.example did not answer in time."


def test_a_failure_comes_before_everything_else() -> None:
    situation = at(
        "token",
        failure=FetchFailed("gone"),
        error="invalid_grant",
        checks=(broken("clock"),),
    )

    assert code_of(situation) == "broken_off"


# Discovery and keys.


def discovered(answer: IncomingReply, setup: Setup = SETUP) -> Situation:
    checks = judging.check_discovery(answer, setup, NOW)
    return at("discovery", setup=setup, reply=answer, checks=checks)


def document(**edits: object) -> dict[str, object]:
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    return {"issuer": ISSUER, **{name: f"{ISSUER}/{name}" for name in names}, **edits}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(404, "Not found"), "discovery_missing"),
        (reply(200, "Welcome"), "discovery_missing"),
        (reply(301, "", location="https://idp.example/new"), "discovery_moved"),
        (reply(302, ""), "discovery_missing"),
        (reply(503, "Away"), "provider_broken"),
        (reply(200, document(issuer="https://other.example")), "issuer_differs"),
        (reply(200, document(jwks_uri=7)), "metadata_unusable"),
        (
            reply(200, document(token_endpoint="http://idp.example/t")),
            "metadata_unusable",
        ),
        (
            reply(200, document(), date=formatdate(NOW + 600, usegmt=True)),
            "clock_off",
        ),
        (reply(200, document()), ""),
    ],
)
def test_what_is_wrong_with_a_discovery_document(
    answer: IncomingReply, code: str
) -> None:
    assert code_of(discovered(answer)) == code


def test_a_missing_document_names_the_address_that_was_asked() -> None:
    setup = replace(SETUP, issuer=f"{ISSUER}/.well-known/oauth-authorization-server")
    (cause,) = find_causes(discovered(reply(404, "Not found"), setup))

    assert (
        cause.text
        == f"There is no discovery document at {setup.issuer}: the answer was 404, text/html."
    )


def test_a_document_that_moved_says_where_to() -> None:
    (cause,) = find_causes(discovered(reply(301, "", location="https://new.example/x")))

    assert "(status 301) to https://new.example/x" in cause.text


def test_the_document_of_all_tenants_asks_for_the_own_one() -> None:
    """Entra's `common` cannot be anybody's issuer, and nor can its template be typed."""
    issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    setup = replace(SETUP, issuer="https://login.microsoftonline.com/common/v2.0")
    (cause,) = find_causes(discovered(reply(200, document(issuer=issuer)), setup))

    assert cause.code == "issuer_differs"
    assert cause.remedy.startswith("Type your tenant's own ID")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply(404, {}), "keys_missing"),
        (reply(200, {"keys": []}), "keys_unusable"),
        (reply(502, "Bad gateway"), "provider_broken"),
        (reply(200, {"keys": [KEY.public_jwk()]}), ""),
    ],
)
def test_what_is_wrong_with_a_key_set(answer: IncomingReply, code: str) -> None:
    situation = at("keys", reply=answer, checks=judging.check_keys(answer, NOW))

    assert code_of(situation) == code


# Refused at the authorization endpoint: the words of real providers.


@pytest.mark.spec("RFC6749#4.1.2.1")
@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("redirect_mismatch", ""),  # Cognito
        (
            "redirect_uri_mismatch",
            "You can't sign in to this app because it doesn't comply",
        ),  # Google
        (
            "status 400",
            "error: invalid_redirect_uri error_description: redirect_uri did not match any of the client's registered redirect_uris",
        ),  # npm oidc-provider
        ("status 400", "We are sorry... Invalid parameter: redirect_uri"),  # Keycloak
        (
            "status 403",
            "Callback URL mismatch. The provided redirect_uri is not in the list of allowed callback URLs.",
        ),  # Auth0
        (
            "an error page",
            "AADSTS50011: The redirect URI 'https://a.example/cb' specified in the request does not match",
        ),  # Entra
        (
            "status 400",
            "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings: https://x",
        ),  # Okta
        ("status 400", 'Unregistered redirect_uri ("https://a.example/cb").'),  # Dex
        (
            "status 401",
            "The redirect uri included is not valid.",
        ),  # Doorkeeper, as GitLab
        (
            "status 400",
            "Redirect URI Error The request fails due to a missing, invalid, or mismatching redirection URI (redirect_uri).",
        ),  # authentik
        (
            "invalid_request",
            "The requested redirect_uri is missing in the client configuration.",
        ),  # Zitadel
        ("status 400", "[invalid_request] OAuth 2.0 Parameter: redirect_uri"),  # Spring
        (
            "invalid_request",
            "The 'redirect_uri' parameter does not match any of the OAuth 2.0 Client's pre-registered redirect urls.",
        ),  # Hydra, Authelia
        (
            "an error page",
            "MSIS9224: Received invalid OAuth authorization request. The received 'redirect_uri' is not a valid registered redirect URI",
        ),  # AD FS
    ],
)
def test_an_unregistered_redirect_uri_is_known_by_each_provider_s_words(
    error: str, description: str
) -> None:
    situation = at("authorization", error=error, description=description)
    (cause,) = find_causes(situation)

    assert cause.code == "redirect_uri_unregistered"
    assert (
        cause.text == f"The redirect URI {BACK} is not registered for the client"
        f" {SETUP.client_id}."
    )


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("invalid_request", "Missing parameter: response_type"),
        ("access_denied", "The user went away"),
        ("status 500", "Internal server error while redirecting"),
    ],
)
def test_other_words_mean_no_redirect_uri(error: str, description: str) -> None:
    situation = at("authorization", error=error, description=description)

    assert code_of(situation) == "provider_refused"


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("status 400", "error: invalid_client error_description: client is invalid"),
        ("status 400", "We are sorry... Client not found."),
        ("invalid_client", "The OAuth client was not found."),
        ("status 400", "Unknown client: abc"),
        (
            "unauthorized_client",
            "AADSTS700016: Application with identifier 'x' was not found in the directory",
        ),
        ("status 400", 'Invalid client_id ("x").'),
        ("status 400", "Client 3n4b does not exist."),
    ],
)
def test_an_unknown_client_is_known_by_each_provider_s_words(
    error: str, description: str
) -> None:
    situation = at("authorization", error=error, description=description)

    assert code_of(situation) == "client_unknown"


@pytest.mark.parametrize("kind", ["authorization", "callback", "token"])
@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("invalid_scope", "Invalid scopes: openid foo"),
        ("invalid_request", "invalid_scope"),  # Cognito
        (
            "invalid_request",
            "AADSTS70011: The provided value for the input parameter 'scope' is not valid.",
        ),
        (
            "invalid_client",
            "AADSTS650053: The application 'x' asked for scope 'foo' that doesn't exist on the resource",
        ),
    ],
)
def test_a_scope_that_is_refused(kind: Kind, error: str, description: str) -> None:
    assert (
        code_of(at(kind, error=error, description=description, reply=reply(400, {})))
        == "scope_refused"
    )


def test_the_scope_that_the_provider_does_not_list_is_named() -> None:
    situation = at(
        "callback",
        setup=replace(SETUP, scope="openid orders"),
        document={"scopes_supported": ["openid", "email"]},
        error="invalid_scope",
        description="Not allowed.",
    )
    (cause,) = find_causes(situation)

    assert (
        cause.text
        == "The provider refuses the scope orders. It says: Not allowed. It lists openid, email."
    )


def test_a_long_list_of_scopes_is_cut() -> None:
    document = {"scopes_supported": [f"s{n}" for n in range(500)]}
    (cause,) = find_causes(at("callback", error="invalid_scope", document=document))

    assert cause.text.endswith("s19, ….")


@pytest.mark.spec("RFC7636#4.4.1")
@pytest.mark.parametrize(
    ("kind", "description"),
    [
        ("authorization", "Missing parameter: code_challenge_method"),
        ("callback", "Code challenge required"),
        ("token", "AADSTS9002325: Proof Key for Code Exchange is required"),
    ],
)
def test_pkce_is_missing_only_where_it_was_not_sent(
    kind: Kind, description: str
) -> None:
    situation = at(
        kind,
        setup=replace(SETUP, uses_pkce=False),
        error="invalid_request",
        description=description,
    )

    assert code_of(situation) == "pkce_required"
    assert code_of(replace(situation, setup=SETUP)) != "pkce_required"


# The answer.


@pytest.mark.parametrize(
    ("got", "text"),
    [
        ("nothing", "The answer carries no state, "),
        ("another one", "The answer carries another state, "),
    ],
)
def test_a_wrong_state_comes_before_whatever_the_answer_says(
    got: str, text: str
) -> None:
    situation = at(
        "callback",
        checks=(broken("state", got), broken("iss"), broken("error")),
        error="invalid_scope",
    )
    (cause,) = find_causes(situation)

    assert cause.code == "state_mismatch"
    assert cause.text == f"{text}not that which this sign-in was sent with."
    assert code_of(replace(situation, checks=())) == "scope_refused"


@pytest.mark.spec("RFC9207#2.4")
def test_an_answer_of_another_issuer_and_one_that_keeps_quiet() -> None:
    other = broken("iss", "https://evil.example", ISSUER)
    quiet = broken("iss", "nothing, although the provider promises it", ISSUER)
    texts = [
        find_causes(at("callback", checks=(check,)))[0].text for check in (other, quiet)
    ]

    assert texts == [
        f"The answer is from https://evil.example, and {ISSUER} was asked (RFC 9207).",
        "The answer does not say which issuer it is from (iss), although the provider's document promises it (RFC 9207).",
    ]


def test_other_things_that_an_answer_can_be_wrong_in() -> None:
    assert code_of(at("callback", checks=(broken("code"),))) == "no_code"
    assert code_of(at("callback", checks=(broken("once"),))) == "answer_repeats"
    assert (
        code_of(at("callback", error="access_denied", checks=(broken("error"),)))
        == "provider_refused"
    )
    assert code_of(at("callback")) == ""


def test_the_provider_s_own_words_end_with_one_full_stop() -> None:
    situation = at("callback", error="access_denied", description="Not you.")
    (cause,) = find_causes(situation)

    assert cause.text == "The provider says: access_denied: Not you."


# The client at the token endpoint.

BASIC, POST = "client_secret_basic", "client_secret_post"


def refused(
    error: str,
    *trials: tuple[str, str],
    kind: Kind = "token",
    method: str = BASIC,
    status: int = 400,
    description: str = "",
) -> str:
    document = {"error": error, "error_description": description}
    return code_of(
        at(
            kind,
            setup=SECRETIVE if method != "none" else SETUP,
            reply=reply(status, document),
            error=error,
            description=description,
            auth_method=method,
            trials=trials,
            checks=(broken("status"), broken("error", error)),
        )
    )


IC, UC, IG = "invalid_client", "unauthorized_client", "invalid_grant"


@pytest.mark.spec("RFC6749#5.2")
@pytest.mark.parametrize(
    ("trials", "code"),
    [
        (((BASIC, IC), ("none", IG), (POST, IC)), "secret_unneeded"),
        (((BASIC, IC), ("none", IC), (POST, IG)), "auth_method_wrong"),
        (((BASIC, IC), ("none", IC), (POST, IC)), "secret_wrong"),
        ((), "secret_wrong"),
        # Whoever looks at the code first tells nothing of the secret.
        (((BASIC, IG), ("none", IG), (POST, IG)), "provider_refused"),
    ],
)
def test_the_trials_tell_what_is_wrong_with_a_secret(
    trials: tuple[tuple[str, str], ...], code: str
) -> None:
    assert refused(IC, *trials) == code


def test_a_client_that_gave_no_secret_lacks_one() -> None:
    assert refused(IC, method="none") == "secret_missing"
    assert (
        refused(
            UC,
            method="none",
            description="Client secret not provided in request",
        )
        == "secret_missing"
    )


def test_the_method_that_was_let_in_is_named() -> None:
    situation = at(
        "token",
        setup=SECRETIVE,
        error=IC,
        auth_method=BASIC,
        trials=((BASIC, IC), ("none", IC), (POST, IG)),
    )
    (cause,) = find_causes(situation)

    assert (cause.text, cause.remedy) == (
        f"The provider does not take the secret as {BASIC}, but takes it as {POST}.",
        f"Set config.client_auth to {POST}.",
    )


@pytest.mark.parametrize(
    ("trials", "description", "code"),
    [
        # Keycloak says so to wrong secrets.
        (
            ((BASIC, UC), ("none", UC), (POST, UC)),
            "Invalid client or Invalid client credentials",
            "secret_wrong",
        ),
        # Keycloak: let in, without the grant.
        (
            ((BASIC, IG), ("none", UC), (POST, IG)),
            "Client not enabled to retrieve service account",
            "grant_refused",
        ),
        # Auth0, and Okta.
        (
            ((BASIC, UC), ("none", UC), (POST, UC)),
            "Grant type 'client_credentials' not allowed for the client.",
            "grant_refused",
        ),
        # Cognito: another word for wrong secrets.
        (((BASIC, UC), ("none", IC), (POST, UC)), "", "grant_refused"),
        ((), "", "grant_refused"),
    ],
)
def test_unauthorized_client_is_a_wrong_secret_only_where_nothing_says_otherwise(
    trials: tuple[tuple[str, str], ...], description: str, code: str
) -> None:
    found = refused(UC, *trials, kind="client_credentials", description=description)

    assert found == code


def test_a_client_without_a_secret_may_not_ask_for_itself() -> None:
    assert refused(UC, kind="client_credentials", method="none") == "grant_refused"


def test_a_word_of_its_own_with_status_401_is_a_refused_client() -> None:
    """Auth0's is access_denied."""
    denied = ((BASIC, "status 401"), ("none", "status 401"), (POST, "status 401"))

    assert refused("access_denied", *denied, status=401) == "secret_wrong"
    assert refused("access_denied", method="none", status=401) == "secret_missing"
    assert refused("access_denied", status=403) == "provider_refused"
    assert refused(IG, status=401) == "code_refused"


def test_plain_words_name_an_unknown_client_at_the_token_endpoint_too() -> None:
    vague = "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method."

    assert refused(IC, description="Client not found") == "client_unknown"
    assert (
        refused(IC, description="Invalid value for 'client_id' parameter.")
        == "client_unknown"
    )
    assert refused(IC, description=vague) == "secret_wrong"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("introspection", "introspection_refused"), ("revocation", "revocation_refused")],
)
def test_a_client_that_got_tokens_is_not_blamed_for_its_secret_later(
    kind: Kind, code: str
) -> None:
    assert refused(IC, kind=kind, method="none", status=401) == code
    assert (
        refused(IC, (BASIC, IG), ("none", IC), (POST, IG), kind=kind, status=401)
        == code
    )


def test_codes_of_a_single_page_application() -> None:
    description = "AADSTS9002327: Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests."

    assert refused("invalid_request", description=description) == "spa_platform"


@pytest.mark.parametrize(
    ("kind", "error", "description", "code"),
    [
        ("token", IG, "", "code_refused"),
        ("token", IG, "PKCE verification failed", "verifier_refused"),
        ("refresh", IG, "Token is not active", "refresh_refused"),
        ("client_credentials", IG, "", "provider_refused"),
        ("token", "unsupported_grant_type", "", "grant_refused"),
        ("introspection", "unsupported_token_type", "", "introspection_refused"),
    ],
)
def test_a_grant_that_is_refused(
    kind: Kind, error: str, description: str, code: str
) -> None:
    assert refused(error, kind=kind, description=description) == code


@pytest.mark.parametrize(
    ("kind", "grant"),
    [
        ("token", "authorization code"),
        ("callback", "authorization code"),
        ("refresh", "refresh token"),
        ("client_credentials", "client credentials"),
    ],
)
def test_the_grant_that_a_client_may_not_use_is_named(kind: Kind, grant: str) -> None:
    (cause,) = find_causes(at(kind, error="unauthorized_client"))

    assert cause.remedy == f"Allow the {grant} grant for the client at the provider."


@pytest.mark.parametrize(
    ("kind", "code"),
    [("token", "token_reply_unreadable"), ("userinfo", "reply_unreadable")],
)
def test_a_page_where_json_should_be(kind: Kind, code: str) -> None:
    situation = at(kind, reply=reply(200, "Sign in"), checks=(broken("reply"),))
    (cause,) = find_causes(situation)

    assert cause.code == code
    assert cause.text == "The provider answered 200 with text/html instead of JSON."


# Clocks, before what they explain.


def token(**edits: Any) -> str:
    return sign_jwt({"iss": ISSUER, "iat": int(NOW), **edits}, KEY)


def test_a_clock_that_is_off_comes_before_what_it_explains() -> None:
    late = reply(200, {}, date=formatdate(NOW - 600, usegmt=True))
    checks = (broken("clock"), broken("ID token: exp"))
    (cause,) = find_causes(at("token", reply=late, checks=checks))

    assert (cause.code, cause.text) == (
        "clock_off",
        "The provider's clock is 600 s (10 minutes) behind this machine's: one of the two is wrong.",
    )
    assert code_of(at("token", reply=late, checks=checks[1:])) == "token_expired"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ID token: signature", "signature_wrong"),
        ("ID token: nonce", "nonce_mismatch"),
        ("ID token: aud", "token_audience"),
        ("id_token", "id_token_missing"),
    ],
)
def test_a_clock_does_not_hide_what_it_does_not_explain(name: str, code: str) -> None:
    late = reply(200, {}, date=formatdate(NOW - 40, usegmt=True))
    checks = (broken("clock"), broken(name))

    assert code_of(at("token", reply=late, checks=checks)) == code


def test_a_token_out_of_the_future_tells_of_a_clock_without_a_date() -> None:
    checks = (broken("ID token: iat"),)
    ahead = at("token", checks=checks, id_token=token(iat=int(NOW) + 90))
    never = replace(ahead, id_token=token(iat="soon"))

    assert (
        find_causes(ahead)[0].text
        == "The provider's clock is 90 s ahead of this machine's: one of the two is wrong."
    )
    assert code_of(never) == "token_times"


# ID tokens.


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("iss", "token_issuer"),
        ("aud", "token_audience"),
        ("exp", "token_expired"),
        ("nbf", "token_not_yet"),
        ("iat", "token_times"),
        ("nonce", "nonce_mismatch"),
        ("at_hash", "at_hash_mismatch"),
        ("sub", "sub_missing"),
        ("azp", "token_party"),
        ("typ", "token_kind"),
        ("token_use", "token_kind"),
        ("kid", "key_unknown"),
        ("signature", "signature_wrong"),
    ],
)
def test_each_rule_of_an_id_token_has_its_cause(name: str, code: str) -> None:
    situation = at("token", checks=(broken(f"ID token: {name}"),))
    passed = replace(situation.checks[0], passed=True)

    assert code_of(situation) == code
    assert code_of(replace(situation, checks=(passed,))) == ""


def test_of_several_the_one_nearer_to_the_signature_comes_first() -> None:
    names = ("nonce", "iss", "signature", "kid")
    checks = tuple(broken(f"ID token: {name}") for name in names)

    assert code_of(at("token", checks=checks)) == "key_unknown"
    assert code_of(at("token", checks=checks[:3])) == "signature_wrong"
    assert code_of(at("token", checks=checks[:2])) == "token_issuer"


@pytest.mark.parametrize(
    ("name", "got", "text"),
    [
        ("iss", "https://a", "The ID token is from https://a, and another was asked."),
        ("iss", "nothing", "The ID token has no iss."),
        ("aud", "shop", "The ID token is for shop, not for another."),
        ("aud", "nothing, client_id nothing", "The ID token has no aud."),
        (
            "exp",
            "1799999999 (-1 s)",
            "The ID token has ended: exp is 1799999999 (-1 s).",
        ),
        ("exp", "nothing", "The ID token has no exp."),
        ("nonce", "nothing", "The ID token has no nonce."),
        ("sub", "nothing", "The ID token does not say who the person is."),
        (
            "azp",
            "other",
            "The ID token was made for the client other (azp), not for this one.",
        ),
        (
            "azp",
            "nothing",
            "The ID token is for several audiences, and does not say which client asked for it (azp).",
        ),
        (
            "kid",
            "nothing",
            "The ID token names no key, and none that the provider publishes fits its algorithm.",
        ),
    ],
)
def test_what_is_said_of_an_id_token(name: str, got: str, text: str) -> None:
    (cause,) = find_causes(at("token", checks=(broken(f"ID token: {name}", got),)))

    assert cause.text == text


def test_a_token_that_nothing_can_be_held_against() -> None:
    no_issuer = broken("ID token: iss", "https://a", expected="")
    no_keys = broken("ID token: kid", "k1", expected="one of the provider's keys: none")

    assert "no issuer was typed" in find_causes(at("token", checks=(no_issuer,)))[0].text  # fmt: skip
    assert code_of(at("token", checks=(no_keys,))) == "keys_unknown"


def headed(header: str) -> str:
    return f"{b64(header.encode())}.{b64(b'{}')}."


@pytest.mark.spec("RFC8725#3.1")
@pytest.mark.parametrize(
    ("text", "name", "code", "said"),
    [
        (headed('{"alg":"none"}'), "form", "alg_refused", "not signed (alg none)"),
        (headed('{"alg":"HS256"}') + "c2ln", "alg", "alg_refused", "signed with HS256"),
        (
            headed('{"alg":"RS1"}') + "c2ln",
            "alg",
            "alg_refused",
            "signed with RS1, which",
        ),
        (headed('{"alg":"RS256","crit":[]}') + "c", "form", "token_malformed", "crit"),
        (headed("{}") + "c2ln", "form", "token_malformed", "crit"),
        ("not a token", "form", "token_malformed", "crit"),
        ("a.b.c.d.e", "form", "token_encrypted", "encrypted (JWE)"),
    ],
)
def test_a_token_that_cannot_be_verified_at_all(
    text: str, name: str, code: str, said: str
) -> None:
    check = broken(f"ID token: {name}", "the header has crit or b64")
    (cause,) = find_causes(at("token", checks=(check,), id_token=text))

    assert cause.code == code
    assert said in cause.text


# Further steps.


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("userinfo", "userinfo_refused"),
        ("introspection", "introspection_refused"),
        ("revocation", "revocation_refused"),
    ],
)
def test_further_endpoints_that_refuse(kind: Kind, code: str) -> None:
    refusal = at(
        kind,
        reply=reply(403, {}),
        checks=(broken("status"),),
        error="insufficient_scope",
        description="openid is needed.",
    )
    (cause,) = find_causes(refusal)

    assert cause.code == code
    assert cause.text.endswith("(status 403: insufficient_scope: openid is needed).")
    assert code_of(replace(refusal, reply=reply(503, {}))) == "provider_broken"


def test_a_provider_that_is_out_of_order_is_not_blamed_for_what_it_was_asked() -> None:
    (cause,) = find_causes(at("userinfo", reply=reply(503, "Away"), checks=(broken("status"),)))  # fmt: skip

    assert (
        cause.text
        == "The provider answered with status 503: it is out of order, or something before it cannot reach it."
    )


def test_another_person_and_a_token_that_is_over() -> None:
    other = (broken("sub"),)

    assert code_of(at("userinfo", checks=other)) == "userinfo_sub_differs"
    assert code_of(at("refresh", checks=other)) == "refresh_sub_differs"
    assert code_of(at("introspection", checks=(broken("active"),))) == "token_inactive"


# Logout.

LEAVING = replace(SETUP, logout_redirect_uri="https://app.example/bye")


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("redirect_mismatch", ""),  # Cognito
        ("status 400", "We are sorry... Invalid redirect uri"),  # Keycloak
        (
            "status 400",
            "The 'post_logout_redirect_uri' parameter must be a Logout redirect URI in the client app settings",
        ),  # Okta
        (
            "status 400",
            'The "returnTo" querystring parameter "x" is not defined as a valid URL in "Allowed Logout URLs"',
        ),  # Auth0
        ("status 400", "post_logout_redirect_uri not registered"),  # npm oidc-provider
    ],
)
def test_an_unregistered_way_back_is_known_by_each_provider_s_words(
    error: str, description: str
) -> None:
    situation = at("logout", setup=LEAVING, error=error, description=description)

    assert code_of(situation) == "logout_uri_unregistered"
    assert code_of(replace(situation, setup=SETUP)) == "provider_refused"


def test_a_logout_that_needs_an_id_token_says_so() -> None:
    situation = at(
        "logout",
        setup=LEAVING,
        error="status 400",
        description="Missing parameters: id_token_hint for post_logout_redirect_uri",
    )

    assert code_of(situation) == "id_token_hint_refused"


def test_the_forms_of_cognito_s_logout() -> None:
    assert code_of(at("logout", checks=(broken("form"),))) == "cognito_logout_form"
    assert code_of(at("logout", checks=(broken("logout_uri"),))) == "logout_uri_without_scheme"  # fmt: skip
    assert code_of(at("logout")) == ""


# Notes.


def test_what_hinders_nothing_is_a_note_and_no_failed_row() -> None:
    checks = (
        broken("access token: aud", "account", "client-1"),
        broken("access token: typ", "odd", "JWT"),
        broken("scope", "openid", "openid email"),
        Check(name="status", passed=True, expected="200", got="200"),
    )
    found = find_causes(at("token", checks=checks))

    assert [(c.code, c.level) for c in found] == [
        ("access_token_unusable", "note"),
        ("scope_narrowed", "note"),
    ]
    assert (
        found[0].text
        == "The access token would not be taken as a bearer token: aud is account, expected client-1; typ is odd, expected JWT."
    )


def test_a_note_does_not_stand_in_for_an_error() -> None:
    checks = (broken("token_type", "nothing", "Bearer"), broken("access token: aud"))
    found = find_causes(at("token", checks=checks))

    assert [(c.code, c.level) for c in found] == [
        ("check_failed", "error"),
        ("access_token_unusable", "note"),
    ]


@pytest.mark.spec("Fetch#3.2")
def test_a_provider_without_cors_is_a_note_and_one_with_it_none() -> None:
    cause = tell_cors(allows=False, origin="https://app.example")

    assert cause is not None
    assert (cause.code, cause.level) == ("cors_only", "note")
    assert tell_cors(allows=True, origin="https://app.example") is None


# All of them.

NAMES = (
    *("status", "document", "clock", "issuer", "keys", "state", "error", "code", "iss"),
    *("once", "reply", "token_type", "access_token", "pkce", "id_token", "sub", "form"),
    *("active", "taken", "logout_uri", "scope", "token_endpoint", "unheard-of"),
    *(f"ID token: {name}" for name in ("alg", "kid", "form", *token_causes._CLAIMS)),
    *("ID token: signature", "access token: aud", "access token: signature"),
)


@given(
    st.sampled_from(get_args(Kind)),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    st.sampled_from([None, 200, 302, 401, 404, 503]),
    st.sampled_from(["", "invalid_client", "unauthorized_client", "odd", "x" * 5000]),
    st.text(max_size=40) | st.just("y" * 5000),
    st.sampled_from(["", "none", BASIC]),
)
@settings(max_examples=400, deadline=None)
def test_a_check_that_failed_is_never_left_without_a_cause(
    kind: Kind,
    names: list[str],
    status: int | None,
    error: str,
    description: str,
    method: str,
) -> None:
    checks = tuple(broken(name) for name in names)
    answer = None if status is None else reply(status, {}, date="Mon")
    found = find_causes(
        at(kind, checks=checks, reply=answer, error=error, description=description, auth_method=method)
    )  # fmt: skip
    kept = [c for c in checks if not c.passed and not is_harmless(c)]

    assert found
    assert any(cause.level == "error" for cause in found) or not kept
    assert all(cause.code and cause.text.endswith(".") for cause in found)
    assert all(len(cause.text) < 1000 for cause in found)
