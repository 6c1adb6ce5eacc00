"""
Why a step went wrong: a table of pure functions, asked in order, of which the first that knows answers.

What is nearer to the wire comes first, and what a provider itself says comes before what we conclude.
`NOTES` are asked all: they hinder nothing.

Spec: RFC 6749 §4.1.2.1 and §5.2, RFC 7636 §4.4.1, RFC 9700; Amazon Cognito's authorization, token and
logout endpoints; Fetch §3.2 (CORS).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ostiary.debugger.judging import PKCE_WORDS, texts_of
from ostiary.debugger.situation import (
    CLIENT_ERRORS,
    LET_IN,
    MAX_WORDS,
    TOKEN_KINDS,
    Rule,
    Situation,
)
from ostiary.debugger.token_causes import (
    find_alg,
    find_claim,
    find_clock,
    find_form,
    find_missing_id_token,
    find_signature,
    is_harmless,
    note_access_token,
    note_scope,
)
from ostiary.debugger.values import Cause
from ostiary.oidc.rp.metadata import build_discovery_url

_FAILURES: Final[Mapping[str, tuple[str, str]]] = {
    "name": ("name_unknown", "Check the address, and that this machine's resolver knows the name."),
    "connection": ("unreachable", "Check host and port, and that a firewall lets this machine out."),
    "time": ("too_slow", "Check the network and any proxy on the way; the gateway's own limit is config.timeout."),
    "tls": ("tls_failed", "See that it speaks TLS 1.2 or later at this port."),
    "certificate_untrusted": (
        "certificate_untrusted",
        "Give the gateway the provider's CA with lua_ssl_trusted_certificate, or have the provider send its whole chain. Do not set ssl_verify to false.",
    ),
    "certificate_expired": ("certificate_expired", "Whoever runs the provider must renew it; also check this machine's clock."),
    "certificate_other_name": ("certificate_other_name", "Use the name that the certificate is for, or have the provider get one for this name."),
    "size": ("too_long", "No provider's answer is that long: is this the right address?"),
    "place": (
        "place_forbidden",
        "The debugger goes to public addresses and to hosts that its operator lists (debugger_allowed_hosts, or --allow); URLs out of metadata may lead inside only where the issuer itself is.",
    ),
    "exchange": ("broken_off", "Ask again; if it stays so, see what stands between this machine and the provider."),
}  # fmt: skip


def _failure(s: Situation) -> Cause | None:
    if s.failure is None:
        return None
    code, remedy = _FAILURES[s.failure.kind]
    text = s.failure.reason.partition("; set lua_ssl")[0]
    if "." not in text.partition(" ")[0]:  # a host's name stays as it is written
        text = f"{text[:1].upper()}{text[1:]}"
    return Cause(code=code, text=f"{text}.", remedy=remedy)


def _broken(s: Situation) -> Cause | None:
    """A provider that is out of order says nothing about what it was asked."""
    asks = {"discovery", "keys", "userinfo", "introspection", "revocation"}
    if s.kind not in asks or s.reply is None or s.reply.status < 500:
        return None
    own = f": {s.words}" if s.words else ""
    return Cause(
        code="provider_broken",
        text=f"The provider answered with status {s.reply.status}{own}: it is out of order, or something before it cannot reach it.",
        remedy="Ask again; if it stays so, its own log knows more.",
    )


def _discovery(s: Situation) -> Cause | None:
    if s.kind != "discovery" or s.reply is None:
        return None
    if s.failed("status", "document"):
        place, leads_to = build_discovery_url(s.setup.issuer), s.reply.fields.get("location")  # fmt: skip
        if leads_to is not None and 300 <= s.reply.status < 400:
            return Cause(
                code="discovery_moved",
                text=f"{place} only leads on (status {s.reply.status}) to {leads_to[:MAX_WORDS]}. That is not followed, by the gateway neither.",
                remedy="Type the issuer of the address that it leads to: https instead of http, or another name.",
            )
        return Cause(
            code="discovery_missing",
            text=f"There is no discovery document at {place}: "
            f"the answer was {s.reply.status}, {s.reply.fields.get('content-type', 'without a content type')[:100]}.",
            remedy="Type the issuer exactly as the provider gives it, with its path (a tenant, realm or pool); for a provider "
            "without discovery, type its endpoints by hand: at least those for authorization, tokens and keys.",
        )  # fmt: skip
    if (check := s.failed("issuer")) is not None:
        if "{" in check.got:
            return Cause(
                code="issuer_differs",
                text=f"This document is for all tenants: it calls its issuer {check.got}, of which each tenant puts its own ID in. Tokens would be refused.",
                remedy="Type your tenant's own ID in the issuer instead of common, organizations or consumers.",
            )
        return Cause(
            code="issuer_differs",
            text=f"The provider calls itself {check.got}, and you asked for {check.expected}. Tokens would be refused.",
            remedy=f"Use the issuer {check.got}, letter for letter, if that is the provider you mean.",
        )  # fmt: skip
    failed = next((c for c in s.checks if not c.passed and c.name != "clock"), None)
    if failed is None:
        return None
    return Cause(
        code="metadata_unusable",
        text=f"{failed.name} in the provider's document is {failed.got}; expected is {failed.expected}.",
        remedy="Whoever runs the provider must correct its document; behind a proxy, its public address must be https.",
    )


def _keys(s: Situation) -> Cause | None:
    if s.kind != "keys" or s.reply is None:
        return None
    if s.failed("status"):
        text = f"The key set (jwks_uri) answered with status {s.reply.status}."
        return Cause(code="keys_missing", text=text, remedy="Without keys no token can be believed: ask whoever runs the provider.")  # fmt: skip
    if s.failed("keys"):
        text = "The key set has no key that can verify a signature."
        return Cause(code="keys_unusable", text=text, remedy="The provider must publish RSA, EC or OKP signing keys.")  # fmt: skip
    return None


# What providers say of a redirect URI that they do not know: Cognito, Google, npm oidc-provider,
# Keycloak, Auth0, Entra, Okta, authentik, Zitadel, Spring, and whoever writes plainly.
_REDIRECT: Final = (
    r"redirect_mismatch|redirect_uri_mismatch|invalid_redirect_uri|redirect_uri did not match|"
    r"invalid parameter: redirect_uri|callback url mismatch|AADSTS50011|"
    r"'redirect_uri' parameter must be|redirect[ _]ur[il][^.]{0,60}(not|n't) (a )?(registered|valid|allowed|match)|"
    r"(invalid|unregistered|unknown|mismatching) redirect(ion)?[ _]ur[il]|redirect[ _]ur[il] mismatch|"
    r"redirect[ _]ur[il] is missing in the client|OAuth 2\.0 Parameter: redirect_uri"
)


def _redirect(s: Situation) -> Cause | None:
    if s.kind != "authorization" or not s.says(_REDIRECT):
        return None
    return Cause(
        code="redirect_uri_unregistered",
        text=f"The redirect URI {s.setup.redirect_uri} is not registered for the client {s.setup.client_id}.",
        remedy=f"Register exactly {s.setup.redirect_uri} at the provider (callback URL, redirect URI): scheme, host, port, path and "
        "a slash at the end all count.",
    )  # fmt: skip


def _client_unknown(s: Situation) -> Cause | None:
    plain = r"unknown client|client (was )?not found|AADSTS700016|client.{0,40}does not exist|invalid client[ _]?id|value for 'client_id'"
    pattern = f"{plain}|invalid_client" if s.kind == "authorization" else plain
    # Where a client shows its secret, Doorkeeper has these words for every refusal.
    is_vague = s.kind != "authorization" and s.says("or unsupported authentication method")  # fmt: skip
    # Amazon Cognito's error page has this word for it alone: all else of the request is well formed.
    is_cognito = "cognito-idp" in (urlsplit(s.setup.issuer).hostname or "")
    taken = s.failed("taken")
    is_word = is_cognito and s.error == "invalid_request" and taken is not None and taken.got == "to its error page"  # fmt: skip
    if not is_word and (s.kind not in {"authorization", *TOKEN_KINDS} or is_vague or not s.says(pattern)):  # fmt: skip
        return None
    return Cause(
        code="client_unknown",
        text=f"The provider knows no client {s.setup.client_id or '(empty)'}.",
        remedy="Check the client ID, and that it is of this issuer: each tenant, realm or pool has its own clients.",
    )


_MOST_LISTED: Final = 20


def _scope(s: Situation) -> Cause | None:
    if s.error != "invalid_scope" and not s.says(r"invalid_scope|AADSTS70011\b|AADSTS650053"):  # fmt: skip
        return None
    offered = texts_of(s.document, "scopes_supported") or ()
    odd = [scope for scope in s.setup.scope.split() if offered and scope not in offered]
    more = ", …" if len(offered) > _MOST_LISTED else ""
    said = f" It lists {', '.join(offered[:_MOST_LISTED])}{more}." if offered else ""
    which = (
        f"the scope {', '.join(odd)}" if odd else f"one of the scopes {s.setup.scope}"
    )
    own = f" It says: {s.description[:MAX_WORDS].rstrip('. ')}." if s.description else ""  # fmt: skip
    return Cause(
        code="scope_refused",
        text=f"The provider refuses {which}.{own}{said}",
        remedy="Ask only for scopes that the client may have: allow them for the client at the provider, or leave them out.",
    )


def _pkce(s: Situation) -> Cause | None:
    if s.kind not in {"authorization", "callback", "token"}:
        return None
    if s.setup.uses_pkce or not s.says(PKCE_WORDS.pattern):
        return None
    return Cause(
        code="pkce_required",
        text="The provider requires PKCE, and this sign-in was sent without a code_challenge.",
        remedy="Send PKCE (S256): leave require_proof_key_for_code_exchange unset, or set it to true.",
    )


def _state(s: Situation) -> Cause | None:
    check = s.failed("state")
    if s.kind != "callback" or check is None:
        return None
    return Cause(
        code="state_mismatch",
        text=f"The answer carries {'no state' if check.got == 'nothing' else 'another state'}, not that which this sign-in was sent with.",
        remedy="Somebody else's answer, an old tab, or a provider or proxy that changes state: nothing of it may be believed. Begin anew.",
    )  # fmt: skip


def _response_issuer(s: Situation) -> Cause | None:
    check = s.failed("iss")
    if s.kind != "callback" or check is None:
        return None
    if check.got.startswith("nothing"):
        return Cause(
            code="response_issuer_differs",
            text="The answer does not say which issuer it is from (iss), although the provider's document promises it (RFC 9207).",
            remedy="Somebody may have taken it away to mix providers up: nothing of the answer may be believed. If the provider never sends it, its document must not promise it.",
        )  # fmt: skip
    return Cause(
        code="response_issuer_differs",
        text=f"The answer is from {check.got}, and {check.expected} was asked (RFC 9207).",
        remedy="This is what a mix-up attack looks like. If the provider calls itself so, its iss parameter or its document must be corrected.",
    )  # fmt: skip


def _repeated(s: Situation) -> Cause | None:
    check = s.failed("once")
    if check is None:
        return None
    return Cause(
        code="answer_repeats",
        text=f"The answer has {check.got}; each argument may be there once (RFC 6749, section 3.1).",
        remedy="Which of the two the provider meant, nobody can tell: nothing of the answer may be believed. See what changes it on the way.",
    )


def _no_code(s: Situation) -> Cause | None:
    if s.kind != "callback" or s.failed("code") is None:
        return None
    return Cause(
        code="no_code",
        text="The provider came back with neither a code nor an error.",
        remedy="See that the client may use the authorization code grant (response type code) at the provider.",
    )


def _single_page(s: Situation) -> Cause | None:
    if not s.says(r"AADSTS9002327|AADSTS9002326|cross-origin"):
        return None
    return Cause(
        code="spa_platform",
        text="The redirect URI is registered for a single-page application, whose codes only a browser's script may redeem.",
        remedy="Register it for the platform Web instead: the gateway redeems codes from the server.",
    )


def _client_refused(s: Situation) -> Cause | None:
    """What is wrong with a client's authentication, as the trials tell."""
    if not s.client_error or s.kind in {"authorization", "callback"}:
        return None
    name = s.setup.client_id
    let_in = [method for method, error in s.trials if error in LET_IN]
    # Too many requests, a firewall, another complaint: no word on whether the client was let in.
    is_open = any(error not in LET_IN | CLIENT_ERRORS for _, error in s.trials)
    if s.auth_method in let_in or _is_about_grant(s):
        return None
    if s.auth_method == "none":
        if s.kind not in TOKEN_KINDS:  # whose tokens came without a secret
            return None
        return Cause(
            code="secret_missing",
            text=f"The client {name} has a secret at the provider, and none was given.",
            remedy="Give the client secret (config.client_secret), or use a client without one.",
        )
    if "none" in let_in:
        return Cause(
            code="secret_unneeded",
            text=f"The client {name} has no secret at the provider, and one was given: without it the provider lets the client in.",
            remedy="Leave the secret empty (config.client_secret unset), or have the provider make a secret for the client.",
        )  # fmt: skip
    if let_in:
        return Cause(
            code="auth_method_wrong",
            text=f"The provider does not take the secret as {s.auth_method}, but takes it as {let_in[0]}.",
            remedy=f"Set config.client_auth to {let_in[0]}.",
        )
    if s.kind not in TOKEN_KINDS or (s.error == "unauthorized_client" and not s.trials):  # fmt: skip
        return None
    if is_open:
        return Cause(
            code="client_refused",
            text=f"The provider refuses the client {name}, and does not let it be found out whether by its secret or by the way in which that is sent.",
            remedy="Copy the secret again, and see at the provider how the client shows it (config.client_auth).",
        )  # fmt: skip
    return Cause(
        code="secret_wrong",
        text=f"The provider does not take the secret of the client {name}, however it is sent.",
        remedy="Copy the secret again: it may have been renewed, have a blank at an end, or be another client's.",
    )


