"""
What a provider can do wrong: the table of faults, and what each of them bends.

`tests.support.misbehaving` serves it; a row says what the provider does, and what the debugger must
make of it.

Spec: RFC 6749, RFC 7636, RFC 9207, OpenID Connect Core 1.0.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ostiary.adapters.certificates import Key, make_ca, make_leaf
from ostiary.jose.keys import PrivateKey
from tests.support.provider import b64
from tests.unit.jose.jose_kit import part, sign_with

HOST = "idp.auth.localhost"
OTHER_HOST = "other.auth.localhost"
HONEST = "honest"
SECRET = "s3cret"
OTHER_ISSUER = "https://other.example"
TEN_MINUTES_S = 600
HOUR_S = 3600
KEY = PrivateKey.generate_rsa("main")
FOREIGN_KEY = PrivateKey.generate_rsa("main")
UNPUBLISHED_KEY = PrivateKey.generate_rsa("unpublished")
REDIRECT_UNREGISTERED = (
    "redirect_uri_mismatch: The redirect URI in the request is not registered"
)
CLIENT_UNKNOWN = "invalid_client: unknown client"
BAD_CLIENT = {
    "error": "invalid_client",
    "error_description": "Client authentication failed",
}

At = Literal[
    "discovery", "keys", "authorization", "callback", "token", "refresh", "userinfo", "cors"
]  # fmt: skip
Edits = Mapping[str, Any]
Pair = tuple[x509.Certificate, Key]
Certificate = Literal["right", "untrusted", "expired", "other-name"]
CERTIFICATES: tuple[Certificate, ...] = ("right", "untrusted", "expired", "other-name")


def at_hash(access_token: str) -> str:
    """The `at_hash` of an access token (Core §3.1.3.6)."""
    return b64(hashlib.sha256(access_token.encode()).digest()[:16])


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    What a provider does differently. In edits, None takes a member away.

    `replies` are whole answers by the name of the endpoint: a text is a page, else it is JSON.
    `plain` names endpoints that the metadata gives as http. `refuses` says invalid_grant to
    a grant type. `secrets` is who must give one: each client its own, all, or nobody. `shift_s`
    is what the clock is ahead, `age_s` how long ago an ID token was made.
    """

    certificate: Certificate = "right"
    replies: Mapping[str, tuple[int, Any]] = field(default_factory=dict)
    metadata: Edits = field(default_factory=dict)
    plain: tuple[str, ...] = ()
    cors: bool = True
    refused_scope: str = ""
    needs_challenge: bool = False
    response: Edits = field(default_factory=dict)
    secrets: Literal["own", "all", "none"] = "own"
    takes_basic: bool = True
    refuses: Mapping[str, str] = field(default_factory=dict)
    refuses_verifier: bool = False
    shift_s: int = 0
    age_s: int = 0
    lifetime_s: int = HOUR_S
    claims: Edits = field(default_factory=dict)
    key: PrivateKey = KEY
    form: Literal["signed", "unsigned", "hmac", "changed"] = "signed"
    gives_id_token: bool = True
    userinfo: Edits = field(default_factory=dict)


