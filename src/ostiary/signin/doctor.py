"""
What would go wrong at the first sign-in, found before it: a configuration held against its provider.

The doctor asks the provider what a sign-in would ask, with a code that nobody issued. It changes
nothing there and shows no secret.

Spec: OpenID Connect Discovery 1.0 §3; RFC 8414 §2; oidc-plugin §12, §14; wants 21.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.forms import MalformedForm, first, parse_form
from ostiary.jose.encoding import encode_base64url, parse_json_object
from ostiary.jose.keys import ASYMMETRIC_ALGORITHMS
from ostiary.oidc.errors import MalformedReply, MetadataRefused, ProviderError
from ostiary.oidc.rp.authorization import AuthorizationRequest, build_authorization_url
from ostiary.oidc.rp.metadata import (
    discovery_request,
    jwks_request,
    read_jwks,
    read_metadata,
)
from ostiary.oidc.rp.tokens import code_request, read_token_response
from ostiary.ports.fetch import FetchFailed
from ostiary.signin.endpoints import Endpoints, NoKey, pair_up
from ostiary.signin.issuer import Provider, fetch_limits
from ostiary.signin.party import Client, Party
from ostiary.signin.values import Toolbox

Level = Literal["ok", "warning", "error"]
MAX_SKEW_S = 30
_CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do about it, if anything."""

    level: Level
    code: str
    text: str
    remedy: str = ""


def _ok(code: str, text: str) -> Finding:
    return Finding(level="ok", code=code, text=text)


def _bad(code: str, text: str, remedy: str) -> Finding:
    return Finding(level="error", code=code, text=text, remedy=remedy)


def _warn(code: str, text: str, remedy: str) -> Finding:
    return Finding(level="warning", code=code, text=text, remedy=remedy)