def _is_about_grant(s: Situation) -> bool:
    """
    Whether a client was let in, and refused for what it asked.

    That is what unauthorized_client means (RFC 6749 §5.2). Keycloak says so to wrong secrets, too,
    so that only the words tell, or that this provider has another error for those.
    """
    if s.error != "unauthorized_client":
        return False
    tells_apart = any(error == "invalid_client" for _, error in s.trials) and not s.says("secret|credential")  # fmt: skip
    is_bare = s.auth_method == "none" and s.kind == "client_credentials" and not s.says("secret|credential")  # fmt: skip
    return tells_apart or is_bare or s.says(r"\bgrant|service account|response.?type")


def _grant_refused(s: Situation) -> Cause | None:
    if s.kind not in {"authorization", "callback", *TOKEN_KINDS}:
        return None
    if s.error in {"unauthorized_client", "unsupported_grant_type"}:
        grant = {"client_credentials": "client credentials", "refresh": "refresh token"}.get(s.kind, "authorization code")  # fmt: skip
        return Cause(
            code="grant_refused",
            text=f"The client {s.setup.client_id} may not use the {grant} grant ({s.error}).",
            remedy=f"Allow the {grant} grant for the client at the provider.",
        )
    if s.error != "invalid_grant":
        return None
    if s.kind == "refresh":
        return Cause(
            code="refresh_refused",
            text="The provider does not take the refresh token: it is over, was revoked, or was used before where each is good for one use.",
            remedy="Sign in again. If it happens in use, see the provider's lifetime and rotation of refresh tokens.",
        )  # fmt: skip
    if s.kind == "token" and s.says(PKCE_WORDS.pattern):
        return Cause(
            code="verifier_refused",
            text="The provider says that the PKCE verifier does not answer the challenge, which it does.",
            remedy="Something on the way changed code_challenge (a proxy, a second sign-in in the same tab), or the provider is wrong.",
        )  # fmt: skip
    if s.kind == "token":
        return Cause(
            code="code_refused",
            text="The provider does not take the code: it was used before, is too old, or was made for another client or redirect URI.",
            remedy="Sign in again, and see that nothing on the way (a scanner of links, a proxy, a reloaded page) redeems codes first.",
        )  # fmt: skip
    return None


