"""
Why tokens are not believed: the rules of `causes` that look at what a provider signed, and the notes.

Spec: OpenID Connect Core 1.0 §3.1.3.7, RFC 8725, RFC 9068 §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ostiary.debugger.judging import read_skew_s, show_token
from ostiary.debugger.situation import Situation
from ostiary.debugger.values import Cause
from ostiary.jose.keys import ASYMMETRIC_ALGORITHMS
from ostiary.oidc.claims import read_time
from ostiary.oidc.errors import TokenRefused
from ostiary.oidc.rp.checks import Check

_TIMES: Final = frozenset({"clock", "ID token: exp", "ID token: iat", "ID token: nbf"})


def find_clock(s: Situation) -> Cause | None:
    """What a clock explains; it must not hide what it does not, such as a wrong signature."""
    if any(not c.passed and c.name not in _TIMES and not is_harmless(c) for c in s.checks):  # fmt: skip
        return None
    skew: float | None = None
    if s.failed("clock") and s.reply is not None:
        skew = read_skew_s(s.reply, s.now)
    elif s.failed("ID token: iat"):
        # Its Date is right or missing, but what it signs is of the future.
        skew = _issued_ahead_s(s)
    if skew is None:
        return None
    side = "ahead of" if skew > 0 else "behind"
    minutes = f" ({abs(skew) / 60:.0f} minutes)" if abs(skew) >= 120 else ""
    return Cause(
        code="clock_off",
        text=f"The provider's clock is {abs(skew):.0f} s{minutes} {side} this machine's: one of the two is wrong.",
        remedy="Set the wrong one (NTP). If that is not yours to do, config.leeway allows for the difference in seconds, "
        "and makes ended tokens good for as long.",
    )  # fmt: skip


def _issued_ahead_s(s: Situation) -> float | None:
    try:
        issued = read_time(show_token("", s.id_token).claims or {}, "iat")
    except TokenRefused:
        return None
    return None if issued is None else issued - s.now


def find_alg(s: Situation) -> Cause | None:
    """An algorithm that is not believed."""
    header = show_token("", s.id_token).header
    check = s.failed("ID token: alg", "ID token: form")
    if header is None or check is None:
        return None
    alg = header.get("alg")
    is_malformed = check.name == "ID token: form" and (alg in ASYMMETRIC_ALGORITHMS or not isinstance(alg, str))  # fmt: skip
    if is_malformed:
        return None
    if alg == "none":
        text = "The ID token is not signed (alg none): anybody could have written it."
    elif isinstance(alg, str) and alg.startswith("HS"):
        text = f"The ID token is signed with {alg[:40]}: with a secret, which everybody who can verify it can also sign with."
    else:
        text = f"The ID token is signed with {str(alg)[:40]}, which is not among what is believed."
    remedy = "Choose RS256, PS256, ES256 or EdDSA for this client's ID tokens at the provider."
    return Cause(code="alg_refused", text=text, remedy=remedy)


def find_form(s: Situation) -> Cause | None:
    """What is no token of a form that can be read."""
    check = s.failed("ID token: form")
    if check is None:
        return None
    if s.id_token.count(".") == 4:
        return Cause(
            code="token_encrypted",
            text="The ID token is encrypted (JWE), which the gateway does not open.",
            remedy="Have the provider sign this client's ID tokens without encrypting them: TLS keeps them from others already.",
        )
    return Cause(
        code="token_malformed",
        text=f"The ID token cannot be read: {check.got}.",
        remedy="It must be a signed JWT (RFC 7519), as the provider sent it: see what cut or changed it on the way.",
    )


def find_signature(s: Situation) -> Cause | None:
    """A signature that no key of the provider made."""
    if (check := s.failed("ID token: kid")) is not None:
        if check.expected.endswith(": none"):
            return Cause(
                code="keys_unknown",
                text="The ID token cannot be verified: no signing key of the provider is known.",
                remedy="Type the address of its signing keys (jwks_uri), or an issuer that has a discovery document.",
            )
        named = "names no key, and none that the provider publishes fits its algorithm"
        if check.got != "nothing":
            named = f"names the key {check.got}, which the provider does not publish for its algorithm"  # fmt: skip
        return Cause(
            code="key_unknown",
            text=f"The ID token {named}.",
            remedy="The keys may have just changed: begin anew. If it stays so, the token is from another provider, or jwks_uri shows old keys.",
        )  # fmt: skip
    if s.failed("ID token: signature"):
        return Cause(
            code="signature_wrong",
            text="The ID token's signature was not made by the provider's key: it was changed after it was signed, or another key signed it.",
            remedy="Do not believe it. See what stands between this machine and the provider, and that jwks_uri is the provider's own.",
        )  # fmt: skip
    return None


_CLAIMS: Final[Mapping[str, tuple[str, str, str]]] = {
    "iss": ("token_issuer", "is from {got}, and {expected} was asked",
            "Use that issuer only if it is the provider you mean: whoever is listed in config.issuers_allowed can sign anybody in."),
    "aud": ("token_audience", "is for {got}, not for {expected}",
            "It is a token of another client's. Check the client ID; a token for somebody else must not be believed."),
    "exp": ("token_expired", "has ended: exp is {got}",
            "The provider gives out tokens that are over, or keeps them too long in a cache."),
    "nbf": ("token_not_yet", "is not good yet: nbf is {got}", "Compare the clocks; config.leeway allows for seconds."),
    "iat": ("token_times", "was not issued before now: iat is {got}", "Compare the clocks; the provider must put iat in."),
    "nonce": ("nonce_mismatch", "has {got} as nonce, not the one that this sign-in was sent with",
              "The provider must copy the nonce of the request. A token of another sign-in must not be believed."),
    "at_hash": ("at_hash_mismatch", "belongs to another access token, by its at_hash",
                "The two were mixed up on the way or by the provider: believe neither."),
    "sub": ("sub_missing", "does not say who the person is", "The provider must put sub in."),
    "azp": ("token_party", "was made for the client {got} (azp), not for this one", "It is a token of another client's sign-in."),
    "typ": ("token_kind", "is of the type {got}", "It is no ID token."),
    "token_use": ("token_kind", "says token_use {got}, not {expected}", "It is no ID token."),
}  # fmt: skip


def find_claim(s: Situation) -> Cause | None:
    """The first claim that does not fit."""
    for name, (code, text, remedy) in _CLAIMS.items():
        check = s.failed(f"ID token: {name}")
        if check is None:
            continue
        if name == "iss" and not check.expected:
            return Cause(
                code=code,
                text=f"The ID token is from {check.got}, and no issuer was typed to hold it against.",
                remedy=f"Type the issuer {check.got}, if that is the provider you mean.",
            )
        said = text.format(got=check.got, expected=check.expected)
        if check.got.startswith("nothing") and name != "sub":
            said = f"has no {name}" if name != "azp" else "is for several audiences, and does not say which client asked for it (azp)"  # fmt: skip
        return Cause(code=code, text=f"The ID token {said}.", remedy=remedy)
    return None


def find_missing_id_token(s: Situation) -> Cause | None:
    """No ID token, though openid was asked for."""
    if s.failed("id_token") is None:
        return None
    return Cause(
        code="id_token_missing",
        text="openid was asked for, and the provider gave no ID token.",
        remedy="Allow the scope openid for the client; a plain OAuth 2.0 provider gives none, so that nobody can be signed in by it.",
    )


def is_harmless(check: Check) -> bool:
    """
    Whether a check that fails hinders no sign-in, so that a note is enough.

    Access tokens are for the provider's own APIs: Keycloak's are for `account`, Entra's for Graph.
    A provider may give fewer scopes than were asked for (RFC 6749 §3.3).
    """
    return check.name == "scope" or check.name.startswith(_ACCESS)


def note_scope(s: Situation) -> Cause | None:
    """Fewer scopes than were asked for."""
    check = s.failed("scope")
    if check is None:
        return None
    return Cause(
        code="scope_narrowed",
        text=f"The provider gave fewer scopes than were asked for: {' '.join(sorted(set(check.expected.split()) - set(check.got.split())))} is missing.",
        remedy="This hinders nobody's sign-in. If claims or rights are missing later, allow the scopes for the client at the provider.",
        level="note",
    )


def note_access_token(s: Situation) -> Cause | None:
    """An access token that would not be taken as a bearer token."""
    failed = [c for c in s.checks if not c.passed and c.name.startswith(_ACCESS)]
    if find_clock(s) is not None:  # which says why its times do not fit
        failed = [c for c in failed if c.name.removeprefix(_ACCESS) not in {"exp", "iat", "nbf"}]  # fmt: skip
    if not failed:
        return None
    why = "; ".join(f"{c.name.removeprefix(_ACCESS)} is {c.got}, expected {c.expected}" for c in failed)  # fmt: skip
    return Cause(
        code="access_token_unusable",
        text=f"The access token would not be taken as a bearer token: {why}.",
        remedy="This hinders nobody's sign-in. For programs that send it to the gateway, see config.audience_required and config.issuers_allowed.",
        level="note",
    )  # fmt: skip


_ACCESS: Final = "access token: "
