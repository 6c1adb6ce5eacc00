"""
Certificates, who vouches for them, and the names that they are served for.

Spec: gateway §1.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import model_validator

from ostiary.model.entity import Check
from ostiary.model.fields import ServerName, Uuid
from ostiary.model.pem import Authority, Key, is_pair, read_certificates
from ostiary.model.pem import Certificate as CertificatePem
from ostiary.model.row import Row
from ostiary.model.words import Problem


def _judge_pair(values: Mapping[str, Any]) -> Iterable[Problem]:
    if not is_pair(values["cert"], values["key"]):
        yield (), "certificate does not match key"


def _judge_other_pair(values: Mapping[str, Any]) -> Iterable[Problem]:
    cert, key = values["cert_alt"], values["key_alt"]
    if (cert is None) != (key is None):
        yield (), "all or none of these fields must be set: 'cert_alt', 'key_alt'"
    elif cert is not None and not is_pair(cert, key):
        yield (), "alternative certificate does not match key"


def _judge_kinds(values: Mapping[str, Any]) -> Iterable[Problem]:
    main, other = values["cert"], values["cert_alt"]
    if other is None or values["key_alt"] is None:
        return
    if read_certificates(main).kind != read_certificates(other).kind:
        return
    kind = read_certificates(main).kind
    yield (
        (),
        f"certificate and alternative certificate need to have different type (e.g. RSA and ECDSA), the provided certificates were both of the same type ({kind})",
    )


class Certificate(Row):
    """A certificate with its key; a second pair of another kind of key beside it."""

    cert: CertificatePem
    key: Key
    cert_alt: CertificatePem | None = None
    key_alt: Key | None = None

    checks: ClassVar = (
        Check(fields=("cert", "key"), judge=_judge_pair),
        Check(fields=("cert_alt", "key_alt"), judge=_judge_other_pair),
        Check(fields=("cert", "cert_alt", "key_alt"), judge=_judge_kinds),
    )

    def __repr__(self) -> str:
        return f"Certificate(id={self.id!r})"


class CaCertificate(Row):
    """Somebody who may vouch for upstreams; `cert_digest` is SHA-256 in hex."""

    cert: Authority
    cert_digest: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_digest(cls, data: Any) -> Any:
        if not (isinstance(data, dict) and isinstance(data.get("cert"), str)):
            return data
        try:
            digest = read_certificates(data["cert"]).digest
        except ValueError:
            return data  # told about the field itself
        return {**data, "cert_digest": digest}


class Sni(Row):
    """A name for which a certificate is served; `*` may be its first or last label."""

    name: ServerName
    certificate: Uuid