_STATUS_CAUSES: Final[Mapping[str, tuple[str, str, str]]] = {
    "userinfo": ("userinfo_refused", "UserInfo refuses the access token",
                 "Ask for the scope openid; an access token for another API (audience) is none for UserInfo."),
    "introspection": ("introspection_refused", "The introspection endpoint refuses the client",
                      "Introspection is for clients with a secret, and must be allowed for this one."),
    "revocation": ("revocation_refused", "The revocation endpoint refuses",
                   "See that the client may revoke tokens of this kind; Cognito needs token revocation switched on."),
}  # fmt: skip


def _refused(s: Situation) -> Cause | None:
    known = _STATUS_CAUSES.get(s.kind)
    if known is None or s.reply is None or s.failed("status") is None:
        return None
    code, text, remedy = known
    own = f": {s.words}" if s.words else ""
    return Cause(code=code, text=f"{text} (status {s.reply.status}{own}).", remedy=remedy)  # fmt: skip


def _untrusted(s: Situation) -> Cause | None:
    """A reply that the gateway would not believe: badly signed, for others, or of another time."""
    names = {"userinfo": "UserInfo: ", "introspection": "introspection: "}
    start = names.get(s.kind)
    failed = next((c for c in s.checks if start and not c.passed and c.name.startswith(start)), None)  # fmt: skip
    if failed is None or start is None:
        return None
    name = failed.name.removeprefix(start)
    return Cause(
        code=f"{s.kind}_untrusted",
        text=f"The gateway would not believe this reply: {name} is {failed.got}, expected is {failed.expected}.",
        remedy="Do not believe it either. See that it is signed by a key of the provider's, for this client, and in date.",
    )


