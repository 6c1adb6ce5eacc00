"""
Keys and key sets: what may verify, what may sign, and how each is read and written.

Public sets come from networks, so they are read leniently as sets (a key we cannot use is
left out) and strictly as keys (`use`, `key_ops`, type, size).

Spec: RFC 7517, RFC 7518 §6, RFC 8725 §3.1-3.3, RFC 8037.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from joserfc.errors import JoseError as LibraryError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from ostiary.jose.errors import MalformedKey

AnyKey = RSAKey | ECKey | OKPKey

RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
ASYMMETRIC_ALGORITHMS = RSA_ALGORITHMS | set(EC_ALGORITHMS.values()) | {"EdDSA"}
MIN_RSA_BITS = 2048
MAX_KEYS = 100
MAX_KID_LENGTH = 256
_PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """One verifying key: its name, and the algorithms its type (and `alg`) allows."""

    kid: str | None
    algorithms: frozenset[str]
    thumbprint: str
    key: AnyKey = field(repr=False)

    def to_jwk(self, algorithm: str) -> dict[str, str]:
        """The key as a JWK, for one of its algorithms."""
        whole = self.key.as_dict(private=False)
        members = {n: v for n in _PUBLIC_MEMBERS if isinstance(v := whole.get(n), str)}
        named = {} if self.kid is None else {"kid": self.kid}
        return {**members, **named, "alg": algorithm, "use": "sig"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The usable verifying keys of a JWK Set, in its order."""

    keys: tuple[PublicKey, ...] = ()

    def fitting(self, kid: str | None, algorithm: str) -> tuple[PublicKey, ...]:
        """The keys that may have made a signature with this kid and algorithm."""
        return tuple(
            key
            for key in self.keys
            if algorithm in key.algorithms and (kid is None or key.kid == kid)
        )


def _import(jwk: Mapping[str, object]) -> AnyKey:
    data: dict[str, str | list[str]] = {
        name: value for name, value in jwk.items() if isinstance(value, str)
    }
    try:
        match jwk.get("kty"):
            case "RSA":
                return RSAKey.import_key(data)
            case "EC":
                return ECKey.import_key(data)
            case "OKP":
                return OKPKey.import_key(data)
            case _:
                raise MalformedKey("key type is not RSA, EC or OKP")
    except (LibraryError, ValueError, KeyError, TypeError) as error:
        raise MalformedKey("the key's numbers do not form a key") from error


def _algorithms(jwk: Mapping[str, object]) -> frozenset[str]:
    match jwk.get("kty"):
        case "RSA":
            fits = RSA_ALGORITHMS
        case "EC":
            fits = frozenset({EC_ALGORITHMS.get(str(jwk.get("crv")), "")}) - {""}
        case "OKP" if jwk.get("crv") in ("Ed25519", "Ed448"):
            fits = frozenset({"EdDSA"})
        case _:
            fits = frozenset()
    named = jwk.get("alg")
    return fits if named is None else fits & {named if isinstance(named, str) else ""}


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, n, prime) for n in range(prime - 1))


# Small primes, and what 65537 generates modulo each (Nemec et al. 2017, fingerprint of §3).
_ROCA_MARKS = tuple(
    (prime, marks)
    for prime in range(3, 168, 2)
    if all(prime % n for n in range(3, prime, 2))
    and len(marks := _powers(prime)) < prime - 1
)


def _is_roca(modulus: int) -> bool:
    """Tell whether a modulus was made by the smart-card library whose keys can be factored."""
    return all(modulus % prime in marks for prime, marks in _ROCA_MARKS)


def parse_public_key(jwk: Mapping[str, object]) -> PublicKey:
    """
    One key that may verify signatures.

    Symmetric keys are refused: a set fetched from a network must never hold a shared secret
    (the algorithm-confusion attack). Private members are dropped.

    Raises:
        MalformedKey: Not such a key, or a use other than verifying.
    """
    if jwk.get("use", "sig") != "sig":
        raise MalformedKey("the key's use is not sig")
    operations = jwk.get("key_ops")
    if operations is not None and (
        not isinstance(operations, list) or "verify" not in operations
    ):
        raise MalformedKey("the key's key_ops do not allow verify")
    kid = jwk.get("kid")
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID_LENGTH):
        raise MalformedKey("kid is not a text of at most 256 characters")
    algorithms = _algorithms(jwk)
    if not algorithms:
        raise MalformedKey("no supported algorithm fits the key")
    # Seen before the library sees it: it warns about short keys on standard error.
    modulus = jwk.get("n")
    if isinstance(modulus, str) and len(modulus) * 6 < MIN_RSA_BITS:
        raise MalformedKey("an RSA key needs at least 2048 bits")
    key = _import({n: jwk[n] for n in _PUBLIC_MEMBERS if n in jwk})
    if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
        raise MalformedKey("an RSA key needs at least 2048 bits")
    if isinstance(key, RSAKey) and _is_roca(key.public_key.public_numbers().n):
        raise MalformedKey("the RSA key has the form of CVE-2017-15361 (ROCA)")
    return PublicKey(
        kid=kid, algorithms=algorithms, thumbprint=key.thumbprint(), key=key
    )


