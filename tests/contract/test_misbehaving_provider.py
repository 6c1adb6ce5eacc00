"""The providers that misbehave: the honest one is right, and each other is wrong in one way."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import pytest_asyncio

from ostiary.adapters.certificates import read_pair, write_pair
from ostiary.adapters.fetch import AiohttpFetch
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import read_unverified_claims
from ostiary.jose.keys import KeySet
from ostiary.oidc.errors import (
    MalformedReply,
    MetadataRefused,
    ProviderError,
    TokenRefused,
)
from ostiary.oidc.rp.authorization import (
    AuthorizationRequest,
    build_authorization_url,
    check_response,
    find_response,
)
from ostiary.oidc.rp.client_auth import ClientCredentials, post_form
from ostiary.oidc.rp.metadata import (
    ProviderMetadata,
    discovery_request,
    jwks_request,
    read_jwks,
    read_metadata,
)
from ostiary.oidc.rp.tokens import (
    TokenSet,
    client_credentials_request,
    code_request,
    read_token_response,
    refresh_request,
    revocation_request,
)
from ostiary.oidc.rp.verify import Rules, verify_access_token, verify_id_token
from ostiary.ports.fetch import FetchFailed, FetchLimits
from tests.support.misbehaving import Misbehaving, misbehaving
from tests.support.misbehaving_faults import (
    CLIENT_UNKNOWN,
    FAULTS,
    HONEST,
    OTHER_ISSUER,
    REDIRECT_UNREGISTERED,
    make_test_ca,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

BACK = "https://app.example/callback"
BYE = "https://app.example/bye?from=here"
STATE, NONCE, VERIFIER = "state-1", "nonce-1", "v" * 43
SCOPE = "openid profile email offline_access"
BAD_CERTIFICATES = {
    "untrusted-certificate": "unable to get local issuer certificate",
    "expired-certificate": "certificate has expired",
    "other-name-certificate": "Hostname mismatch",
}
UNUSABLE_METADATA = {
    "no-discovery": "answered with status 404",
    "not-json": "not JSON",
    "issuer-differs": OTHER_ISSUER,
    "plain-endpoint": "token_endpoint in the metadata is not https",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A client and its person's browser at one provider."""

    fetch: AiohttpFetch
    issuer: str
    client: tuple[str, str]
    method: str = ""
    verifier: str | None = VERIFIER
    scope: str = SCOPE
    pairs: dict[str, str] = field(default_factory=dict)

    async def get(self, url: str, *fields: tuple[str, str]) -> IncomingReply:
        return await self.send(OutgoingRequest(method="GET", url=url, fields=fields))

    async def send(self, request: OutgoingRequest) -> IncomingReply:
        return await self.fetch.send(request, FetchLimits())

    async def metadata(self) -> ProviderMetadata:
        reply = await self.send(discovery_request(self.issuer))
        return read_metadata(reply, self.issuer)

    async def keys(self) -> KeySet:
        return read_jwks(await self.send(jwks_request(f"{self.issuer}/jwks")))

    async def authorize(self, **changes: str) -> IncomingReply:
        request = AuthorizationRequest(
            client_id=changes.get("client_id", self.client[0]),
            redirect_uri=changes.get("redirect_uri", BACK),
            state=STATE,
            nonce=NONCE,
            scope=self.scope,
            verifier=self.verifier,
        )
        return await self.get(
            build_authorization_url(f"{self.issuer}/authorize", request)
        )

    async def come_back(self) -> dict[str, str]:
        reply = await self.authorize()
        place, _, query = reply.fields["location"].partition("?")

        assert (reply.status, place) == (302, BACK)
        return dict(parse_qsl(query))

    async def find_code(self) -> str:
        """What the product makes of the response."""
        pairs = list((await self.come_back()).items())
        response = find_response(tuple(pairs))
        assert response is not None
        return check_response(response, await self.metadata())

    async def post(self, path: str, pairs: list[tuple[str, str]]) -> IncomingReply:
        name, secret = self.client
        usual = "client_secret_basic" if secret else "none"
        client = ClientCredentials(
            client_id=name, client_secret=secret or None, method=self.method or usual
        )
        return await self.send(post_form(f"{self.issuer}/{path}", client, pairs))

    async def redeem(self, code: str, verifier: str | None = VERIFIER) -> TokenSet:
        pairs = code_request(code=code, redirect_uri=BACK, verifier=verifier)
        return read_token_response(await self.post("token", pairs), time.time())

    async def sign_in(self) -> TokenSet:
        return await self.redeem(await self.find_code(), self.verifier)

    async def refresh(self, token: str | None) -> TokenSet:
        pairs = refresh_request(refresh_token=token or "")
        return read_token_response(await self.post("token", pairs), time.time())

    async def judge(self, tokens: TokenSet, nonce: str | None = NONCE) -> None:
        """The rules that the product has for both tokens."""
        rules = Rules(issuers=(self.issuer,), client_ids=(self.client[0],), leeway_s=5)
        now, keys = time.time(), await self.keys()
        verify_id_token(
            tokens.id_token or "",
            keys,
            rules,
            client_id=self.client[0],
            nonce=nonce,
            access_token=tokens.access_token,
            now=now,
        )
        verify_access_token(tokens.access_token, keys, rules, now=now)

    async def user_info(self, token: str) -> IncomingReply:
        return await self.get(
            f"{self.issuer}/userinfo", ("Authorization", f"Bearer {token}")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The providers, and how to reach them."""

    site: Misbehaving
    fetch: AiohttpFetch

    def visitor(self, fault: str, **changes: Any) -> Visitor:
        base: dict[str, Any] = {"client": self.site.client(fault), **changes}
        return Visitor(fetch=self.fetch, issuer=self.site.issuer(fault), **base)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    async with misbehaving(redirect_uris=[BACK], logout_uris=[BYE]) as site:
        fetch = AiohttpFetch(ca_file=str(site.ca_file))
        yield Place(site=site, fetch=fetch)
        await fetch.close()


def read(reply: IncomingReply) -> Any:
    return json.loads(reply.body)


CONFIDENTIAL = ("confidential", "s3cret")


@pytest.mark.parametrize(
    ("client", "method"),
    [
        (("public", ""), "none"),
        (CONFIDENTIAL, "client_secret_basic"),
        (CONFIDENTIAL, "client_secret_post"),
    ],
)
async def test_the_honest_one_does_all_that_a_client_asks(
    place: Place, client: tuple[str, str], method: str
) -> None:
    visitor = place.visitor(HONEST, client=client, method=method)
    tokens = await visitor.sign_in()
    await visitor.judge(tokens)
    told = await visitor.user_info(tokens.access_token)
    again = await visitor.refresh(tokens.refresh_token)
    await visitor.judge(again, nonce=None)
    token = revocation_request(token=again.access_token, hint="access_token")
    before = read(await visitor.post("introspect", list(token)))
    revoked = await visitor.post("revoke", list(token))
    after = read(await visitor.post("introspect", list(token)))
    refused = await visitor.user_info(again.access_token)

    assert read(told) == {
        "sub": "ada",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
    }
    assert (before["active"], before["client_id"], before["scope"]) == (
        True,
        client[0],
        SCOPE,
    )
    assert (revoked.status, after, refused.status) == (200, {"active": False}, 401)


async def test_what_the_honest_one_gave_is_good_once(place: Place) -> None:
    visitor = place.visitor(HONEST)
    code = await visitor.find_code()
    tokens = await visitor.redeem(code)
    with pytest.raises(ProviderError, match="invalid_grant"):
        await visitor.redeem(code)
    again = await visitor.refresh(tokens.refresh_token)
    with pytest.raises(ProviderError, match="invalid_grant"):
        await visitor.refresh(tokens.refresh_token)
    token = revocation_request(token=again.refresh_token or "", hint="refresh_token")
    await visitor.post("revoke", token)
    forgotten = [
        await visitor.user_info(t) for t in (tokens.access_token, again.access_token)
    ]

    assert [reply.status for reply in forgotten] == [401, 401]


async def test_the_honest_one_insists_on_the_verifier_the_client_and_its_uri(
    place: Place,
) -> None:
    visitor = place.visitor(HONEST)
    for verifier in ("w" * 43, None):
        with pytest.raises(ProviderError, match="PKCE verification failed"):
            await visitor.redeem(await visitor.find_code(), verifier)
    unknown = await visitor.authorize(client_id="stranger")
    elsewhere = await visitor.authorize(redirect_uri=f"{BACK}/other")
    machine = client_credentials_request(scope="profile")
    with pytest.raises(ProviderError, match="unauthorized_client"):
        read_token_response(await visitor.post("token", machine), 0)
    wrong = place.visitor(HONEST, client=("confidential", "guess"))
    revocation = await wrong.post("revoke", [("token", "any")])
    unasked = await wrong.post("introspect", [("token", "any")])

    assert (unknown.status, CLIENT_UNKNOWN.encode() in unknown.body) == (400, True)
    assert elsewhere.status == 400
    assert REDIRECT_UNREGISTERED.encode() in elsewhere.body
    assert (revocation.status, unasked.status) == (401, 401)
    assert revocation.fields["www-authenticate"].startswith("Basic")


async def test_a_client_gets_a_token_of_its_own_that_tells_of_nobody(
    place: Place,
) -> None:
    visitor = place.visitor(HONEST, client=CONFIDENTIAL)
    reply = await visitor.post("token", client_credentials_request(scope="profile"))
    tokens = read_token_response(reply, time.time())
    told = await visitor.user_info(tokens.access_token)

    assert (tokens.id_token, tokens.refresh_token) == (None, None)
    assert (told.status, read(told)["error"]) == (403, "insufficient_scope")


async def test_signing_out_leads_back_to_registered_places_only(place: Place) -> None:
    visitor = place.visitor(HONEST)

    async def leave(**pairs: str) -> IncomingReply:
        return await visitor.get(f"{visitor.issuer}/end?{urlencode(pairs)}")

    back = await leave(post_logout_redirect_uri=BYE, state="s")
    elsewhere = await leave(post_logout_redirect_uri=BACK)
    nowhere = await leave()

    assert (back.status, back.fields["location"]) == (302, f"{BYE}&state=s")
    assert (elsewhere.status, nowhere.status) == (400, 200)
    assert b"invalid_request" in elsewhere.body


@pytest.mark.parametrize("fault", [HONEST, *FAULTS])
async def test_every_discovery_answers_as_its_fault_says(
    place: Place, fault: str
) -> None:
    visitor = place.visitor(fault)
    if fault in BAD_CERTIFICATES:
        with pytest.raises(FetchFailed) as failed:
            await visitor.metadata()

        assert BAD_CERTIFICATES[fault] in failed.value.reason
    elif fault in UNUSABLE_METADATA:
        with pytest.raises(MetadataRefused) as refused:
            await visitor.metadata()

        assert UNUSABLE_METADATA[fault] in refused.value.detail
    else:
        metadata = await visitor.metadata()

        assert (metadata.issuer, metadata.iss_parameter_supported) == (
            visitor.issuer,
            True,
        )
        methods = metadata.token_endpoint_auth_methods
        assert bool(methods) is (fault != "post-only")


@pytest.mark.parametrize("fault", ["keys-missing", "keys-unusable"])
async def test_keys_that_cannot_be_used(place: Place, fault: str) -> None:
    reply = await place.visitor(fault).get(f"{place.site.issuer(fault)}/jwks")

    if fault == "keys-missing":
        assert reply.status == 404
    else:
        assert read_jwks(reply).keys == ()
        assert len(read(reply)["keys"]) == 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("redirect-unregistered", REDIRECT_UNREGISTERED),
        ("client-unknown", CLIENT_UNKNOWN),
    ],
)
async def test_refusals_that_do_not_come_back(
    place: Place, fault: str, says: str
) -> None:
    reply = await place.visitor(fault).authorize()

    assert (reply.status, says.encode() in reply.body) == (400, True)
    assert reply.fields["content-type"].startswith("text/html")


async def test_refusals_that_come_back(place: Place) -> None:
    scope = await place.visitor("scope-refused").come_back()
    spared = await place.visitor("scope-refused", scope="openid email").come_back()
    bare = await place.visitor("pkce-required", verifier=None).come_back()
    proven = await place.visitor("pkce-required").come_back()

    assert (scope["error"], scope["state"]) == ("invalid_scope", STATE)
    assert "profile" in scope["error_description"]
    assert "code" in spared
    assert bare == {
        "error": "invalid_request",
        "error_description": "Code challenge required",
        "state": STATE,
        "iss": place.site.issuer("pkce-required"),
    }
    assert "code" in proven


async def test_responses_that_are_not_what_was_asked(place: Place) -> None:
    changed = await place.visitor("state-changed").come_back()
    mixed = await place.visitor("mixed-up").come_back()
    empty = await place.visitor("no-code").come_back()

    assert changed.keys() == mixed.keys() == {"code", "state", "iss"}
    assert (changed["state"], mixed["state"]) == ("another-state", STATE)
    assert mixed["iss"] == OTHER_ISSUER
    assert empty == {"state": STATE, "iss": place.site.issuer("no-code")}


@pytest.mark.parametrize(
    ("fault", "error", "cure"),
    [
        ("secret-needed", "invalid_client", {"client": CONFIDENTIAL}),
        ("secret-unneeded", "invalid_client", {"client": ("public", "")}),
        ("secret-wrong", "invalid_client", None),
        ("post-only", "invalid_client", {"method": "client_secret_post"}),
        ("verifier-refused", "PKCE verification failed", {"verifier": None}),
        ("code-refused", "invalid_grant", None),
    ],
)
async def test_refusals_of_the_token_endpoint(
    place: Place, fault: str, error: str, cure: dict[str, Any] | None
) -> None:
    with pytest.raises(ProviderError, match=error):
        await place.visitor(fault).sign_in()
    if cure is not None:
        assert (await place.visitor(fault, **cure).sign_in()).id_token


async def test_no_secret_at_all_helps_where_every_secret_is_wrong(place: Place) -> None:
    for client in (("public", ""), CONFIDENTIAL):
        with pytest.raises(ProviderError, match="invalid_client"):
            await place.visitor("secret-wrong", client=client).sign_in()


async def test_a_page_comes_instead_of_tokens(place: Place) -> None:
    with pytest.raises(MalformedReply, match="answered 502"):
        await place.visitor("html-token").sign_in()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("clock-ahead", "invalid_iat"),
        ("clock-behind", "invalid_exp"),
        ("wrong-issuer", "invalid_iss"),
        ("wrong-audience", "invalid_aud"),
        ("expired", "invalid_exp"),
        ("wrong-nonce", "invalid_nonce"),
        ("no-nonce", "invalid_nonce"),
        ("unsigned", "malformed_token"),
        ("hmac-with-public-key", "unsupported_algorithm"),
        ("unknown-key", "key_not_found"),
        ("foreign-key", "bad_signature"),
        ("changed", "bad_signature"),
        ("wrong-at-hash", "invalid_at_hash"),
    ],
)
async def test_id_tokens_that_must_not_be_believed(
    place: Place, fault: str, code: str
) -> None:
    visitor = place.visitor(fault)
    tokens = await visitor.sign_in()
    with pytest.raises((JoseError, TokenRefused)) as refused:
        await visitor.judge(tokens)

    assert isinstance(refused.value, JoseError | TokenRefused)
    assert refused.value.code == code


async def test_where_only_the_id_token_is_wrong_the_access_token_is_not(
    place: Place,
) -> None:
    visitor = place.visitor("foreign-key")
    tokens = await visitor.sign_in()
    rules = Rules(issuers=(visitor.issuer,), client_ids=("public",), leeway_s=5)
    verified = verify_access_token(
        tokens.access_token, await visitor.keys(), rules, now=time.time()
    )

    assert verified.claims["sub"] == "ada"


async def test_the_id_token_stays_away(place: Place) -> None:
    assert (await place.visitor("no-id-token").sign_in()).id_token is None


async def test_the_refresh_token_is_refused(place: Place) -> None:
    visitor = place.visitor("refresh-reused")
    tokens = await visitor.sign_in()
    with pytest.raises(ProviderError, match="invalid_grant"):
        await visitor.refresh(tokens.refresh_token)


async def test_the_userinfo_endpoint_tells_of_somebody_else(place: Place) -> None:
    visitor = place.visitor("userinfo-other-person")
    tokens = await visitor.sign_in()
    told = read(await visitor.user_info(tokens.access_token))

    assert read_unverified_claims(tokens.id_token or "")["sub"] == "ada"
    assert told["sub"] == "somebody-else"


async def dates(fetch: AiohttpFetch, url: str) -> list[float]:
    """Each Date of the reply, as seconds ahead of ours."""
    async with fetch._session.get(url, ssl=fetch._verified) as reply:
        found = reply.headers.getall("Date")
    return [parsedate_to_datetime(d).timestamp() - time.time() for d in found]


@pytest.mark.parametrize(
    ("fault", "ahead"),
    [(HONEST, 0), ("expired", 0), ("clock-ahead", 600), ("clock-behind", -600)],
)
async def test_a_reply_has_one_date_which_is_that_of_the_provider(
    place: Place, fault: str, ahead: int
) -> None:
    for path in ("jwks", ".well-known/openid-configuration", "unheard-of"):
        found = await dates(place.fetch, f"{place.site.issuer(fault)}/{path}")

        assert found == [pytest.approx(ahead, abs=10)]


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        (".well-known/openid-configuration", True),
        ("jwks", True),
        ("token", True),
        ("userinfo", True),
        ("introspect", False),
    ],
)
async def test_pages_of_other_origins_may_read_what_they_need_but_for_one_fault(
    place: Place, path: str, is_open: bool
) -> None:
    for fault in (HONEST, "no-cors"):
        visitor = place.visitor(fault)
        url = f"{visitor.issuer}/{path}"
        options = await visitor.send(OutgoingRequest(method="OPTIONS", url=url))
        reply = await visitor.get(url)
        allowed = is_open and fault == HONEST
        origin = "*" if allowed else None

        assert options.status == (204 if allowed else 405)
        assert options.fields.get("access-control-allow-origin") == origin
        assert reply.fields.get("access-control-allow-origin") == origin
        headers = options.fields.get("access-control-allow-headers", "")
        assert ("Authorization" in headers) is allowed


async def test_a_code_of_one_provider_means_nothing_to_another(place: Place) -> None:
    code = await place.visitor("wrong-nonce").find_code()
    with pytest.raises(ProviderError, match="invalid_grant"):
        await place.visitor(HONEST).redeem(code)


async def test_an_authority_that_is_there_already_is_used(tmp_path: Path) -> None:
    files = tmp_path / "ca.pem", tmp_path / "ca.key"
    write_pair(*make_test_ca(), cert_path=files[0], key_path=files[1])
    before = read_pair(*files)[0]
    async with misbehaving(redirect_uris=[BACK], ca=files) as site:
        fetch = AiohttpFetch(ca_file=str(files[0]))
        reply = await fetch.send(discovery_request(site.issuer(HONEST)), FetchLimits())
        await fetch.close()

    assert (reply.status, site.ca_file) == (200, files[0])
    assert read_pair(*files)[0] == before


async def test_no_other_path_and_no_other_name_is_answered(place: Place) -> None:
    visitor = place.visitor(HONEST)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(visitor.issuer))
    found = [
        await visitor.get(f"{origin}/{path}") for path in ("honest/x", "unknown/jwks")
    ]

    assert [reply.status for reply in found] == [404, 404]


async def test_each_row_of_the_table_has_a_sentence_and_a_cause() -> None:
    assert len(FAULTS) == 40
    assert all(f.name == name and f.does.endswith(".") for name, f in FAULTS.items())
    assert all(f.cause and f.cause.replace("_", "").isalpha() for f in FAULTS.values())
