"""The `jwt` plugin."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ostiary.gateway.directory import build_directory
from ostiary.jose.configured import Verifier, read_verifier
from ostiary.jose.encoding import encode_base64url
from ostiary.jose.errors import MalformedKey
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey
from ostiary.model.credentials import JwtSecret
from ostiary.model.developer_credentials import DeveloperCredential, build_name
from ostiary.model.gateway import Consumer as RowConsumer
from ostiary.model.row import Row
from ostiary.plugins import CATALOG
from ostiary.plugins.jwt import handler
from ostiary.plugins.jwt.handler import (
    Unauthorized,
    check_times,
    decode_secret,
    read_material,
    weigh_material,
)
from tests.unit.plugins.plugin_kit import (
    ANNA,
    Asked,
    FakeConsumers,
    Gate,
    build_snapshot,
    check,
    defaults,
    problems,
)

SECRET = "planted-secret"
NOW = 1_800_000_000


def token(
    claims: dict[str, Any] | None = None,
    *,
    secret: bytes = SECRET.encode(),
    alg: str = "HS256",
    **header: Any,
) -> str:
    head = encode_base64url(json.dumps({"alg": alg, "typ": "JWT", **header}).encode())
    body = encode_base64url(json.dumps({"iss": "key-1", **(claims or {})}).encode())
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{encode_base64url(mac)}"


def bearer(text: str) -> tuple[bytes, bytes]:
    return b"Authorization", f"Bearer {text}".encode()


async def ask(
    config: dict[str, Any], *fields: tuple[bytes, bytes], target: bytes = b"/",
    secret: str = SECRET, **row: Any,
) -> Asked:  # fmt: skip
    consumers = FakeConsumers()
    consumers.give(
        ANNA, "jwt_secrets", "key-1",
        **{"key": "key-1", "algorithm": "HS256", "secret": secret, **row},
    )  # fmt: skip
    return await Gate(("jwt", config), consumers=consumers).ask(target, fields=fields)


def build(gate: Gate, config: dict[str, Any]) -> Any:
    return CATALOG["jwt"].build(check("jwt", config), "jwt", gate.lender.services())


async def ask_of(plugin: Any, rows: Iterable[Row], text: str) -> Asked:
    """Ask one plugin, over consumers as a worker has them."""
    gate = Gate()
    gate.gateway.snapshot = build_snapshot((plugin,), build_directory(rows), {}, {})
    return await gate.ask(fields=(bearer(text),))


def public_pem(key: PrivateKey) -> str:
    pem: bytes = key.library_key.as_pem(private=False)
    return pem.decode()


def said(asked: Asked) -> Any:
    assert asked.reply.status == 401
    assert SECRET.encode() not in asked.reply.body
    return json.loads(asked.reply.body)


@pytest.mark.spec("Kong#jwt")
async def test_a_token_admits_the_consumer_whose_key_signed_it() -> None:
    asked = await ask({}, bearer(token()))

    assert asked.sent("x-consumer-id") == [ANNA.id]
    assert asked.sent("x-credential-identifier") == ["key-1"]


@pytest.mark.spec("Kong#jwt")
async def test_a_token_may_come_by_query_cookie_and_other_fields() -> None:
    config = {"cookie_names": ["tok"], "header_names": ["X-Token"]}
    text = token()

    for fields, target in (
        ((), f"/?jwt={text}"),
        (((b"Cookie", f"a=b; tok={text}".encode()),), "/"),
        (((b"x-token", f"bearer {text}".encode()),), "/"),
        (((b"x-token", f"Bearer {text}".encode()),), f"/?jwt={text}"),
    ):
        asked = await ask(config, *fields, target=target.encode())
        assert asked.sent("x-consumer-id") == [ANNA.id]
    assert said(await ask(config, bearer(text))) == {"message": "Unauthorized"}


@pytest.mark.spec("Kong#jwt")
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("nonsense", {"message": "Bad token; invalid JSON"}),
        (token({"iss": None}), {"message": "No mandatory 'iss' in claims"}),
        (token({"iss": 7}), {"message": "Invalid 'iss' in claims"}),
        (
            token({"iss": "other"}),
            {"message": "No credentials found for given 'iss'"},
        ),
        (token(alg="none"), {"message": "Invalid algorithm"}),
        (token(alg="HS384"), {"message": "Invalid algorithm"}),
        (token(secret=b"other"), {"message": "Invalid signature"}),
        (token(crit=["x"]), {"message": "Bad token; invalid JSON"}),
    ],
)
async def test_a_token_that_is_not_believed_is_refused_with_its_reason(
    text: str, answer: dict[str, str]
) -> None:
    asked = await ask({"realm": "here"}, bearer(text))

    assert said(asked) == answer
    assert asked.got("www-authenticate") == [
        'Bearer realm="here", error="invalid_token"'
    ]


@pytest.mark.spec("Kong#jwt")
async def test_the_challenge_says_no_more_than_there_is() -> None:
    bare = await ask({})
    wrong = await ask({}, bearer("x"))

    assert said(bare) == {"message": "Unauthorized"}
    assert bare.got("www-authenticate") == ["Bearer"]
    assert wrong.got("www-authenticate") == ['Bearer error="invalid_token"']


@pytest.mark.spec("Kong#jwt")
async def test_two_tokens_that_differ_are_refused() -> None:
    target = f"/?jwt={token({'a': 1})}".encode()
    asked = await ask({}, bearer(token()), target=target)

    assert said(asked) == {"message": "Multiple tokens provided"}


@pytest.mark.spec("Kong#jwt")
async def test_the_key_may_be_named_by_another_claim_or_by_the_header() -> None:
    by_claim = await ask({"key_claim_name": "who"}, bearer(token({"who": "key-1"})))
    by_header = await ask({"key_claim_name": "kid"}, bearer(token(kid="key-1")))

    assert (
        by_claim.sent("x-consumer-id") == by_header.sent("x-consumer-id") == [ANNA.id]
    )


@pytest.mark.spec("RFC9110#5.5")
@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\r\nX-Consumer-ID: 1"])
async def test_a_key_that_no_field_can_hold_is_nobodys(sign: str) -> None:
    for name in (f"key{sign}", "key\t", "këy"):
        consumers = FakeConsumers()
        consumers.give(ANNA, "jwt_secrets", name, key=name, secret=SECRET)
        gate = Gate(("jwt", {}), consumers=consumers)
        asked = await gate.ask(fields=(bearer(token({"iss": name})),))

        if sign in name:
            text = "No credentials found for given 'iss'"
            assert said(asked) == {"message": text}
        else:
            assert asked.sent("x-consumer-id") == [ANNA.id]


@pytest.mark.spec("Kong#jwt")
async def test_a_secret_may_be_in_base64() -> None:
    raw = bytes(range(250, 256)) * 6
    for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")):
        asked = await ask(
            {"secret_is_base64": True}, bearer(token(secret=raw)), secret=text.decode()
        )
        assert asked.sent("x-consumer-id") == [ANNA.id]
    broken = await ask({"secret_is_base64": True}, bearer(token()), secret="§")
    assert said(broken) == {"message": "Invalid key/secret"}


@pytest.mark.spec("RFC8725#3.1")
async def test_a_credential_for_key_pairs_takes_no_token_by_secret() -> None:
    asked = await ask({}, bearer(token()), algorithm="RS256", rsa_public_key=SECRET)

    assert said(asked) == {"message": "Invalid key/secret"}


@pytest.mark.spec("RFC8725#3.1")
async def test_a_public_key_that_no_algorithm_verifies_with_is_refused_as_a_bad_one() -> (
    None
):
    key = ec.generate_private_key(ec.BrainpoolP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    asked = await ask(
        {}, bearer(token(alg="ES256")), algorithm="ES256", rsa_public_key=pem
    )

    assert said(asked) == {"message": "Invalid key/secret"}


class Counted:
    """Counts the verifiers that are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        monkeypatch.setattr(handler, "read_verifier", self._read)

    def _read(self, algorithm: str, **more: Any) -> Verifier:
        self.made.append(algorithm)
        return read_verifier(algorithm, **more)


