"""
Asking the provider's endpoints for a party: at which URL, as whom, with which arguments.

Spec: oidc-plugin §12.3 (precedence of URLs), §14 (client authentication), §2.5 and §2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostiary.http.exchange import IncomingReply
from ostiary.http.forms import Pairs
from ostiary.http.head import find
from ostiary.jose.encoding import encode_base64url
from ostiary.jose.jwt import sign_jwt
from ostiary.jose.keys import PrivateKey, SharedSecret
from ostiary.oidc.errors import MetadataRefused
from ostiary.oidc.rp.client_auth import (
    ASSERTION_METHODS,
    ClientCredentials,
    TextFields,
    build_assertion_claims,
    choose_auth_method,
    post_form,
)
from ostiary.ports.client_keys import ClientKeysUnavailable
from ostiary.ports.fetch import FetchFailed
from ostiary.signin.arguments import NO_ARGUMENTS, Arguments
from ostiary.signin.issuer import Provider, fetch_limits
from ostiary.signin.party import Client, Party, header_of
from ostiary.signin.values import SigninRequest, Toolbox

Endpoint = Literal["token", "introspection", "revocation"]
_HS = "HS256"
_USUAL = (
    "RS256",
    "PS256",
    "ES256",
    "EdDSA",
)  # what a provider that lists nothing knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """On whose behalf we ask: where the arguments "from the client" are found."""

    request: SigninRequest
    arguments: Arguments = NO_ARGUMENTS


def pair_up(
    names: tuple[str, ...] | None, values: tuple[str, ...] | None
) -> tuple[tuple[str, str], ...]:
    """Parallel arrays as pairs; the unpaired tail is nothing."""
    return tuple(zip(names or (), values or (), strict=False))


def from_client(asked: Asked | None, names: tuple[str, ...] | None) -> Pairs:
    """Arguments that the client may supply, in its query, its body or its header fields."""
    if asked is None:
        return ()
    found = []
    for name in names or ():
        value = asked.arguments.find(name)
        if value is None:
            field = find(asked.request.fields, header_of(name))
            value = None if field is None else field.decode("latin-1")
        if value is not None:
            found.append((name, value))
    return tuple(found)


def headers_from_client(
    asked: Asked | None, names: tuple[str, ...] | None
) -> TextFields:
    """Header fields that are copied from the client's request."""
    if asked is None:
        return ()
    found = ((n, find(asked.request.fields, n.lower().encode())) for n in names or ())
    return tuple((n, v.decode("latin-1")) for n, v in found if v is not None)


class NoKey(FetchFailed):
    """A client signs with a key of the node's, and there is none to be had."""


class Endpoints:
    """What one worker asks providers with."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools

    @staticmethod
    def url(party: Party, provider: Provider, endpoint: Endpoint) -> str | None:
        """Where an endpoint is: configured, else discovered, else nowhere."""
        configured = getattr(party.config, f"{endpoint}_endpoint")
        discovered = getattr(provider.metadata, f"{endpoint}_endpoint")
        found: str | None = configured or discovered
        return found

    async def post(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        endpoint: Endpoint,
        pairs: list[tuple[str, str]],
        *,
        asked: Asked | None = None,
        accept: str = "application/json",
    ) -> IncomingReply:
        """
        Send a form as a client.

        Raises:
            MetadataRefused: The provider has no such endpoint.
            NoKey: The client signs with a key of the node's that cannot be had.
            FetchFailed: There was no reply.
        """
        url = self.url(party, provider, endpoint)
        if url is None:
            raise MetadataRefused(f"the provider's metadata has no {endpoint}_endpoint")
        extra, fields = self.additions(party, endpoint, asked)
        request = post_form(
            url,
            await self._credentials(party, provider, client, endpoint, url),
            pairs,
            extra=extra,
            fields=fields,
            accept=accept,
        )
        configured = getattr(party.config, f"{endpoint}_endpoint")
        limits = fetch_limits(party, configured=configured)
        return await self._tools.fetch.send(request, limits)

    @staticmethod
    def additions(
        party: Party, endpoint: Endpoint, asked: Asked | None
    ) -> tuple[Pairs, TextFields]:
        """The arguments and header fields that the operator adds, fixed and from the client."""
        config = party.config
        if endpoint == "token":
            fixed = pair_up(config.token_post_args_names, config.token_post_args_values)
            own = from_client(asked, config.token_post_args_client)
            fields = pair_up(config.token_headers_names, config.token_headers_values)
            copied = headers_from_client(asked, config.token_headers_client)
        elif endpoint == "introspection":
            fixed = pair_up(
                config.introspection_post_args_names,
                config.introspection_post_args_values,
            )
            named = config.introspection_post_args_client_headers
            own = (
                *from_client(asked, config.introspection_post_args_client),
                *headers_from_client(asked, named),
            )
            fields = pair_up(
                config.introspection_headers_names, config.introspection_headers_values
            )
            copied = headers_from_client(asked, config.introspection_headers_client)
        else:
            return (), ()
        taken = {name for name, _ in fixed}
        return (*fixed, *((k, v) for k, v in own if k not in taken)), (*copied, *fields)

    async def _credentials(
        self,
        party: Party,
        provider: Provider,
        client: Client,
        endpoint: Endpoint,
        url: str,
    ) -> ClientCredentials:
        own = getattr(party.config, f"{endpoint}_endpoint_auth_method")
        configured = own or client.auth_method
        if client.is_callers and configured in {"none", "private_key_jwt"}:
            configured = None  # the caller's own secret is the point of it (§4.9)
        method = choose_auth_method(
            configured,
            provider.metadata.token_endpoint_auth_methods,
            has_secret=client.client_secret is not None,
            has_key=client.key is not None,
        )
        signs = method in ASSERTION_METHODS and not (
            endpoint == "introspection"
            and party.config.has_fixed_introspection_authorization
        )
        return ClientCredentials(
            client_id=client.client_id,
            client_secret=client.client_secret,
            method=method,
            assertion=await self._assertion(provider, client, method, url)
            if signs
            else None,
        )

    async def _assertion(
        self, provider: Provider, client: Client, method: str, url: str
    ) -> str | None:
        claims = build_assertion_claims(
            client.client_id,
            audience=url,
            jti=encode_base64url(self._tools.entropy.bytes(16)),
            now=self._tools.clock.now(),
        )
        if method == "private_key_jwt":
            return sign_jwt(claims, client.key or await self._own_key(provider, client))
        if client.client_secret is None:
            return None
        return sign_jwt(claims, SharedSecret(client.client_secret, client.alg or _HS))

    async def _own_key(self, provider: Provider, client: Client) -> PrivateKey:
        """
        The node's key for a client without one of its own (oidc-plugin §12.6).

        Raises:
            NoKey: There is none to be had.
        """
        keys, known = (
            self._tools.client_keys,
            provider.metadata.token_endpoint_auth_algorithms,
        )
        if keys is None:
            raise NoKey("the node's own client keys are not here")
        usual = (alg for alg in _USUAL if not known or alg in known)
        algorithm = client.alg or next(usual, "RS256")
        try:
            found = await keys.find(algorithm)
        except ClientKeysUnavailable as error:
            raise NoKey(str(error)) from error
        if found is None:
            raise NoKey(f"the node has no client key for {algorithm}")
        return found
