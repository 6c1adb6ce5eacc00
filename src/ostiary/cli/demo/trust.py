"""
The demo's own certificate authority: made on this machine, for this machine's names only.

It is never installed anywhere; the gateway and the walk's browser are pointed at its file.

Spec: decisions D30 and D31.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from ostiary.adapters.certificates import make_ca, make_leaf, read_pair, write_pair

DAYS = 90
RENEW_BEFORE = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Where the demo's certificates are."""

    ca_file: Path
    gateway_cert: Path
    gateway_key: Path
    pool_cert: Path
    pool_key: Path


def prepare_trust(folder: Path, *, host: str, domain_prefix: str) -> Trust:
    """Certificates for the demo's hosts, made anew when they are missing or about to end."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_file, ca_key = folder / "ca.pem", folder / "ca.key"
    trust = Trust(
        ca_file=ca_file,
        gateway_cert=folder / "gateway.pem",
        gateway_key=folder / "gateway.key",
        pool_cert=folder / "pool.pem",
        pool_key=folder / "pool.key",
    )
    names_file = folder / "names.txt"
    names = f"{host} {domain_prefix}"
    if ca_key.exists() and names_file.exists() and names_file.read_text() == names:
        ca, _ = read_pair(ca_file, ca_key)
        if ca.not_valid_after_utc - RENEW_BEFORE > dt.datetime.now(dt.UTC):
            return trust
    pair = make_ca(
        "Ostiary demo (this machine only)",
        permitted_dns=["localhost", "kong-ee"],
        permitted_networks=["127.0.0.0/8", "::1/128"],
        days=DAYS,
    )
    write_pair(*pair, cert_path=ca_file, key_path=ca_key)
    gateway = make_leaf([host, "localhost", "127.0.0.1"], ca=pair, days=DAYS)
    write_pair(*gateway, cert_path=trust.gateway_cert, key_path=trust.gateway_key)
    pool = make_leaf(
        [
            "cognito-idp.localhost",
            f"{domain_prefix}.auth.localhost",
            "*.auth.localhost",
            "localhost",
            "127.0.0.1",
        ],
        ca=pair,
        days=DAYS,
    )
    write_pair(*pool, cert_path=trust.pool_cert, key_path=trust.pool_key)
    names_file.write_text(names)
    return trust