def people(**changed: Any) -> list[Row]:
    """A consumer's credential and a developer's."""
    theirs = str(uuid.UUID(int=7, version=4))
    values = {"secret": SECRET, "algorithm": "HS256", **changed}
    return [
        RowConsumer(id=ANNA.id, username="anna"),
        JwtSecret(id=str(uuid.uuid4()), consumer=ANNA.id, key="key-1", **values),
        DeveloperCredential(
            id=str(uuid.uuid4()), developer=theirs, plugin="jwt",
            name=build_name("jwt", "key-2"), **{**values, "secret": f"{values['secret']}2"},
        ),
    ]  # fmt: skip


async def test_a_verifier_is_made_once_for_whoever_asks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    plugin = build(Gate(), {})

    for _ in range(3):
        for name, secret in (("key-1", SECRET), ("key-2", f"{SECRET}2")):
            good = token({"iss": name}, secret=secret.encode())
            forged = token({"iss": name}, secret=b"other")
            assert (await ask_of(plugin, people(), good)).sent("x-consumer-id")
            assert said(await ask_of(plugin, people(), forged))

    assert counted.made == ["HS256", "HS256"]


async def test_a_changed_secret_or_algorithm_is_not_served_from_what_is_remembered() -> (
    None
):
    plugin = build(Gate(), {})
    for name, old, new in (("key-1", SECRET, "new"), ("key-2", f"{SECRET}2", "new2")):
        before = token({"iss": name}, secret=old.encode())
        after = token({"iss": name}, secret=new.encode())
        changed = people(secret="new")
        other = people(algorithm="HS384")

        assert (await ask_of(plugin, people(), before)).sent("x-consumer-id")
        assert said(await ask_of(plugin, people(), after))
        assert (await ask_of(plugin, changed, after)).sent("x-consumer-id")
        assert said(await ask_of(plugin, changed, before))
        assert said(await ask_of(plugin, other, before)) == {
            "message": "Invalid algorithm"
        }


