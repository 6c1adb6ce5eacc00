"""Our user pool as the provider of Apache's mod_auth_openidc, a certified relying party."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.interop.apache import FRIEND, HOSTS, LEFT, S256, Apache
from tests.interop.clients import Json
from tests.interop.stage import Stage, Visitor, header, until
from tests.support.person import PASSWORD, Seen

Change = Callable[[str], str]
METHODS = ("basic", "post", "public")
PAGE = "/anything?a=b&c=d%20e"
SESSION = "mod_auth_openidc_session"
REFUSED = "/oauth2/token refused: invalid_client (wrong secret)"


def query(url: str | None) -> dict[str, str]:
    """The arguments of an address, each of which is there once."""
    assert url is not None
    found = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: value for name, [value] in found.items()}


def asks_for_password(stage: Stage, page: Seen) -> bool:
    """Tell whether this is the pool's sign-in page."""
    here = page.url.startswith(f"{stage.node.site.hosted_ui}/login?")
    return here and page.status == 200 and 'name="password"' in page.text


def begins_sign_in(stage: Stage, seen: Seen) -> bool:
    """Tell whether Apache sends this person to the pool instead of answering."""
    start = f"{stage.node.site.hosted_ui}/oauth2/authorize?"
    return seen.status == 302 and (seen.location or "").startswith(start)


def submit_password(
    stage: Stage, apache: Apache, visitor: Visitor, member: str, host: str
) -> Seen:
    """From a protected page through the pool's page to where that leads."""
    page = visitor.follow(visitor.get(apache.url(host, PAGE)))
    assert asks_for_password(stage, page), (page.url, page.status, apache.log())
    return visitor.submit(page, username=member, password=PASSWORD)


def sign_in(
    stage: Stage, apache: Apache, visitor: Visitor, member: str, host: str
) -> Json:
    """From a protected page to that page, and what Apache knows then."""
    page = submit_password(stage, apache, visitor, member, host)
    assert (page.url, page.status) == (apache.url(host, PAGE), 200), apache.log()
    return learn(apache, visitor, host)


def learn(apache: Apache, visitor: Visitor, host: str) -> Json:
    """What Apache keeps of a session: tokens and claims."""
    return visitor.ask(apache.call_back(host, info="json"))


def claims_sent(found: Json) -> dict[str, str]:
    """The claims that reached the upstream in fields."""
    start = "oidc_claim_"
    return {
        n.removeprefix(start): v for n, v in found["headers"] if n.startswith(start)
    }


def ask_pool(stage: Stage, apache: Apache, host: str, path: str, **form: str) -> Json:
    """What the pool answers to a host's app client at one of its back-channel endpoints."""
    client = apache.clients[host]
    secret = client.client_secret
    proof = ("--user", f"{client.client_id}:{secret}") if secret else ()
    status, body = stage.curl(
        f"{stage.node.site.hosted_ui}/oauth2/{path}",
        *proof,
        *(a for n, v in form.items() for a in ("--data-urlencode", f"{n}={v}")),
        *("--data-urlencode", f"client_id={client.client_id}"),
    )
    return {"status": status, **(json.loads(body) if body else {})}


def load_user(stage: Stage, member: str) -> dict[str, str]:
    """What the pool says of a person: the attributes, and the username beside them."""
    user = stage.pool.admin_get_user(
        UserPoolId=stage.made.user_pool_id, Username=member
    )
    attributes = {a["Name"]: a["Value"] for a in user["UserAttributes"]}
    return attributes | {"username": user["Username"]}


def refresh(stage: Stage, apache: Apache, host: str, token: str) -> Json:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return ask_pool(stage, apache, host, "token", **form)