RIGHT = Behaviour()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One thing that is wrong, in a sentence, and what the debugger must make of it.

    `cause` is its stable code, `at` the step at which it must show. `client` is the id and the
    secret with which it shows.
    """

    name: str
    does: str
    cause: str
    at: At
    client: tuple[str, str] = ("public", "")
    how: Behaviour = field(default=RIGHT, repr=False)


def _row(
    name: str,
    cause: str,
    at: At,
    does: str,
    *,
    client: tuple[str, str] = ("public", ""),
    **how: Any,  # the fields of a behaviour, which checks their names
) -> Fault:
    behaviour = Behaviour(**how)
    return Fault(name=name, does=does, cause=cause, at=at, client=client, how=behaviour)


_ROWS = (
    _row("no-discovery", "discovery_missing", "discovery", "The discovery document is a page with status 404.", replies={"discovery": (404, "Not Found")}),
    _row("issuer-differs", "issuer_differs", "discovery", "The discovery document names another issuer.", metadata={"issuer": OTHER_ISSUER}),
    _row("plain-endpoint", "metadata_unusable", "discovery", "The token endpoint in the metadata is http.", plain=("token_endpoint",)),
    _row("not-json", "discovery_missing", "discovery", "The discovery document is a page with status 200.", replies={"discovery": (200, "Welcome")}),
    _row("untrusted-certificate", "certificate_untrusted", "discovery", "The certificate is of an authority that nobody knows.", certificate="untrusted"),
    _row("expired-certificate", "certificate_expired", "discovery", "The certificate ended yesterday.", certificate="expired"),
    _row("other-name-certificate", "certificate_other_name", "discovery", "The certificate is for another name.", certificate="other-name"),
    _row("keys-missing", "keys_missing", "keys", "The key set answers 404.", replies={"jwks": (404, {"error": "not_found"})}),
    _row("keys-unusable", "keys_unusable", "keys", "The key set has only a key of an unknown type.", replies={"jwks": (200, {"keys": [{"kty": "unheard-of", "kid": KEY.kid}]})}),
    _row("redirect-unregistered", "redirect_uri_unregistered", "authorization", "Every redirect URI is refused on a page.", replies={"authorize": (400, REDIRECT_UNREGISTERED)}),
    _row("client-unknown", "client_unknown", "authorization", "Every client is refused on a page.", replies={"authorize": (400, CLIENT_UNKNOWN)}),
    _row("scope-refused", "scope_refused", "callback", "The scope profile is refused as invalid_scope.", refused_scope="profile"),
    _row("pkce-required", "pkce_required", "callback", "Whoever sends no code challenge is refused.", needs_challenge=True),
    _row("state-changed", "state_mismatch", "callback", "Another state comes back.", response={"state": "another-state"}),
    _row("mixed-up", "response_issuer_differs", "callback", "The response says that it is of another issuer.", response={"iss": OTHER_ISSUER}),
    _row("no-code", "no_code", "callback", "Neither a code nor an error comes back.", response={"code": None}),
    _row("secret-needed", "secret_missing", "token", "Every client needs the secret.", secrets="all"),
    _row("secret-unneeded", "secret_unneeded", "token", "No client may give a secret.", client=("public", "not-needed"), secrets="none"),
    _row("secret-wrong", "secret_wrong", "token", "The token endpoint says invalid_client to everybody.", client=("confidential", "wrong-secret"), replies={"token": (401, BAD_CLIENT)}),
    _row("post-only", "auth_method_wrong", "token", "Secrets are taken in the form only, and the metadata says nothing of it.", client=("confidential", SECRET), takes_basic=False, metadata={"token_endpoint_auth_methods_supported": None}),
    _row("verifier-refused", "verifier_refused", "token", "A right code verifier is refused.", refuses_verifier=True),
    _row("code-refused", "code_refused", "token", "A good code is refused.", refuses={"authorization_code": "The code is not valid"}),
    _row("clock-ahead", "clock_off", "token", "The clock is ten minutes ahead.", shift_s=TEN_MINUTES_S),
    _row("clock-behind", "clock_off", "token", "The clock is ten minutes behind, and ID tokens last five.", shift_s=-TEN_MINUTES_S, lifetime_s=300),
    _row("wrong-issuer", "token_issuer", "token", "The ID token is of another issuer.", claims={"iss": "https://evil.example"}),
    _row("wrong-audience", "token_audience", "token", "The ID token is for another client.", claims={"aud": "somebody-else"}),
    _row("expired", "token_expired", "token", "The ID token was made an hour ago and ended a minute ago.", age_s=HOUR_S, lifetime_s=HOUR_S - 60),
    _row("wrong-nonce", "nonce_mismatch", "token", "The ID token has another nonce.", claims={"nonce": "another-nonce"}),
    _row("no-nonce", "nonce_mismatch", "token", "The ID token has no nonce.", claims={"nonce": None}),
    _row("unsigned", "alg_refused", "token", "The ID token has alg none and no signature.", form="unsigned"),
    _row("hmac-with-public-key", "alg_refused", "token", "The ID token is signed with HS256 and the public key as the secret.", form="hmac"),
    _row("unknown-key", "key_unknown", "token", "The ID token is signed by a key that is not published.", key=UNPUBLISHED_KEY),
    _row("foreign-key", "signature_wrong", "token", "The ID token is signed by another key under the published kid.", key=FOREIGN_KEY),
    _row("changed", "signature_wrong", "token", "The ID token was changed after it was signed.", form="changed"),
    _row("wrong-at-hash", "at_hash_mismatch", "token", "The at_hash is that of another access token.", claims={"at_hash": at_hash("another token")}),
    _row("no-id-token", "id_token_missing", "token", "No ID token comes although openid was asked.", gives_id_token=False),
    _row("no-cors", "cors_only", "cors", "Pages of other origins may read nothing, and OPTIONS is refused.", cors=False),
    _row("refresh-reused", "refresh_refused", "refresh", "Every refresh token is refused.", refuses={"refresh_token": "The refresh token was used already"}),
    _row("userinfo-other-person", "userinfo_sub_differs", "userinfo", "The userinfo endpoint tells of another person.", userinfo={"sub": "somebody-else"}),
    _row("html-token", "token_reply_unreadable", "token", "The token endpoint answers with a page and status 502.", replies={"token": (502, "Bad Gateway")}),
)  # fmt: skip
FAULTS: dict[str, Fault] = {row.name: row for row in _ROWS}


def _public_pem(key: PrivateKey) -> bytes:
    private = key.library_key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign_as(how: Behaviour, claims: Edits, typ: str = "JWT") -> str:
    """A token as a behaviour wants it signed."""
    payload = json.dumps(claims).encode()
    header = {"alg": "RS256", "kid": how.key.kid, "typ": typ}
    match how.form:
        case "signed":
            return sign_with(how.key, header, payload)
        case "unsigned":
            return f"{part({'alg': 'none', 'typ': typ})}.{part(payload)}."
        case "hmac":
            text = f"{part({**header, 'alg': 'HS256'})}.{part(payload)}"
            mac = hmac.new(_public_pem(KEY), text.encode(), "sha256").digest()
            return f"{text}.{part(mac)}"
        case "changed":
            first, _, last = sign_with(how.key, header, payload).split(".")
            return f"{first}.{part({**claims, 'changed': True})}.{last}"


def make_test_ca(name: str = "Misbehaving providers (tests only)") -> Pair:
    """An authority for names below localhost, for a day."""
    return make_ca(name, permitted_dns=["localhost"], permitted_networks=[], days=1)


def _end_yesterday(leaf: x509.Certificate, key: Key) -> x509.Certificate:
    """The same certificate, over since yesterday, signed by the authority's key."""
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    return x509.CertificateBuilder(
        issuer_name=leaf.issuer,
        subject_name=leaf.subject,
        public_key=leaf.public_key(),
        serial_number=leaf.serial_number,
        not_valid_before=ended - dt.timedelta(days=30),
        not_valid_after=ended,
        extensions=list(leaf.extensions),
    ).sign(key, hashes.SHA256())


def make_certificate(kind: Certificate, ca: Pair) -> Pair:
    """The certificate that a place of this kind shows, and its key."""
    match kind:
        case "right":
            return make_leaf([HOST], ca=ca, days=1)
        case "untrusted":
            return make_leaf([HOST], ca=make_test_ca("Nobody knows it"), days=1)
        case "other-name":
            return make_leaf([OTHER_HOST], ca=ca, days=1)
        case "expired":
            leaf, key = make_leaf([HOST], ca=ca, days=1)
            return _end_yesterday(leaf, ca[1]), key
