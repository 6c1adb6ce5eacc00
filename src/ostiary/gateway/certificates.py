"""
Which certificate a client is shown, by the name it asks for.

Spec: gateway §1.8: the name itself, then `*` for its first label, then `*` for its last, then
`*` alone. Whoever asks for none of these gets what the listener shows by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ostiary.gateway.decision import KeyPair
from ostiary.model.certificates import Certificate, Sni


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A certificate as it is served: `pairs` have keys of different kinds."""

    id: str
    pairs: tuple[KeyPair, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTable:
    """Certificates by id, and the id by name; names are in lower case."""

    certificates: Mapping[str, Served] = field(default_factory=dict, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str | None) -> Served | None:
        """What is shown to whoever asks for a name, or for none; None is the listener's own."""
        if not self.names:
            return None
        asked = (name or "").lower().removesuffix(".")
        for candidate in _candidates(asked):
            found = self.names.get(candidate)
            if found is not None:
                return self.certificates.get(found)
        return None


EMPTY_TABLE = CertificateTable()


def _candidates(name: str) -> tuple[str, ...]:
    first, _, rest = name.partition(".")
    start, _, last = name.rpartition(".")
    if not (first and rest and start and last):
        return name, "*"
    return name, f"*.{rest}", f"{start}.*", "*"


def build_served(row: Certificate) -> Served:
    """A row as it is served."""
    pairs = [KeyPair(cert=row.cert, key=row.key)]
    if row.cert_alt is not None and row.key_alt is not None:
        pairs.append(KeyPair(cert=row.cert_alt, key=row.key_alt))
    return Served(id=row.id or "", pairs=tuple(pairs))


def build_certificates(
    certificates: Iterable[Certificate],
    snis: Iterable[Sni],
    previous: CertificateTable = EMPTY_TABLE,
) -> CertificateTable:
    """The table of a configuration; the one before where both say the same."""
    served = {row.id or "": build_served(row) for row in certificates}
    names = {
        row.name.lower().removesuffix("."): row.certificate
        for row in snis
        if row.certificate in served
    }
    asked = frozenset(names.values())
    table = CertificateTable(
        certificates={i: s for i, s in served.items() if i in asked}, names=names
    )
    return previous if table == previous else table