@pytest.mark.spec("OIDC-Core#3.1.2.1")
@pytest.mark.spec("RFC6749#4.1.1")
@pytest.mark.parametrize("host", METHODS)
def test_a_stranger_is_sent_to_the_hosted_page_as_the_specification_says(
    stage: Stage, apache: Apache, visitor: Visitor, host: str
) -> None:
    seen = visitor.get(apache.url(host, PAGE))
    asked = query(seen.location)

    assert begins_sign_in(stage, seen)
    assert asked["client_id"] == apache.clients[host].client_id
    assert asked["redirect_uri"] == apache.url(host, "/callback")
    assert (asked["response_type"], asked["scope"]) == ("code", "openid email profile")
    assert asked["state"]
    assert asked["nonce"]
    method = "S256" if S256 in HOSTS[host].more else None
    assert asked.get("code_challenge_method") == method
    assert asks_for_password(stage, visitor.follow(seen))


@pytest.mark.spec("OIDC-Core#3.1.3.3")
@pytest.mark.spec("OIDC-Core#3.1.3.7")
@pytest.mark.spec("RFC6749#2.3.1")
@pytest.mark.spec("RFC7636#4.6")
@pytest.mark.parametrize("host", METHODS)
def test_a_person_arrives_at_the_page_with_the_claims_of_the_pool(
    stage: Stage, apache: Apache, visitor: Visitor, member: str, host: str
) -> None:
    first = visitor.get(apache.url(host, PAGE))
    asked = query(first.location)
    page = visitor.submit(visitor.follow(first), username=member, password=PASSWORD)
    assert (page.url, page.status) == (apache.url(host, PAGE), 200), apache.log()
    known = learn(apache, visitor, host)
    arrived = visitor.ask(apache.url(host, PAGE))
    sent = claims_sent(arrived)
    attributes = load_user(stage, member)

    assert (arrived["path"], arrived["query"]) == tuple(PAGE.split("?"))
    for name in ("sub", "email", "given_name", "family_name"):
        assert sent[name] == known["id_token"][name] == attributes[name]
    assert sent["cognito-username"] == attributes["username"]
    assert (sent["email"], sent["email_verified"]) == (member, "1")
    assert sent["iss"] == stage.made.issuer(stage.node.site)
    assert sent["aud"] == asked["client_id"] == apache.clients[host].client_id
    assert (sent["token_use"], header(arrived, "authorization")) == ("id", None)
    assert sent["nonce"] == asked["nonce"]