def _other_person(s: Situation) -> Cause | None:
    if s.failed("sub") is None or s.kind not in {"userinfo", "refresh"}:
        return None
    where = "UserInfo is" if s.kind == "userinfo" else "The refreshed ID token is"
    return Cause(
        code="userinfo_sub_differs" if s.kind == "userinfo" else "refresh_sub_differs",
        text=f"{where} about another person (sub) than the ID token.",
        remedy="Believe neither: the access token is somebody else's, or the provider mixes them up.",
    )


def _inactive(s: Situation) -> Cause | None:
    if s.kind != "introspection" or s.failed("active") is None:
        return None
    return Cause(
        code="token_inactive",
        text="The provider says that the token is not active.",
        remedy="It is over, was revoked, or is none of a kind that this endpoint knows (a JWT of another issuer, a refresh token).",
    )


def _unreadable(s: Situation) -> Cause | None:
    if s.reply is None or s.failed("reply") is None:
        return None
    kind = s.reply.fields.get("content-type", "something without a content type")[:100]
    return Cause(
        code="token_reply_unreadable" if s.kind in {"token", "refresh", "client_credentials"} else "reply_unreadable",
        text=f"The provider answered {s.reply.status} with {kind} instead of JSON.",
        remedy="Something before the provider may have answered (a proxy, a firewall, a login page): see the body.",
    )  # fmt: skip