def _listed(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    found = document.get(name)
    if not isinstance(found, list):
        return None
    return tuple(v for v in found if isinstance(v, str))


class Doctor:
    """Examines parties."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools
        self._endpoints = Endpoints(tools)

    async def examine(self, party: Party, redirect_uri: str) -> list[Finding]:
        """
        Everything that can be found out without a person.

        Args:
            redirect_uri: Where the provider will send people back to.
        """
        found: list[Finding] = []
        config = party.config
        if config.using_pseudo_issuer:
            text = f"{config.issuer} is a name only: nothing is looked up there"
            return [_ok("metadata", text)]
        try:
            reply = await self._tools.fetch.send(
                discovery_request(
                    config.issuer,
                    pair_up(
                        config.discovery_headers_names, config.discovery_headers_values
                    ),
                ),
                fetch_limits(party, configured=config.issuer),
            )
        except FetchFailed as error:
            return [_unreachable("discovery", error.reason)]
        found += self._check_clock(party, reply)
        try:
            metadata = read_metadata(reply, config.issuer)
            document = parse_json_object(reply.body)
        except MetadataRefused as error:
            remedy = "write the issuer exactly as the provider's document says it"
            return [*found, _bad("metadata", error.detail, remedy)]
        found.append(_ok("metadata", f"the provider says issuer {metadata.issuer}"))
        found += check_document(party, document)
        url = config.jwks_endpoint or metadata.jwks_uri
        if url is None:
            return [*found, _bad("keys", "no jwks_uri", "set config.jwks_endpoint")]
        try:
            jwks = await self._tools.fetch.send(
                jwks_request(url), fetch_limits(party, configured=config.jwks_endpoint)
            )
            keys = read_jwks(jwks)
        except FetchFailed as error:
            return [*found, _unreachable("keys", error.reason)]
        except MetadataRefused as error:
            return [*found, _bad("keys", error.detail, "ask whoever runs the provider")]
        if not keys.keys:
            text = "the key set has no key that can verify a signature"
            return [
                *found,
                _bad("keys", text, "the provider must sign with RS, PS, ES or EdDSA"),
            ]
        found.append(_ok("keys", f"{len(keys.keys)} usable keys"))
        provider = Provider(
            metadata=metadata, keys=keys, fetched_at=self._tools.clock.now()
        )
        if "authorization_code" in party.methods and party.clients:
            for client in party.clients:
                uri = client.redirect_uri or redirect_uri
                found.append(await self._check_redirect(party, provider, client, uri))
                found.append(await self._check_client(party, provider, client, uri))
        return found

    def _check_clock(self, party: Party, reply: IncomingReply) -> Iterator[Finding]:
        text = reply.fields.get("date")
        if text is None:
            return
        try:
            theirs = parsedate_to_datetime(text).timestamp()
        except ValueError:
            return
        skew = self._tools.clock.now() - theirs
        if abs(skew) <= max(MAX_SKEW_S, party.config.leeway):
            yield _ok("clock", f"the clocks agree within {abs(skew):.0f} s")
            return
        side = "ahead of" if skew > 0 else "behind"
        yield _bad(
            "clock",
            f"this machine's clock is {abs(skew):.0f} s {side} the provider's",
            "set the clock (NTP), or allow for it with config.leeway",
        )

    async def _check_redirect(
        self, party: Party, provider: Provider, client: Client, uri: str
    ) -> Finding:
        """Ask for a sign-in as a browser would, and look whether the provider takes it."""
        config = party.config
        endpoint = (
            config.authorization_endpoint or provider.metadata.authorization_endpoint
        )
        if endpoint is None:
            return _bad(
                "redirect_uri",
                "the provider has no authorization_endpoint",
                "set config.authorization_endpoint",
            )
        chance = encode_base64url(self._tools.entropy.bytes(32))
        url = build_authorization_url(
            endpoint,
            AuthorizationRequest(
                client_id=client.client_id,
                redirect_uri=uri,
                state=chance,
                nonce=chance,
                scope=" ".join(config.scopes or ()) or None,
                verifier=chance,
                response_mode=config.response_mode,
            ),
        )
        try:
            reply = await self._tools.fetch.send(
                OutgoingRequest(
                    method="GET", url=url, fields=(("Accept", "text/html"),)
                ),
                fetch_limits(party, configured=endpoint),
            )
        except FetchFailed as error:
            return _unreachable("redirect_uri", error.reason)
        location = reply.fields.get("location", "")
        asked = urlsplit(location).query + "#" + urlsplit(location).fragment
        if reply.status >= 400 or "error" in urlsplit(location).path + asked:
            said = _said(location) or f"status {reply.status}"
            return _bad(
                "redirect_uri",
                f"the provider refuses a sign-in of client {client.client_id} to {uri} ({said})",
                f"register {uri} as redirect URI (callback URL) of that client, with the scopes "
                f"{' '.join(config.scopes or ())}",
            )
        return _ok("redirect_uri", f"client {client.client_id} may use {uri}")

    async def _check_client(
        self, party: Party, provider: Provider, client: Client, uri: str
    ) -> Finding:
        """Offer a code that nobody issued: who is refused as a client has the wrong secret."""
        chance = encode_base64url(self._tools.entropy.bytes(32))
        pairs = code_request(code=chance, redirect_uri=uri, verifier=chance)
        name = client.client_id
        try:
            reply = await self._endpoints.post(party, provider, client, "token", pairs)
            read_token_response(reply, self._tools.clock.now())
        except NoKey as error:
            return _warn(
                "client",
                f"client {name} signs with a key of the node's: {error.reason}",
                "start the node once; register its Admin API's /openid-connect/jwks for the client",
            )
        except FetchFailed as error:
            return _unreachable("client", error.reason)
        except ProviderError as error:
            if error.error not in _CLIENT_ERRORS:
                return _ok("client", f"the token endpoint knows client {name}")
            has = "with" if client.client_secret or client.key else "without"
            return _bad(
                "client",
                f"the token endpoint refuses client {name} {has} a secret ({error.error})",
                "check client_id, client_secret and client_auth; a client with a secret at the "
                "provider needs it here, one without must have none here",
            )
        except (MalformedReply, MetadataRefused) as error:
            return _bad("client", error.detail, "check config.token_endpoint")
        return _warn(
            "client", "the token endpoint took a made-up code", "do not trust it"
        )


def _said(location: str) -> str:
    """The provider's own words in a redirect, without anything else of it."""
    try:
        pairs = parse_form(urlsplit(location).query)
    except MalformedForm:
        return ""
    words = (first(pairs, name) for name in ("error", "error_description"))
    return ", ".join(word[:100] for word in words if word)


def _unreachable(code: str, reason: str) -> Finding:
    return _bad(
        code,
        f"the provider cannot be reached: {reason}",
        "check the address, the network and, for a private CA, lua_ssl_trusted_certificate",
    )


def check_document(party: Party, document: Mapping[str, Any]) -> Iterator[Finding]:
    """What the configuration asks for and the provider's document does not offer."""
    config = party.config
    needed = {
        "authorization_code": ("authorization_endpoint", "token_endpoint"),
        "introspection": ("introspection_endpoint",),
        "userinfo": ("userinfo_endpoint",),
    }
    told = "auth_methods" in config.model_fields_set
    for method, names in needed.items():
        for name in names:
            given = getattr(config, name, None) or document.get(name)
            if method in party.methods and not given:
                make = _bad if told or method == "authorization_code" else _warn
                yield make(
                    "endpoint",
                    f"method {method} needs {name}, which the provider does not tell",
                    f"set config.{name}, or leave {method} out of auth_methods",
                )
    if config.logout_revoke and not (
        config.revocation_endpoint or document.get("revocation_endpoint")
    ):
        yield _bad(
            "endpoint",
            "logout_revoke needs revocation_endpoint",
            "set config.revocation_endpoint",
        )
    offers: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("scopes_supported", config.scopes or (), "scopes"),
        ("response_modes_supported", (config.response_mode,), "response_mode"),
        ("response_types_supported", (" ".join(config.response_type or ()),), "response_type"),
    )  # fmt: skip
    for name, wanted, field in offers:
        offered = _listed(document, name)
        missing = [w for w in wanted if offered is not None and w not in offered]
        if missing:
            yield _warn(
                field,
                f"config.{field} has {', '.join(missing)}, the provider lists {', '.join(offered or ())}",
                f"change config.{field}, if sign-in is refused",
            )
    signed = _listed(document, "id_token_signing_alg_values_supported")
    if signed is not None and not set(signed) & set(ASYMMETRIC_ALGORITHMS):
        yield _bad(
            "alg",
            f"the provider signs ID tokens with {', '.join(signed)} only",
            "choose RS256 or ES256 for this client at the provider",
        )
    challenges = _listed(document, "code_challenge_methods_supported")
    if challenges is not None and "S256" not in challenges:
        yield _warn(
            "pkce",
            "the provider does not list S256 for PKCE",
            "set require_proof_key_for_code_exchange to false, if sign-in is refused",
        )
    if party.hears_logout and not document.get("backchannel_logout_supported"):
        yield _warn(
            "backchannel_logout",
            "the provider does not say that it supports back-channel logout",
            "sessions then end here only by their own clocks and by logging out",
        )
