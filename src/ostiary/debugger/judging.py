"""
Each reply held against every rule of its step: expected, got, passed.

Nothing is decided here; the rules of tokens are those of `oidc.rp.checks`, which the gateway's own
judge agrees with.

Spec: OpenID Connect Discovery 1.0 §3-4, OpenID Connect Core 1.0 §3.1.2-3.1.3 and §5.3.2, RFC 6749 §5,
RFC 7009 §2.2, RFC 7636 §4.6, RFC 7662 §2.2, RFC 9207 §2.4.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from ostiary.debugger.values import ENDPOINTS, Flow, Setup, TokenShown
from ostiary.http.exchange import IncomingReply
from ostiary.http.forms import Pairs, first, repeated
from ostiary.http.url import is_http_url
from ostiary.jose.encoding import parse_json_object
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import is_compact_jws
from ostiary.jose.keys import KeySet, parse_jwks
from ostiary.oidc.claims import is_same_issuer
from ostiary.oidc.pkce import build_challenge
from ostiary.oidc.rp.authorization import RESPONSE_PARAMETERS
from ostiary.oidc.rp.checks import (
    Check,
    check_access_token,
    check_claims,
    check_id_token,
    check_key,
    check_signature,
)
from ostiary.oidc.rp.metadata import normalise_issuer
from ostiary.oidc.rp.verify import Rules

MAX_SKEW_S: Final = 30
PKCE_WORDS: Final = re.compile(r"pkce|proof key|code[ _-]?verifier|code[ _-]?challenge", re.IGNORECASE)  # fmt: skip
_SHOWN: Final = 200
Json = Mapping[str, Any]  # Any: JSON


def _check(name: str, passed: bool, expected: str, got: object) -> Check:  # noqa: FBT001 - one of four in order
    return Check(
        name=name, passed=passed, expected=expected[:_SHOWN], got=str(got)[:_SHOWN]
    )


def read_object(reply: IncomingReply) -> dict[str, Any] | None:
    """The JSON object of a reply, or None where it is none."""
    try:
        return parse_json_object(reply.body)
    except JoseError:
        return None


def text_of(document: Json | None, name: str) -> str:
    """A member that is a text; empty where it is none."""
    value = (document or {}).get(name)
    return value if isinstance(value, str) else ""


def texts_of(document: Json | None, name: str) -> tuple[str, ...] | None:
    """The texts of a member that is an array; None where it is none."""
    value = (document or {}).get(name)
    if not isinstance(value, list):
        return None
    return tuple(v for v in value if isinstance(v, str))


def read_words(document: Json | None) -> tuple[str, str]:
    """A refusal's error and description: those of OAuth, or as Okta and Microsoft Graph name them."""
    inner = (document or {}).get("error")
    if isinstance(inner, dict):
        return text_of(inner, "code"), text_of(inner, "message")
    error = text_of(document, "error") or text_of(document, "errorCode")
    description = text_of(document, "error_description") or text_of(document, "errorSummary")  # fmt: skip
    return error, description


def read_skew_s(reply: IncomingReply, now: float) -> float | None:
    """
    By how many seconds the provider's clock is ahead of ours; None where it does not say.

    A cache on the way leaves `Date` as it was, and tells in `Age` for how long it kept the reply
    (Google's discovery document is hours old).

    Spec: RFC 9110 §6.6.1, RFC 9111 §5.1.
    """
    try:
        date = parsedate_to_datetime(reply.fields.get("date", ""))
    except (ValueError, OverflowError):
        return None
    age = reply.fields.get("age", "").strip()
    kept_s = int(age) if re.fullmatch("[0-9]{1,9}", age) else 0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return date.timestamp() + kept_s - now


def check_clock(reply: IncomingReply, now: float) -> Iterator[Check]:
    """The `Date` of a reply beside our clock, where there is one."""
    skew = read_skew_s(reply, now)
    if skew is not None:
        expected = f"within {MAX_SKEW_S} s of ours"
        said = f"{skew:+.0f} s (Date: {reply.fields['date']})"
        yield _check("clock", abs(skew) <= MAX_SKEW_S, expected, said)


