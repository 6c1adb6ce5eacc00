"""
Passkeys: registered by who is signed in, and good for signing in without a password.

Spec: Web Authentication Level 3 §7.1, §7.2; cognito §3.4, §3.7 (WEB_AUTHN).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json,
    parse_attestation_object,
)
from webauthn.helpers.cose import COSECRV, COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import (
    DecodedEC2PublicKey,
    DecodedRSAPublicKey,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationObject,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from ostiary.model.pool import Pool, Record, User
from ostiary.userpool import messages
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.refusal import AccountError

NAME: Final = "WEB_AUTHN"
ANSWER: Final = "CREDENTIAL"
CHALLENGE_BYTES: Final = 32
_TWO_FACTORS: Final = "MULTI_FACTOR_WITH_USER_VERIFICATION"
_TIMEOUT_MS: Final = 60_000
_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
# RFC 8812 §2 asks for 2048 bits; longer ones than the last only make every sign-in slow.
_RSA_BITS: Final = range(2048, 8193)
# Twice what the longest of them takes: leading zeros and other members would be kept too.
_MAX_KEY_BYTES: Final = 4096
# As much as the record's name holds. Authenticators make far shorter ones.
_MAX_ID: Final = 256
Json = Mapping[str, Any]  # Any: JSON
T = TypeVar("T")
# The library trusts the types of what it decodes (CBOR can hold a mail, or a network): beside
# its own errors come the language's, and ValueErrors of JSON, base64 and cryptography.
_UNREADABLE: Final = (
    WebAuthnException,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """Whom passkeys are for: the host that pages must be of, and how much they must prove."""

    id: str
    name: str
    verification: UserVerificationRequirement
    is_two_factors: bool = False

    @property
    def is_second_factor(self) -> bool:
        """Whether a passkey is two factors in one: it must have asked for finger, face or PIN."""
        return self.is_two_factors and self.needs_verification

    @property
    def needs_verification(self) -> bool:
        return self.verification is UserVerificationRequirement.REQUIRED

    def allows(self, origin: str) -> bool:
        """Tell whether a page's origin is this host or below it; in the clear only on loopback."""
        try:
            parts = urlsplit(origin)
            host = parts.hostname or ""
        except ValueError:
            return False
        below = host == self.id or host.endswith(f".{self.id}")
        plain = parts.scheme == "http" and (
            host == "localhost" or host.endswith(".localhost")
        )
        return below and (parts.scheme == "https" or plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A registered credential, as its record keeps it."""

    id: str
    public_key: str = field(repr=False)
    sign_count: int
    relying_party: str
    name: str
    attachment: str | None
    transports: tuple[str, ...]
    created_at: float

    def to_value(self) -> dict[str, Any]:  # Any: JSON
        """What the record holds beside name and times."""
        return {
            "public_key": self.public_key,
            "sign_count": self.sign_count,
            "relying_party": self.relying_party,
            "name": self.name,
            "attachment": self.attachment,
            "transports": list(self.transports),
        }


def read_passkey(record: Record) -> Passkey:
    """A passkey of its record."""
    value = dict(record.value)
    transports = tuple(value.pop("transports"))
    return Passkey(
        id=record.name, created_at=record.created_at, transports=transports, **value
    )


def is_allowed(pool: Pool) -> bool:
    """Tell whether the pool lets people begin with a passkey."""
    policy = pool.settings.Policies.SignInPolicy
    return policy is not None and NAME in policy.AllowedFirstAuthFactors


def find_relying_party(config: UserPoolConfig, pool: Pool) -> RelyingParty:
    """
    Whom the pool's passkeys are for: what it is set to, else the host of its pages.

    Raises:
        AccountError: WebAuthnNotEnabledException or WebAuthnConfigurationMissingException.
    """
    if not is_allowed(pool):
        raise AccountError("WebAuthnNotEnabledException", messages.PASSKEYS_OFF)
    settings = pool.mfa.WebAuthnConfiguration or {}
    named = settings.get("RelyingPartyId")
    if not named:
        url = config.domain_url(pool.domain or pool.custom_domain)
        named = urlsplit(url).hostname if url else None
    if not named:
        raise AccountError(
            "WebAuthnConfigurationMissingException", messages.PASSKEYS_UNCONFIGURED
        )
    wanted = settings.get("UserVerification", "preferred")
    return RelyingParty(
        id=str(named),
        name=str(named),
        verification=UserVerificationRequirement(wanted),
        is_two_factors=settings.get("FactorConfiguration") == _TWO_FACTORS,
    )


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _known(passkeys: tuple[Passkey, ...]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=_decode(p.id)) for p in passkeys]


def build_creation_options(
    party: RelyingParty, user: User, passkeys: tuple[Passkey, ...], challenge: bytes
) -> dict[str, Any]:  # Any: JSON
    """What a page hands to `navigator.credentials.create`."""
    shown = user.attributes.get("email") or user.username
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=user.sub.encode(),
        user_name=shown,
        user_display_name=shown,
        challenge=challenge,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=party.verification,
        ),
        exclude_credentials=_known(passkeys),
        supported_pub_key_algs=_ALGORITHMS,
    )
    made: dict[str, Any] = json.loads(options_to_json(options))  # Any: JSON
    return made


def _unreadable() -> AccountError:
    return AccountError(
        "WebAuthnCredentialNotSupportedException", messages.PASSKEY_UNREADABLE
    )


def _read(what: Callable[[], T], refusal: AccountError) -> T:
    """
    What is made of bytes that a stranger may have sent.

    Raises:
        AccountError: The refusal: nothing can be made of them.
    """
    try:
        return what()
    except _UNREADABLE as error:
        raise refusal from error


def _find_origin(party: RelyingParty, credential: Json) -> str:
    """
    The origin that the browser says the page had.

    Raises:
        AccountError: It cannot be read, or is no page of the relying party.
    """

    def read() -> str:
        told = json.loads(_decode(credential["response"]["clientDataJSON"]))
        return str(told["origin"])

    origin = _read(read, _unreadable())
    if not party.allows(origin):
        raise AccountError("WebAuthnOriginNotAllowedException", messages.PASSKEY_ORIGIN)
    return origin


def _is_attested(found: AttestationObject) -> bool:
    """
    Tell whether a maker vouches for an authenticator. Nobody asked; browsers leave it out.

    Stricter than §7.1: else certificates of strangers would be parsed, which nobody believes.

    Spec: Web Authentication Level 3 §5.1.3 (what `none` leaves: no statement, or the key's own).
    """
    return found.fmt not in {"none", "packed"} or found.att_stmt.x5c is not None


def _check_key(public_key: bytes) -> None:
    """
    See that a key can prove anything, of which the library has seen no more than its number.

    Spec: Web Authentication Level 3 §5.8.5 (ES256 is on P-256); RFC 8812 §2.

    Raises:
        AccountError: It is none of the kinds that were asked for.
        WebAuthnException, ValueError, TypeError: Its numbers make no key.
    """
    if len(public_key) > _MAX_KEY_BYTES:
        raise _unreadable()
    key = decode_credential_public_key(public_key)
    match key:
        case DecodedEC2PublicKey(
            alg=COSEAlgorithmIdentifier.ECDSA_SHA_256, crv=COSECRV.P256
        ):
            pass
        case DecodedRSAPublicKey(
            alg=COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256, n=n
        ) if int.from_bytes(n, "big").bit_length() in _RSA_BITS:
            pass
        case _:
            raise _unreadable()
    decoded_public_key_to_cryptography(key)


def read_registration(
    party: RelyingParty, credential: Json, challenge: bytes, *, now: float
) -> Passkey:
    """
    The passkey that a browser has made, if it is for this challenge and host.

    Raises:
        AccountError: WebAuthnOriginNotAllowedException, WebAuthnCredentialNotSupportedException.
    """
    origin = _find_origin(party, credential)

    def verify() -> VerifiedRegistration:
        statement = _decode(credential["response"]["attestationObject"])
        if _is_attested(parse_attestation_object(statement)):
            raise _unreadable()
        verified = verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=origin,
            require_user_verification=party.needs_verification,
            supported_pub_key_algs=_ALGORITHMS,
        )
        _check_key(verified.credential_public_key)
        return verified

    verified = _read(verify, _unreadable())
    named = _encode(verified.credential_id)
    if len(named) > _MAX_ID:
        raise _unreadable()
    response = credential["response"]
    attachment = credential.get("authenticatorAttachment")
    transports = response.get("transports")
    return Passkey(
        id=named,
        public_key=_encode(verified.credential_public_key),
        sign_count=verified.sign_count,
        relying_party=party.id,
        name="Passkey",
        attachment=attachment if isinstance(attachment, str) else None,
        transports=tuple(t for t in transports if isinstance(t, str))
        if isinstance(transports, list)
        else (),
        created_at=now,
    )


def build_request_options(
    party: RelyingParty, passkeys: tuple[Passkey, ...], challenge: bytes
) -> str:
    """What a page hands to `navigator.credentials.get`, as JSON text."""
    return options_to_json(
        generate_authentication_options(
            rp_id=party.id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            allow_credentials=_known(passkeys),
            user_verification=party.verification,
        )
    )


def read_assertion(
    party: RelyingParty, text: str, passkeys: tuple[Passkey, ...], challenge: bytes
) -> tuple[Passkey, int]:
    """
    The passkey that an answer proves, and its new counter.

    Raises:
        AccountError: NotAuthorizedException: it proves none of them.
    """
    wrong = AccountError("NotAuthorizedException", messages.PASSKEY_WRONG)
    credential = _read(lambda: dict(json.loads(text)), wrong)
    try:
        origin = _find_origin(party, credential)
    except AccountError as error:
        raise wrong from error
    named = str(credential.get("id")).rstrip("=")
    found = next((p for p in passkeys if p.id == named), None)
    if found is None:
        raise wrong
    verified = _read(
        lambda: verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=origin,
            credential_public_key=_decode(found.public_key),
            credential_current_sign_count=found.sign_count,
            require_user_verification=party.needs_verification,
        ),
        wrong,
    )
    return found, verified.new_sign_count
