"""
Secure Remote Password as Amazon Cognito speaks it: what is stored, and both sides' numbers.

The server keeps a salt and a verifier, never the password. Numbers travel as hex.

Spec: RFC 5054 §2 (3072-bit group), RFC 2945; the user-pool variant hashes with SHA-256 and
derives the key with HKDF and the info "Caldera Derived Key".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from gmpy2 import mpz, powmod_sec

N: Final = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"
    "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"
    "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33"
    "A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864"
    "D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2"
    "08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
G: Final = 2
_INFO: Final = b"Caldera Derived Key\x01"


def pad(number: int) -> bytes:
    """A number's bytes with a leading zero where the first bit would read as a sign."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"\x00"


def _hash_number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


_N: Final = mpz(N)
K: Final = _hash_number(pad(N), pad(G))


def _power(base: int, exponent: int) -> int:
    """A power modulo N, in a time that does not follow the exponent, which is a secret."""
    return int(powmod_sec(mpz(base), mpz(exponent), _N))


def derive_x(*, pool_name: str, username: str, password: str, salt: int) -> int:
    """The private exponent. `pool_name` is the pool id's part after the underscore."""
    identity = hashlib.sha256(f"{pool_name}{username}:{password}".encode()).digest()
    return _hash_number(pad(salt), identity)


def derive_verifier(x: int) -> int:
    """What the server keeps instead of the password."""
    return _power(G, x)


def derive_client_public(a: int) -> int:
    """The client's public number A."""
    return _power(G, a)


def derive_server_public(*, b: int, verifier: int) -> int:
    """The server's public number B."""
    return (K * verifier + _power(G, b)) % N


def derive_u(client_public: int, server_public: int) -> int:
    """The scrambling number u."""
    return _hash_number(pad(client_public), pad(server_public))


def derive_server_secret(*, client_public: int, verifier: int, b: int, u: int) -> int:
    """The shared number S, as the server finds it."""
    return _power(client_public * _power(verifier, u), b)


def derive_key(*, secret: int, u: int) -> bytes:
    """The 16 bytes that sign the answer."""
    inner = hmac.new(pad(u), pad(secret), hashlib.sha256).digest()
    return hmac.new(inner, _INFO, hashlib.sha256).digest()[:16]


def sign_answer(
    key: bytes, *, pool_name: str, username: str, secret_block: bytes, timestamp: str
) -> str:
    """The answer's signature, in base64."""
    message = pool_name.encode() + username.encode() + secret_block + timestamp.encode()
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