def check_status(reply: IncomingReply, expected: str = "200") -> Check:
    """The status of a reply that should have gone well."""
    return _check("status", reply.status == 200, expected, reply.status)


def check_discovery(
    reply: IncomingReply, setup: Setup, now: float
) -> tuple[Check, ...]:
    """The provider's document: there, readable, about the issuer that was typed, and of use."""
    document = read_object(reply)
    found = [
        check_status(reply),
        _check("document", document is not None, "a JSON object",
               "a JSON object" if document is not None else reply.fields.get("content-type", "something else")),
        *check_clock(reply, now),
    ]  # fmt: skip
    if document is None or reply.status != 200:
        return tuple(found)
    wanted, said = normalise_issuer(setup.issuer), text_of(document, "issuer")
    found.append(_check("issuer", is_same_issuer(said, wanted), wanted, said or "nothing"))  # fmt: skip
    is_tls = urlsplit(wanted).scheme == "https"
    for name in ENDPOINTS:
        value = document.get(name)
        if value is None and name not in {"authorization_endpoint", "token_endpoint", "jwks_uri"}:  # fmt: skip
            continue
        passed = isinstance(value, str) and is_http_url(value)
        passed = passed and not (is_tls and urlsplit(str(value)).scheme != "https")
        expected = "an absolute https URL" if is_tls else "an absolute URL"
        found.append(_check(name, passed, expected, value if value is not None else "nothing"))  # fmt: skip
    return tuple(found)


def read_keys(keys: Json | None) -> KeySet:
    """The keys of a JWK Set that can be used; none where it is none."""
    try:
        return parse_jwks(keys or {})
    except JoseError:
        return KeySet(keys=())


def check_keys(reply: IncomingReply, now: float) -> tuple[Check, ...]:
    """The key set: there, and with a key that can verify a signature."""
    document = read_object(reply)
    usable = read_keys(document).keys
    names = ", ".join(f"{key.kid or 'without a name'}" for key in usable[:10])
    return (
        check_status(reply),
        _check("keys", bool(usable), "at least one usable public key",
               f"{len(usable)}: {names}" if usable else "none"),
        *check_clock(reply, now),
    )  # fmt: skip


def check_answer(
    pairs: Pairs, setup: Setup, document: Json | None, flow: Flow
) -> tuple[Check, ...]:
    """What came back from the provider with the browser."""
    state, code = first(pairs, "state"), first(pairs, "code")
    error, issuer = first(pairs, "error"), first(pairs, "iss")
    wanted = text_of(document, "issuer") or normalise_issuer(setup.issuer)
    promised = (document or {}).get("authorization_response_iss_parameter_supported") is True  # fmt: skip
    twice = repeated(pairs, RESPONSE_PARAMETERS)
    found = [
        _check("state", state == flow.state, "the one that was sent",
               "the one that was sent" if state == flow.state else "nothing" if state is None else "another one"),
        _check("error", error is None, "none", "none" if error is None else error or "an empty one"),
    ]  # fmt: skip
    if error is None:
        found.append(_check("code", bool(code), "a code", "a code" if code else "nothing"))  # fmt: skip
    if issuer is not None or promised:
        is_ours = issuer is not None and is_same_issuer(issuer, wanted)
        found.append(_check("iss", is_ours, wanted, issuer or "nothing, although the provider promises it"))  # fmt: skip
    if twice is not None:
        found.append(_check("once", passed=False, expected="each argument once", got=f"{twice} twice"))  # fmt: skip
    return tuple(found)


def _show_part(part: str) -> dict[str, Any] | None:
    try:
        return parse_json_object(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, JoseError):
        return None


def show_token(name: str, text: str) -> TokenShown:
    """A token decoded without trust; an opaque one as it is."""
    parts = text.split(".")
    if len(parts) != 3:
        return TokenShown(name=name, text=text)
    return TokenShown(name=name, text=text, header=_show_part(parts[0]), claims=_show_part(parts[1]))  # fmt: skip


