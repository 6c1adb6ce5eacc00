"""Our user pool as the provider of a certified relying party that nobody here wrote."""

from __future__ import annotations

import pytest

from ostiary.cli.demo import steps
from tests.interop.app_clients import make_app_client
from tests.interop.clients import Json
from tests.interop.stage import Stage, Visitor, relying_party
from tests.support.person import PASSWORD

REDIRECT_URI = "https://app.localhost/callback"
LEFT_URI = "https://app.localhost/left"
METHODS = ("none", "client_secret_basic", "client_secret_post")


def run(stage: Stage, visitor: Visitor, member: str, method: str, walk: str) -> Json:
    """Have the certified client walk; the visitor signs in on the hosted pages."""
    app = make_app_client(
        stage, with_secret=method != "none", callback=REDIRECT_URI, left=LEFT_URI
    )
    visitor.stop_at = REDIRECT_URI

    def browse(url: str) -> str:
        page = visitor.follow(visitor.get(url))
        assert page.url.startswith(f"{stage.node.site.hosted_ui}/login?"), page.url
        return visitor.submit(page, username=member, password=PASSWORD).url

    settings = {
        "issuer": stage.made.issuer(stage.node.site),
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "method": method,
        "redirect_uri": REDIRECT_URI,
        "post_logout_redirect_uri": LEFT_URI,
        "scope": " ".join(steps.SCOPES),
        "walk": walk,
    }
    with relying_party(stage.node.trust.ca_file, settings) as go:
        result = go(browse)
    assert result["ok"], result
    found: Json = result["value"]
    return found | {"client_id": app.client_id}


@pytest.mark.parametrize("method", METHODS)
def test_the_whole_life_of_a_sign_in(
    stage: Stage, visitor: Visitor, member: str, method: str
) -> None:
    found = run(stage, visitor, member, method, "whole_life")
    issuer, granted = stage.made.issuer(stage.node.site), found["granted"]
    identity = granted["id"]

    assert found["metadata"]["issuer"] == issuer
    assert (identity["iss"], identity["aud"]) == (issuer, found["client_id"])
    assert (identity["email"], identity["email_verified"]) == (member, True)
    assert identity["token_use"] == "id"
    assert found["id_header"]["alg"] == found["access"]["header"]["alg"] == "RS256"
    assert found["id_header"]["kid"] != found["access"]["header"]["kid"]
    access = found["access"]["claims"]
    assert (access["token_use"], access["client_id"]) == ("access", found["client_id"])
    assert set(access["scope"].split()) == set(steps.SCOPES)
    assert granted["expires_in"] in range(3500, 3601)
    assert granted["refresh_token"]
    assert found["userinfo"]["sub"] == identity["sub"] == access["sub"]
    assert found["userinfo"]["email"] == member
    assert found["refreshed_userinfo"] == found["userinfo"]
    refreshed = found["refreshed"]["id"]
    for name in ("iss", "sub", "aud", "auth_time", "origin_jti"):
        assert refreshed[name] == identity[name]
    assert found["refresh_after_revocation"]["error"] == "invalid_grant"
    assert found["userinfo_after_revocation"]["status"] == 401


def test_the_end_session_url_of_the_certified_client_signs_out(
    stage: Stage, visitor: Visitor, member: str
) -> None:
    found = run(stage, visitor, member, "none", "whole_life")
    visitor.stop_at = LEFT_URI
    left = visitor.follow(visitor.get(found["end_session_url"]))

    assert left.url == f"{LEFT_URI}?state=left"
    again = visitor.follow(visitor.get(stage.page("members")))
    assert again.url.startswith(f"{stage.node.site.hosted_ui}/login?")


def test_a_code_that_comes_twice_ends_what_it_gave(
    stage: Stage, visitor: Visitor, member: str
) -> None:
    found = run(stage, visitor, member, "none", "code_twice")

    assert found["second"]["error"] == "invalid_grant"
    assert found["refresh_after"]["error"] == "invalid_grant"
    assert found["userinfo_after"]["status"] == 401


def test_a_wrong_verifier_gets_nothing(
    stage: Stage, visitor: Visitor, member: str
) -> None:
    found = run(stage, visitor, member, "none", "wrong_verifier")

    assert found["exchanged"]["error"] == "invalid_grant"


def test_boto3_and_the_certified_client_mean_the_same_person(
    stage: Stage, visitor: Visitor, member: str
) -> None:
    found = run(stage, visitor, member, "client_secret_basic", "whole_life")
    user = stage.pool.admin_get_user(
        UserPoolId=stage.made.user_pool_id, Username=member
    )
    names = {a["Name"]: a["Value"] for a in user["UserAttributes"]}

    assert user["UserStatus"] == "CONFIRMED"
    for name in ("sub", "email", "given_name", "family_name"):
        assert names[name] == found["userinfo"][name] == found["granted"]["id"][name]
    assert user["Username"] == found["access"]["claims"]["username"]