def _said(s: Situation) -> Cause | None:
    """What nobody here knows more about: the provider's own words."""
    # A description without an error, where nothing failed, is no refusal.
    if not s.words or not (s.error or any(not check.passed for check in s.checks)):
        return None
    return Cause(
        code="provider_refused",
        text=f"The provider says: {s.words}.",
        remedy="The provider's log and manual know more.",
    )


def _anything(s: Situation) -> Cause | None:
    failed = next((c for c in s.checks if not c.passed and not is_harmless(c)), None)
    if failed is None:
        return None
    return Cause(
        code="check_failed",
        text=f"{failed.name} is {failed.got}; expected is {failed.expected}.",
        remedy="",
    )


def _logout_form(s: Situation) -> Cause | None:
    """Cognito's own form, where the standard one was sent or the other way round."""
    if s.kind != "logout":
        return None
    if s.failed("form"):
        return Cause(
            code="cognito_logout_form",
            text="Amazon Cognito's logout endpoint is not the standard one: it needs client_id and logout_uri, and takes no post_logout_redirect_uri.",
            remedy="Write config.logout_redirect_uri as the whole address, …/logout?client_id=…&logout_uri=…, or leave the form to the gateway, which knows Cognito.",
        )  # fmt: skip
    if s.failed("logout_uri"):
        return Cause(
            code="logout_uri_without_scheme",
            text=f"The address to come back to, {s.setup.logout_redirect_uri}, has no scheme: providers compare it letter for letter.",
            remedy="Write it with https:// (the gateway completes it and says so in its log).",
        )  # fmt: skip
    if s.says("id_token_hint"):
        return Cause(
            code="id_token_hint_refused",
            text="The provider ends sessions only for whoever shows an ID token that it takes (id_token_hint).",
            remedy="Sign in first, then check the logout. The gateway sends the ID token of the session by itself.",
        )
    if s.setup.logout_redirect_uri and s.says(r"redirect_mismatch|post_logout_redirect_uri|logout_uri|logout url|redirect[ _]ur[il]|invalid_request.{0,200}redirect"):  # fmt: skip
        return Cause(
            code="logout_uri_unregistered",
            text=f"The address to come back to, {s.setup.logout_redirect_uri}, is not registered for the client {s.setup.client_id}.",
            remedy="Register it letter for letter: sign-out URL at Cognito, post_logout_redirect_uri elsewhere.",
        )  # fmt: skip
    return None


