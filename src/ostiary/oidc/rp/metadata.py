"""
The provider's metadata: where it is, and whether it may be believed.

Spec: OpenID Connect Discovery 1.0 §3-4, RFC 8414 §3.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.http.url import is_http_url, origin_of
from ostiary.jose.encoding import parse_json_object
from ostiary.jose.errors import JoseError, MalformedKey
from ostiary.jose.keys import KeySet, parse_jwks
from ostiary.oidc.claims import is_same_issuer
from ostiary.oidc.errors import MetadataRefused

OPENID_SUFFIX = "/.well-known/openid-configuration"
OAUTH_SUFFIX = "/.well-known/oauth-authorization-server"
MAX_DOCUMENT_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The members we use. Endpoints are absolute http(s) URLs or None."""

    issuer: str
    jwks_uri: str | None
    authorization_endpoint: str | None
    token_endpoint: str | None
    userinfo_endpoint: str | None = None
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    introspection_endpoint: str | None = None
    token_endpoint_auth_methods: tuple[str, ...] = ()
    token_endpoint_auth_algorithms: tuple[str, ...] = ()
    iss_parameter_supported: bool = False


def normalise_issuer(configured: str) -> str:
    """The issuer behind a configured issuer or discovery URL: the key of every cache."""
    for suffix in (OPENID_SUFFIX, OAUTH_SUFFIX):
        base, found, query = configured.partition(suffix)
        if found and (not query or query.startswith("?")):
            return base.removesuffix("/") + query
    return configured.removesuffix("/")


def build_discovery_url(configured: str) -> str:
    """Where the metadata of a configured issuer is fetched (oidc-plugin §12.1)."""
    if OPENID_SUFFIX in configured or OAUTH_SUFFIX in configured:
        return configured
    base, mark, query = configured.partition("?")
    return base.removesuffix("/") + OPENID_SUFFIX + mark + query


def discovery_request(
    configured: str, extra_fields: tuple[tuple[str, str], ...] = ()
) -> OutgoingRequest:
    """The request for the metadata."""
    return OutgoingRequest(
        method="GET",
        url=build_discovery_url(configured),
        fields=(("Accept", "application/json"), *extra_fields),
    )


def _object(reply: IncomingReply, what: str) -> dict[str, object]:
    if not 200 <= reply.status < 300:
        raise MetadataRefused(f"{what} answered with status {reply.status}")
    if len(reply.body) > MAX_DOCUMENT_BYTES:
        raise MetadataRefused(f"{what} is over 512 KB")
    try:
        return parse_json_object(reply.body)
    except JoseError as error:
        raise MetadataRefused(f"{what} is {error.detail}") from error


def _endpoint(document: dict[str, object], name: str, issuer: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not is_http_url(value):
        raise MetadataRefused(f"{name} in the metadata is not an absolute URL")
    # D7: a URL taken from metadata must be https unless the operator chose http himself.
    if urlsplit(issuer).scheme == "https" and urlsplit(value).scheme != "https":
        raise MetadataRefused(f"{name} in the metadata is not https")
    return value


def _words(value: object) -> tuple[str, ...]:
    """The texts of an array; none of anything else."""
    found = value if isinstance(value, list) else []
    return tuple(word for word in found if isinstance(word, str))


def read_metadata(reply: IncomingReply, configured: str) -> ProviderMetadata:
    """
    Believe a discovery document, or say what is wrong with it.

    `issuer` must be the configured one (decision D19): a document that claims to be
    somebody else could make us accept that one's tokens.

    Raises:
        MetadataRefused: It is not JSON, names another issuer, or has unusable endpoints.
    """
    document = _object(reply, "the discovery document")
    issuer, expected = document.get("issuer"), normalise_issuer(configured)
    if not isinstance(issuer, str) or not is_same_issuer(issuer, expected):
        raise MetadataRefused(
            f"the discovery document says issuer {issuer!r}, configured is {expected!r}"
        )
    return ProviderMetadata(
        issuer=issuer,
        jwks_uri=_endpoint(document, "jwks_uri", expected),
        authorization_endpoint=_endpoint(document, "authorization_endpoint", expected),
        token_endpoint=_endpoint(document, "token_endpoint", expected),
        userinfo_endpoint=_endpoint(document, "userinfo_endpoint", expected),
        revocation_endpoint=_endpoint(document, "revocation_endpoint", expected),
        end_session_endpoint=_endpoint(document, "end_session_endpoint", expected),
        introspection_endpoint=_endpoint(document, "introspection_endpoint", expected),
        token_endpoint_auth_methods=_words(
            document.get("token_endpoint_auth_methods_supported")
        ),
        token_endpoint_auth_algorithms=_words(
            document.get("token_endpoint_auth_signing_alg_values_supported")
        ),
        iss_parameter_supported=document.get(
            "authorization_response_iss_parameter_supported"
        )
        is True,
    )


def jwks_request(url: str) -> OutgoingRequest:
    """The request for a key set."""
    return OutgoingRequest(
        method="GET",
        url=url,
        fields=(("Accept", "application/jwk-set+json, application/json"),),
    )


def read_jwks(reply: IncomingReply) -> KeySet:
    """
    The usable keys of a JWKS reply.

    Raises:
        MetadataRefused: It is not a JWK Set.
    """
    try:
        return parse_jwks(_object(reply, "the key set"))
    except MalformedKey as error:
        raise MetadataRefused(error.detail) from error


def is_cognito_logout(end_session_endpoint: str, issuer: str) -> bool:
    """
    Tell whether a provider has Amazon Cognito's own logout form.

    By the shape of the issuer (`…cognito-idp…/<region>_<id>`) with `/logout` as endpoint.
    """
    host = urlsplit(issuer).hostname or ""
    pool = urlsplit(issuer).path.strip("/")
    region, _, name = pool.partition("_")
    return (
        "cognito-idp" in host.split(".")[0]
        and bool(region)
        and name.isalnum()
        and urlsplit(end_session_endpoint).path == "/logout"
    )


def has_same_place(one: str, other: str) -> bool:
    """Tell whether two URLs have the same origin and path (the query may differ)."""
    return (
        is_http_url(one)
        and is_http_url(other)
        and origin_of(one) == origin_of(other)
        and urlsplit(one).path == urlsplit(other).path
    )