async def test_a_changed_public_key_is_not_served_from_what_is_remembered() -> None:
    plugin = build(Gate(), {})
    old, new = PrivateKey.generate_ec("a"), PrivateKey.generate_ec("b")
    for name in ("key-1", "key-2"):
        text = sign_jwt({"iss": name}, old)
        rows, changed = (
            people(algorithm="ES256", rsa_public_key=public_pem(key))
            for key in (old, new)
        )

        assert (await ask_of(plugin, rows, text)).sent("x-consumer-id")
        assert said(await ask_of(plugin, changed, text)) == {
            "message": "Invalid signature"
        }


def test_what_is_remembered_is_charged_with_its_size() -> None:
    small = read_material({"algorithm": "RS256", "rsa_public_key": "k" * 400})
    large = read_material({"algorithm": "RS256", "rsa_public_key": "k" * 30_000})
    shared = read_material({"secret": "s" * 30_000, "rsa_public_key": "k"})

    assert weigh_material(large) - weigh_material(small) == 29_600
    assert weigh_material(shared) > 60_000
    assert shared == ("HS256", "s" * 30_000, None)


@pytest.mark.spec("Kong#jwt")
@pytest.mark.parametrize(
    ("claims", "wanted", "maximum", "wrong"),
    [
        ({"exp": NOW + 1}, ("exp",), 0, None),
        ({"exp": NOW}, ("exp",), 0, {"exp": "token expired"}),
        ({}, ("exp",), 0, {"exp": "must be a number"}),
        ({"exp": True}, ("exp",), 0, {"exp": "must be a number"}),
        ({"exp": str(NOW + 1)}, ("exp",), 0, {"exp": "must be a number"}),
        ({"nbf": NOW}, ("nbf",), 0, None),
        ({"nbf": NOW + 1}, ("nbf",), 0, {"nbf": "token not valid yet"}),
        (
            {"nbf": NOW + 1, "exp": NOW},
            ("exp", "nbf"),
            0,
            {"exp": "token expired", "nbf": "token not valid yet"},
        ),
        ({"exp": NOW}, (), 0, None),
        ({"exp": NOW + 60}, ("exp",), 60, None),
        (
            {"exp": NOW + 61},
            ("exp",),
            60,
            {"exp": "exceeds maximum allowed expiration"},
        ),
    ],
)
async def test_times_are_looked_at_as_configured(
    claims: dict[str, Any], wanted: tuple[str, ...], maximum: int, wrong: Any
) -> None:
    config = {"claims_to_verify": wanted, "maximum_expiration": maximum}
    asked = await ask(config, bearer(token(claims)))

    if wrong is None:
        assert asked.sent("x-consumer-id") == [ANNA.id]
    else:
        assert said(asked) == wrong


def test_a_token_without_an_end_exceeds_every_maximum() -> None:
    with pytest.raises(Unauthorized):
        check_times({}, (), maximum_s=60, now=NOW)


@pytest.mark.spec("Kong#jwt")
async def test_who_has_no_token_may_be_the_anonymous_consumer() -> None:
    asked = await ask({"anonymous": "nobody"}, bearer(token(secret=b"other")))

    assert asked.sent("x-anonymous-consumer") == ["true"]


@pytest.mark.spec("Kong#jwt")
def test_defaults_are_kongs_and_a_maximum_needs_exp() -> None:
    assert defaults("jwt") == {
        "uri_param_names": ["jwt"],
        "cookie_names": [],
        "header_names": ["authorization"],
        "key_claim_name": "iss",
        "secret_is_base64": False,
        "claims_to_verify": None,
        "maximum_expiration": 0,
        "anonymous": None,
        "run_on_preflight": True,
        "realm": None,
    }
    assert problems("jwt", {"maximum_expiration": 5}) == (
        (("claims_to_verify",), "expected to contain: exp"),
        (
            ("@entity",),
            "failed conditional validation given value of field 'config.maximum_expiration'",
        ),
    )
    assert problems("jwt", {"maximum_expiration": 31536001}) == (
        (("maximum_expiration",), "value should be between 0 and 31536000"),
    )


@given(st.binary(max_size=80))
def test_every_secret_in_base64_is_read_back(raw: bytes) -> None:
    assert decode_secret(base64.b64encode(raw).decode()) == raw
    assert decode_secret(encode_base64url(raw)) == raw


@given(st.text(max_size=30))
def test_any_text_is_a_secret_or_refused(text: str) -> None:
    with contextlib.suppress(MalformedKey):
        assert isinstance(decode_secret(text), bytes)
