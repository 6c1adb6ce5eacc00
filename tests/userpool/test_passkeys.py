"""Passkeys through the API, made by an authenticator of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.userpool.people_kit import ADA, Stage, open_stage, read_claims

RP = "login.example.org"
ORIGIN = f"https://{RP}"
UP, UV, AT = 0x01, 0x04, 0x40


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One credential on P-256, as a security key holds it."""

    origin: str = ORIGIN
    rp: str = RP
    flags: int = UP | UV
    count: int = 1
    id: bytes = b"credential-of-ada"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": self.origin}
        ).encode()

    def _data(self, flags: int, more: bytes = b"") -> bytes:
        rp_hash = hashlib.sha256(self.rp.encode()).digest()
        return rp_hash + bytes([flags]) + struct.pack(">I", self.count) + more

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps(
            {
                1: 2,
                3: -7,
                -1: 1,
                -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        )
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cose
        data = self._data(self.flags | AT, attested)
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options["challenge"])
        return {
            "id": encode(self.id),
            "rawId": encode(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client_data),
                "attestationObject": encode(statement),
                "transports": ["internal"],
            },
        }

    def get(self, text: str) -> str:
        options = json.loads(text)
        self.count += 1
        data = self._data(self.flags)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signed = data + hashlib.sha256(client_data).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return json.dumps(
            {
                "id": encode(self.id),
                "rawId": encode(self.id),
                "type": "public-key",
                "clientExtensionResults": {},
                "response": {
                    "clientDataJSON": encode(client_data),
                    "authenticatorData": encode(data),
                    "signature": encode(signature),
                },
            }
        )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        await opened.build(
            Policies={
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
            }
        )
        await opened.sdk.call(
            "SetUserPoolMfaConfig",
            UserPoolId=opened.pool_id,
            WebAuthnConfiguration={
                "RelyingPartyId": RP,
                "UserVerification": "required",
            },
        )
        await opened.add_user()
        yield opened


async def start(stage: Stage) -> tuple[str, Any]:
    token = (await stage.tokens())["AccessToken"]
    begun = await stage.sdk.call("StartWebAuthnRegistration", AccessToken=token)
    return token, begun["CredentialCreationOptions"]


async def register(stage: Stage, key: Authenticator) -> str:
    token, options = await start(stage)
    await stage.sdk.call(
        "CompleteWebAuthnRegistration",
        AccessToken=token,
        Credential=key.create(options),
    )
    return token


async def ask(stage: Stage) -> Any:
    return await stage.sdk.call(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": ADA, "PREFERRED_CHALLENGE": "WEB_AUTHN"},
    )


async def refuse_answer(stage: Stage, key: Authenticator) -> tuple[str, str]:
    asked = await ask(stage)
    options = asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]
    return await stage.respond_refused(asked, CREDENTIAL=key.get(options))


async def test_the_options_are_those_of_the_service(stage: Stage) -> None:
    _, options = await start(stage)

    assert options["rp"] == {"id": RP, "name": RP}
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [-7, -257]
    assert options["timeout"] == 60000


@pytest.mark.spec("WebAuthn#7.1")
@pytest.mark.spec("WebAuthn#7.2")
async def test_a_passkey_signs_in_without_a_password(stage: Stage) -> None:
    key = Authenticator()
    token = await register(stage, key)
    asked = await ask(stage)
    assert (asked["ChallengeName"], asked["AvailableChallenges"]) == (
        "WEB_AUTHN",
        ["WEB_AUTHN"],
    )
    options = asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]
    done = await stage.respond(asked, CREDENTIAL=key.get(options))
    listed = await stage.sdk.call("ListWebAuthnCredentials", AccessToken=token)
    factors = await stage.sdk.call("GetUserAuthFactors", AccessToken=token)

    claims = read_claims(done["AuthenticationResult"]["AccessToken"])
    assert claims["username"] == ADA
    (credential,) = listed["Credentials"]
    assert credential["CredentialId"] == encode(key.id)
    assert credential["AuthenticatorTransports"] == ["internal"]
    assert set(factors["ConfiguredUserAuthFactors"]) == {"PASSWORD", "WEB_AUTHN"}


async def test_an_answer_of_a_passkey_works_once(stage: Stage) -> None:
    key = Authenticator()
    await register(stage, key)
    asked = await ask(stage)
    options = asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]
    answer = key.get(options)
    await stage.respond(asked, CREDENTIAL=answer)

    assert (await stage.respond_refused(asked, CREDENTIAL=answer))[
        0
    ] == "NotAuthorizedException"


@pytest.mark.spec("WebAuthn#7.2")
@pytest.mark.parametrize(
    "change",
    [
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"rp": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": f"http://{RP}"},
        {"origin": f"https://{RP}.evil.example"},
        {"flags": UP},
        {"flags": 0},
        {"id": b"another"},
        {"count": -1},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_another_key_page_or_host_signs_nobody_in(
    stage: Stage, change: dict[str, Any]
) -> None:
    key = Authenticator(count=5)
    await register(stage, key)
    for name, value in change.items():
        setattr(key, name, value)

    assert await refuse_answer(stage, key) == (
        "NotAuthorizedException",
        "The passkey could not be verified.",
    )


async def test_what_is_no_credential_signs_nobody_in(stage: Stage) -> None:
    await register(stage, Authenticator())
    for text in ("x", "{}", '{"id": "x"}', "[]", '{"id": 1, "response": {}}'):
        asked = await ask(stage)
        assert (await stage.respond_refused(asked, CREDENTIAL=text))[
            0
        ] == "NotAuthorizedException"


@pytest.mark.spec("WebAuthn#7.1")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"origin": "https://evil.example"},
            "WebAuthnOriginNotAllowedException",
        ),
        ({"rp": "evil.example"}, "WebAuthnCredentialNotSupportedException"),
        ({"flags": UP}, "WebAuthnCredentialNotSupportedException"),
    ],
)
async def test_a_credential_for_somebody_else_is_not_registered(
    stage: Stage, change: dict[str, Any], expected: str
) -> None:
    token, options = await start(stage)
    credential = Authenticator(**change).create(options)
    code, _ = await stage.sdk.refused(
        "CompleteWebAuthnRegistration", AccessToken=token, Credential=credential
    )

    assert code == expected