@pytest.mark.spec("OIDC-Core#5.3.2")
def test_what_the_user_info_endpoint_says_arrives_too(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    known = sign_in(stage, apache, visitor, member, "basic")
    arrived = visitor.ask(apache.url("basic"))
    said = json.loads(header(arrived, "oidc_userinfo_json") or "")

    assert said == known["userinfo"]
    assert said.items() <= load_user(stage, member).items()
    assert said.keys() >= {"sub", "email", "email_verified", "given_name"}
    # Only there: in the ID token it is `cognito:username`.
    assert "username" not in known["id_token"]
    assert claims_sent(arrived)["username"] == said["username"]


def test_who_is_signed_in_at_one_host_is_not_asked_again_by_another(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    first = sign_in(stage, apache, visitor, member, "basic")
    page = visitor.follow(visitor.get(apache.url("public", PAGE)))
    second = learn(apache, visitor, "public")

    assert (page.url, page.status) == (apache.url("public", PAGE), 200)
    for name in ("sub", "auth_time", "email"):
        assert second["id_token"][name] == first["id_token"][name]
    assert second["id_token"]["aud"] != first["id_token"]["aud"]


@pytest.mark.spec("RFC6749#5.2")
def test_a_wrong_secret_lets_nobody_in(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    before = stage.node.logs().count(REFUSED)
    page = submit_password(stage, apache, visitor, member, "impostor")

    assert page.url.startswith(apache.url("impostor", "/callback?code="))
    assert "OpenID Connect Provider error" in page.text
    assert member not in page.text
    assert SESSION not in visitor.jar[urlsplit(page.url).hostname or ""]
    until(lambda: stage.node.logs().count(REFUSED) > before, "the pool tells of it")
    assert begins_sign_in(stage, visitor.get(apache.url("impostor")))
    assert '"invalid_client"' in apache.log()


@pytest.mark.spec("RFC6749#4.1.2.1")
def test_what_the_pool_refuses_is_shown_by_apache(
    apache: Apache, visitor: Visitor
) -> None:
    page = visitor.follow(visitor.get(apache.url("greedy")))

    assert query(page.url)["error"] == "invalid_request"
    assert "invalid_scope" in page.text
    assert SESSION not in visitor.jar[urlsplit(page.url).hostname or ""]


def test_apache_does_not_believe_a_pool_whose_authority_it_does_not_know(
    apache: Apache, visitor: Visitor
) -> None:
    seen = visitor.get(apache.url("doubting"))

    assert (seen.status, seen.location) == (500, None)
    assert "SSL certificate problem" in apache.log()


@pytest.mark.spec("RFC6749#6")
def test_apache_refreshes_the_access_token_before_it_expires(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    first = sign_in(stage, apache, visitor, member, "fresh")
    visitor.ask(apache.url("fresh"))
    second = learn(apache, visitor, "fresh")
    before, after = (read_claims(k["access_token"]) for k in (first, second))

    assert after["jti"] != before["jti"]
    for name in ("sub", "client_id", "scope", "auth_time", "origin_jti"):
        assert after[name] == before[name]
    status, body = stage.curl(
        f"{stage.node.site.hosted_ui}/oauth2/userInfo",
        *("--header", f"Authorization: Bearer {second['access_token']}"),
    )
    assert (status, json.loads(body)) == (200, first["userinfo"])


@pytest.mark.spec("RFC6749#6")
def test_a_refused_refresh_ends_the_session_at_apache(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    known = sign_in(stage, apache, visitor, member, "fresh")
    visitor.ask(apache.url("fresh"))
    ended = ask_pool(stage, apache, "fresh", "revoke", token=known["refresh_token"])

    assert ended["status"] == 200
    assert "<p>Logged Out</p>" in visitor.get(apache.url("fresh")).text
    assert begins_sign_in(stage, visitor.get(apache.url("fresh")))


@pytest.mark.spec("RFC6749#6")
def test_a_page_can_have_its_access_token_refreshed(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    """The hook for programs in the browser: once it works, once it says that it was refused."""
    first = sign_in(stage, apache, visitor, member, "basic")
    back = apache.url("basic", "/anything")
    token = first["access_token"]
    done = visitor.get(apache.call_back("basic", refresh=back, access_token=token))
    second = learn(apache, visitor, "basic")

    assert (done.status, done.location) == (302, back)
    assert second["access_token"] != token
    ask_pool(stage, apache, "basic", "revoke", token=second["refresh_token"])
    token = second["access_token"]
    done = visitor.get(apache.call_back("basic", refresh=back, access_token=token))
    assert query(done.location) == {"error_code": "refresh_failed"}


@pytest.mark.spec("OIDC-RPInitiated#2")
@pytest.mark.parametrize("host", ["basic", "ending", "linking"])
def test_signing_out_at_apache_signs_out_at_the_pool(
    stage: Stage, apache: Apache, visitor: Visitor, member: str, host: str
) -> None:
    """By discovery, by an endpoint that the operator names, and by a link of the page."""
    sign_in(stage, apache, visitor, member, host)
    left = apache.url(host, LEFT)
    target = apache.leaving(stage, host) if host == "linking" else left
    seen = visitor.get(apache.call_back(host, logout=target))
    page = visitor.follow(seen)

    assert (seen.location or "").startswith(f"{stage.node.site.hosted_ui}/logout?")
    assert (page.url, page.status) == (left, 200)
    again = visitor.follow(visitor.get(apache.url(host)))
    assert asks_for_password(stage, again)


@pytest.mark.spec("OIDC-RPInitiated#3")
def test_nobody_is_sent_where_the_app_client_does_not_leave_to(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    sign_in(stage, apache, visitor, member, "basic")
    elsewhere = apache.url("basic", "/left/elsewhere")
    page = visitor.follow(visitor.get(apache.call_back("basic", logout=elsewhere)))

    assert page.url.startswith(f"{stage.node.site.hosted_ui}/error?")
    assert page.status == 400
    again = visitor.follow(visitor.get(apache.url("basic")))
    assert asks_for_password(stage, again)


@pytest.mark.spec("RFC7009#2")
@pytest.mark.parametrize("host", METHODS)
def test_signing_out_at_apache_revokes_the_refresh_token(
    stage: Stage, apache: Apache, visitor: Visitor, member: str, host: str
) -> None:
    token = sign_in(stage, apache, visitor, member, host)["refresh_token"]
    before = refresh(stage, apache, host, token)
    visitor.get(apache.call_back(host, logout=apache.url(host, LEFT)))
    after = refresh(stage, apache, host, token)

    assert (before["status"], before["token_type"]) == (200, "Bearer")
    assert (after["status"], after["error"]) == (400, "invalid_grant")


def read_claims(token: str) -> Json:
    """A token's claims, without a look at its signature."""
    part = token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def encode(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def change_claim(token: str) -> str:
    """The same signature under the name of somebody else."""
    head, _, signature = token.split(".")
    return f"{head}.{encode(read_claims(token) | {'sub': 'mallory'})}.{signature}"


def change_signature(token: str) -> str:
    unsigned, _, signature = token.rpartition(".")
    return f"{unsigned}.{signature[::-1]}"


def drop_signature(token: str) -> str:
    return f"{encode({'alg': 'none'})}.{token.split('.')[1]}."


def call_api(stage: Stage, apache: Apache, token: str) -> tuple[int, str]:
    return stage.curl(
        apache.url("api"),
        *("--include", "--header", "Accept: application/json"),
        *("--header", f"Authorization: Bearer {token}"),
    )


@pytest.mark.spec("RFC6750#2.1")
def test_apache_takes_an_access_token_of_the_pool(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    known = sign_in(stage, apache, visitor, member, FRIEND)
    status, reply = call_api(stage, apache, known["access_token"])
    sent = claims_sent(json.loads(reply.partition("\n\n")[2]))

    assert status == 200
    assert sent["sub"] == known["id_token"]["sub"]
    assert sent["client_id"] == apache.clients[FRIEND].client_id
    assert (sent["token_use"], sent["scope"]) == ("access", "openid email profile")


@pytest.mark.spec("RFC6750#3")
@pytest.mark.parametrize("change", [change_claim, change_signature, drop_signature])
def test_apache_refuses_a_changed_access_token(
    stage: Stage, apache: Apache, visitor: Visitor, member: str, change: Change
) -> None:
    token = sign_in(stage, apache, visitor, member, FRIEND)["access_token"]
    status, reply = call_api(stage, apache, change(token))

    assert status == 401
    assert 'error="invalid_token"' in reply


def test_apache_tells_the_pools_tokens_apart(
    stage: Stage, apache: Apache, visitor: Visitor, member: str
) -> None:
    """Neither an ID token nor another client's access token opens the resource."""
    other = sign_in(stage, apache, visitor, member, "public")["access_token"]
    visitor.follow(visitor.get(apache.url(FRIEND)))
    left = apache.url(FRIEND, LEFT)
    out = visitor.get(apache.call_back(FRIEND, logout=left)).location
    identity = query(out)["id_token_hint"]

    assert read_claims(identity)["token_use"] == "id"
    for token in (identity, other):
        status, reply = call_api(stage, apache, token)
        assert status == 401
        # Both are well signed: it is what they say that does not do.
        assert "invalid_token" not in reply