def show_tokens(document: Json) -> tuple[TokenShown, ...]:
    """The tokens of a token reply."""
    names = {"id_token": "ID token", "access_token": "Access token", "refresh_token": "Refresh token"}  # fmt: skip
    return tuple(
        show_token(title, text_of(document, name))
        for name, title in names.items()
        if text_of(document, name)
    )


def build_rules(setup: Setup, document: Json | None) -> Rules:
    """What is believed about tokens of this provider, as a plugin with these values would."""
    issuer = text_of(document, "issuer")
    wanted = normalise_issuer(setup.issuer)
    return Rules(
        issuers=(issuer if is_same_issuer(issuer, wanted) else wanted,),
        client_ids=(setup.client_id,),
        leeway_s=setup.leeway_s,
        audiences_required=(setup.audience,) if setup.audience else (),
    )


def check_token_reply(reply: IncomingReply, now: float) -> tuple[Check, ...]:
    """The token endpoint's reply in form."""
    document = read_object(reply)
    error = text_of(document, "error")
    found = [check_status(reply)]
    if error:
        found.append(_check("error", passed=False, expected="none", got=error))
    elif document is None:
        said = reply.fields.get("content-type", "something else")
        found.append(_check("reply", passed=False, expected="a JSON object", got=said))
    elif reply.status == 200:
        kind = text_of(document, "token_type")
        found.append(_check("token_type", kind.lower() == "bearer", "Bearer", kind or "nothing"))  # fmt: skip
        has = bool(text_of(document, "access_token"))
        found.append(_check("access_token", has, "an access token", "an access token" if has else "nothing"))  # fmt: skip
    return (*found, *check_clock(reply, now))


def check_pkce(setup: Setup, flow: Flow, reply: IncomingReply) -> Iterator[Check]:
    """Whether the provider took the verifier; nothing where it refused for another reason."""
    if not setup.uses_pkce:
        yield _check("pkce", passed=True, expected="not used", got="not used")
        return
    taken = reply.status == 200
    if taken or PKCE_WORDS.search(" ".join(read_words(read_object(reply)))):
        challenge = build_challenge(flow.verifier)
        yield _check("pkce", taken, f"S256(verifier) is the challenge {challenge[:12]}…",
                     "taken by the provider" if taken else "the provider did not take it")  # fmt: skip


def _plain_scope(scope: str) -> str:
    """A scope as its provider may shorten it: Google's `…/auth/userinfo.email` is `email`."""
    return scope.rpartition("/")[2].removeprefix("userinfo.").lower()


def check_scope(setup: Setup, document: Json) -> Iterator[Check]:
    """Whether all scopes that were asked for were given, where the provider says so."""
    given = text_of(document, "scope")
    if given:
        has = {_plain_scope(scope) for scope in given.split()}
        # The last is Entra's for "all that was granted", which it then lists.
        missing = {_plain_scope(scope) for scope in setup.scope.split()} - has - {"openid", "offline_access", ".default"}  # fmt: skip
        yield _check("scope", not missing, setup.scope, given)


def _named(checks: tuple[Check, ...], token: str) -> Iterator[Check]:
    for check in checks:
        yield Check(name=f"{token}: {check.name}", passed=check.passed, expected=check.expected, got=check.got)  # fmt: skip


def check_tokens(
    document: Json,
    setup: Setup,
    keys: KeySet,
    rules: Rules,
    *,
    nonce: str | None,
    now: float,
    needs_id_token: bool,
) -> Iterator[Check]:
    """Every rule for each token of a token reply; an opaque access token has none."""
    id_token, access = text_of(document, "id_token"), text_of(document, "access_token")
    if needs_id_token or id_token:
        has = bool(id_token)
        yield _check("id_token", has, "an ID token, because openid was asked for",
                     "an ID token" if has else "nothing")  # fmt: skip
    if id_token:
        found = check_id_token(
            id_token, keys, rules, client_id=setup.client_id, nonce=nonce,
            access_token=access or None, now=now,
        )  # fmt: skip
        yield from _named(found, "ID token")
    if is_compact_jws(access) and show_token("", access).header is not None:
        yield from _named(check_access_token(access, keys, rules, now=now), "access token")  # fmt: skip