def attested(key: object, **change: object) -> str:
    """An attestation whose key, or other part, is what a test wants."""
    head = hashlib.sha256(RP.encode()).digest() + bytes([UP | UV | AT]) + bytes(4 + 16)
    raw = key if isinstance(key, bytes) else cbor2.dumps(key)
    data = head + b"\0\1a" + raw
    made = {"fmt": "none", "attStmt": {}, "authData": data, **change}
    return encode(cbor2.dumps(made))


COSE = {1: 2, 3: -7, -1: 1, -2: b"1" * 32, -3: b"2" * 32}
NESTED = b"\x81" * 30_000


@pytest.mark.parametrize(
    "response",
    [
        {"clientDataJSON": encode(b"[" * 100_000)},
        {"clientDataJSON": encode(b"7")},
        {"attestationObject": encode(NESTED)},
        {"attestationObject": encode(b"\x01")},
        {"attestationObject": attested(NESTED)},
        {"attestationObject": attested([1, 2])},
        {"attestationObject": attested(COSE, authData=1)},
        {"attestationObject": attested(COSE, fmt=[1], attStmt=7)},
        {
            "attestationObject": attested(
                COSE, fmt="packed", attStmt={"alg": -7, "sig": 1, "x5c": [b"x"]}
            )
        },
        {
            "attestationObject": attested(
                COSE, fmt="tpm", attStmt={"ver": "2.0", "certInfo": b"x"}
            )
        },
    ],
)
async def test_what_is_no_credential_is_not_registered(
    stage: Stage, response: dict[str, str]
) -> None:
    token, options = await start(stage)
    credential = Authenticator().create(options)
    credential["response"] |= response
    code, _ = await stage.sdk.refused(
        "CompleteWebAuthnRegistration", AccessToken=token, Credential=credential
    )

    assert code == "WebAuthnCredentialNotSupportedException"


@pytest.mark.parametrize(
    "key", [{**COSE, -2: 1, -3: 2}, COSE, {**COSE, -1: 2}, {1: 3, 3: -257}, 4]
)
async def test_a_key_that_is_none_is_not_registered(stage: Stage, key: object) -> None:
    """Numbers that are no point, no point of the curve, of another curve, or no key at all."""
    token, options = await start(stage)
    credential = Authenticator(id=b"a").create(options)
    credential["response"]["attestationObject"] = attested(key)
    code, _ = await stage.sdk.refused(
        "CompleteWebAuthnRegistration", AccessToken=token, Credential=credential
    )
    listed = await stage.sdk.call("ListWebAuthnCredentials", AccessToken=token)

    assert code == "WebAuthnCredentialNotSupportedException"
    assert listed["Credentials"] == []


async def test_a_credential_with_a_name_too_long_to_keep_is_not_registered(
    stage: Stage,
) -> None:
    token, options = await start(stage)
    credential = Authenticator(id=b"c" * 193).create(options)
    code, _ = await stage.sdk.refused(
        "CompleteWebAuthnRegistration", AccessToken=token, Credential=credential
    )

    assert code == "WebAuthnCredentialNotSupportedException"


async def test_a_registration_is_asked_for_and_works_once(stage: Stage) -> None:
    token, options = await start(stage)
    members = {"AccessToken": token, "Credential": Authenticator().create(options)}
    stage.site.clock.pass_s(300)
    late = await stage.sdk.refused("CompleteWebAuthnRegistration", **members)
    again = await stage.sdk.refused("CompleteWebAuthnRegistration", **members)

    assert late[0] == again[0] == "WebAuthnChallengeNotFoundException"


async def test_a_passkey_that_is_deleted_is_no_way_in(stage: Stage) -> None:
    key = Authenticator()
    token = await register(stage, key)
    members = {"AccessToken": token, "CredentialId": encode(key.id)}
    await stage.sdk.call("DeleteWebAuthnCredential", **members)

    assert (await ask(stage))["ChallengeName"] == "SELECT_CHALLENGE"
    assert (await stage.sdk.refused("DeleteWebAuthnCredential", **members))[
        0
    ] == "ResourceNotFoundException"


async def test_pools_without_passkeys_say_so(stage: Stage) -> None:
    await stage.build()
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    code, _ = await stage.sdk.refused("StartWebAuthnRegistration", AccessToken=token)

    assert code == "WebAuthnNotEnabledException"


async def test_a_passkey_does_not_replace_a_second_factor_unless_it_is_two(
    stage: Stage,
) -> None:
    key = Authenticator()
    await register(stage, key)
    await stage.sdk.call(
        "SetUserPoolMfaConfig",
        UserPoolId=stage.pool_id,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    await stage.add_app()
    asked = await ask(stage)
    options = asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]
    step = await stage.respond(asked, CREDENTIAL=key.get(options))
    assert step["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    await stage.sdk.call(
        "SetUserPoolMfaConfig",
        UserPoolId=stage.pool_id,
        WebAuthnConfiguration={
            "RelyingPartyId": RP,
            "UserVerification": "required",
            "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
        },
    )
    asked = await ask(stage)
    options = asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]
    done = await stage.respond(asked, CREDENTIAL=key.get(options))
    assert "AuthenticationResult" in done