CAUSES: Final[tuple[Rule, ...]] = (
    _failure, _broken, _discovery, _keys, _state, _response_issuer, _repeated, _redirect, _scope, _pkce,
    _client_unknown, _single_page, _client_refused, _grant_refused, _unreadable, _logout_form, find_clock,
    find_missing_id_token, find_alg, find_form, find_signature, find_claim, _untrusted, _other_person, _inactive, _refused, _no_code, _said,
)  # fmt: skip
NOTES: Final[tuple[Rule, ...]] = (note_access_token, note_scope)


def find_causes(situation: Situation) -> tuple[Cause, ...]:
    """Why it went wrong, if it did, and what else is odd; never nothing for a check that failed."""
    main = next((c for rule in CAUSES if (c := rule(situation)) is not None), None)
    notes = tuple(c for rule in NOTES if (c := rule(situation)) is not None)
    if main is None:
        main = _anything(situation)
    return (main, *notes) if main is not None else notes


def tell_cors(*, allows: bool, origin: str) -> Cause | None:
    """What a browser's script would meet at the provider, and why a gateway does not mind."""
    if allows:
        return None
    return Cause(
        code="cors_only",
        text=f"A script on {origin} could not call the token endpoint: the provider does not allow it by CORS.",
        remedy="That does not matter here: the gateway asks from the server, where no browser forbids anything. Nothing has to be done, and "
        "no origin has to be allowed at the provider.",
        level="note",
    )  # fmt: skip