def parse_jwks(data: Mapping[str, object]) -> KeySet:
    """
    The usable keys of a JWK Set. Keys we cannot use are left out, as RFC 7517 §5 asks.

    Raises:
        MalformedKey: There is no `keys` array, or it is absurdly long.
    """
    members = data.get("keys")
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise MalformedKey("a JWK Set needs an array named keys, of at most 100")
    found: list[PublicKey] = []
    for member in members:
        if isinstance(member, dict):
            try:
                found.append(parse_public_key(member))
            except MalformedKey:
                continue
    return KeySet(keys=tuple(found))


class SharedSecret:
    """A secret that both sides know, for HMAC (RFC 7518 §3.2). Its repr shows the algorithm only."""

    __slots__ = ("_key", "alg")

    kid = None

    def __init__(self, secret: str, alg: str) -> None:
        self._key = OctKey.import_key(secret)
        self.alg = alg

    def __repr__(self) -> str:
        return f"SharedSecret(alg={self.alg!r})"

    @property
    def library_key(self) -> OctKey:
        """The key as the JOSE library wants it; for this package only."""
        return self._key


class PrivateKey:
    """A signing key. Its repr shows the kid only."""

    __slots__ = ("_key", "alg", "kid")

    def __init__(self, key: AnyKey, *, kid: str, alg: str) -> None:
        self._key = key
        self.kid = kid
        self.alg = alg

    def __repr__(self) -> str:
        return f"PrivateKey(kid={self.kid!r}, alg={self.alg!r})"

    @property
    def library_key(self) -> AnyKey:
        """The key as the JOSE library wants it; for this package only."""
        return self._key

    @classmethod
    def generate_rsa(
        cls, kid: str, *, bits: int = MIN_RSA_BITS, alg: str = "RS256"
    ) -> PrivateKey:
        """A new RSA key. The library takes its entropy from the operating system."""
        return cls(RSAKey.generate_key(bits), kid=kid, alg=alg)

    @classmethod
    def generate_ec(cls, kid: str, *, alg: str = "ES256") -> PrivateKey:
        """A new key on the curve of an algorithm, P-256 unless told otherwise."""
        curve = next(crv for crv, name in EC_ALGORITHMS.items() if name == alg)
        return cls(ECKey.generate_key(curve), kid=kid, alg=alg)

    @classmethod
    def generate_ed25519(cls, kid: str) -> PrivateKey:
        """A new Ed25519 key."""
        return cls(OKPKey.generate_key("Ed25519"), kid=kid, alg="EdDSA")

    @classmethod
    def from_private_jwk(cls, jwk: Mapping[str, object]) -> PrivateKey:
        """
        Read back what `to_private_jwk` wrote.

        Raises:
            MalformedKey: kid, alg or the private part is missing.
        """
        kid, alg = jwk.get("kid"), jwk.get("alg")
        if not isinstance(kid, str) or not isinstance(alg, str) or "d" not in jwk:
            raise MalformedKey("a private key needs kid, alg and d")
        return cls(
            _import({k: v for k, v in jwk.items() if k not in {"kid", "alg", "use"}}),
            kid=kid,
            alg=alg,
        )

    @classmethod
    def from_configured(
        cls, jwk: Mapping[str, object], alg: str | None = None
    ) -> PrivateKey:
        """
        A private JWK as an operator wrote it: kid and alg may be missing.

        Raises:
            MalformedKey: It has no private part, or the algorithm does not fit it.
        """
        if "d" not in jwk:
            raise MalformedKey("a private key needs d")
        key = _import({k: v for k, v in jwk.items() if k not in {"kid", "alg", "use"}})
        fits = _algorithms({k: v for k, v in jwk.items() if k != "alg"})
        named = jwk.get("alg")
        wanted = alg or (named if isinstance(named, str) else None)
        if wanted is None:
            wanted = "RS256" if "RS256" in fits else min(fits, default="")
        if wanted not in fits:
            raise MalformedKey(f"the key cannot sign with {wanted or 'any algorithm'}")
        kid = jwk.get("kid")
        return cls(
            key, kid=kid if isinstance(kid, str) else key.thumbprint(), alg=wanted
        )

    def to_private_jwk(self) -> dict[str, str]:
        """The whole key; seal it before it goes anywhere."""
        members = {
            k: v
            for k, v in self._key.as_dict(private=True).items()
            if isinstance(v, str)
        }
        return {**members, "kid": self.kid, "alg": self.alg, "use": "sig"}

    def public_jwk(self) -> dict[str, str]:
        """The public half, as a JWKS endpoint shows it."""
        whole = self._key.as_dict(private=False)
        members = {n: v for n in _PUBLIC_MEMBERS if isinstance(v := whole.get(n), str)}
        return {**members, "kid": self.kid, "alg": self.alg, "use": "sig"}