def check_same_person(name: str, got: object, held: str) -> Iterator[Check]:
    """Whether something is about the person of the ID token that is held, if one is."""
    claims = show_token("", held).claims
    if claims is not None:
        wanted = text_of(claims, "sub")
        yield _check(name, bool(wanted) and got == wanted, wanted, got if got is not None else "nothing")  # fmt: skip


def _read_signed(reply: IncomingReply) -> str:
    """The JWT that a reply is; empty for a plain one. As the gateway tells them apart."""
    text = reply.body.decode("utf-8", "replace").strip()
    kind = reply.fields.get("content-type", "").partition(";")[0].strip().lower()
    is_plain = kind == "application/json" or text.startswith("{")
    return text if kind.endswith("jwt") or (not is_plain and text.count(".") == 2) else ""  # fmt: skip


def _check_signed(
    text: str, keys: KeySet, rules: Rules, now: float, *, required: frozenset[str]
) -> Iterator[Check]:
    """What makes a signed reply worth reading: its signature, and for whom and until when it is."""
    yield from check_key(text, keys, rules)
    yield check_signature(text, keys, rules)
    claims = show_token("", text).claims or {}
    timed = {n: claims[n] for n in ("iss", "aud", "exp", "nbf") if n in claims}
    audience = rules.client_ids if "aud" in claims else ()
    yield from check_claims(timed, rules, audience=audience, now=now, required=required)


def check_userinfo(
    reply: IncomingReply, held: str, keys: KeySet, rules: Rules, now: float
) -> tuple[Check, ...]:
    """The UserInfo reply: about the person of the ID token, and signed by the provider if signed (Core §5.3.2)."""
    text = _read_signed(reply)
    document = read_object(reply) if not text else dict(show_token("", text).claims or {})  # fmt: skip
    found = [check_status(reply)]
    if reply.status == 200:
        found.append(_check("reply", document is not None, "a JSON object or a JWT",
                            "an answer about a person" if document is not None else
                            reply.fields.get("content-type", "something else")))  # fmt: skip
        if text:
            signed = _check_signed(text, keys, rules, now, required=frozenset())
            found += _named(tuple(signed), "UserInfo")
        told = (document or {}).get("sub")
        if not held:
            found.append(_check("sub", isinstance(told, str) and bool(told), "who the person is", told if told is not None else "nothing"))  # fmt: skip
        found += check_same_person("sub", told, held)
    return tuple(found)


def check_introspection(
    reply: IncomingReply, keys: KeySet, rules: Rules, now: float
) -> tuple[Check, ...]:
    """The introspection reply: active, in date, of this issuer and for this client (RFC 7662, RFC 9701)."""
    text = _read_signed(reply)
    document = read_object(reply) if not text else dict(show_token("", text).claims or {})  # fmt: skip
    found = [check_status(reply)]
    if reply.status != 200:
        return tuple(found)
    if text:
        signed = _check_signed(text, keys, rules, now, required=frozenset({"iss"}))
        found += _named(tuple(signed), "introspection")
        inner = (document or {}).get("token_introspection")
        document = inner if isinstance(inner, dict) else document
    said = document or {}
    active = said.get("active")
    found.append(_check("active", active is True, "true", json.dumps(active)))
    audience = rules.client_ids if "aud" in said and not rules.audiences_required else ()  # fmt: skip
    found += _named(check_claims(said, rules, audience=audience, now=now), "introspection")  # fmt: skip
    return tuple(found)


def decode_claims(reply: IncomingReply, name: str) -> tuple[TokenShown, ...]:
    """What a reply says of a person or a token, as a token that nobody signed; a JWT decoded."""
    text = reply.body.decode("utf-8", "replace").strip()
    if is_compact_jws(text):
        return (show_token(name, text),)
    return ()
