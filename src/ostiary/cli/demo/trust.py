"""
The demo's own certificate authority: made on this machine, for this machine's names only.

It is never installed anywhere; the gateway and the walk's browser are pointed at its file.

Spec: decisions D30 and D31.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
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


def prepare_trust(
    folder: Path, *, host: str, domain_prefix: str, aws_names: Sequence[str] = ()
) -> Trust:
    """
    Certificates for the demo's hosts, made anew when they are missing or about to end.

    Args:
        aws_names: AWS-shaped names that the pool shall have instead of its own. They get a
            second authority, constrained to exactly them.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_path, ca_key = folder / "ca.pem", folder / "ca.key"
    trust = Trust(
        ca_file=folder / "all.pem" if aws_names else ca_path,
        gateway_cert=folder / "gateway.pem",
        gateway_key=folder / "gateway.key",
        pool_cert=folder / "pool.pem",
        pool_key=folder / "pool.key",
    )
    names_file = folder / "names.txt"
    names = " ".join([host, domain_prefix, *aws_names])
    if ca_key.exists() and names_file.exists() and names_file.read_text() == names:
        ca, _ = read_pair(ca_path, ca_key)
        if ca.not_valid_after_utc - RENEW_BEFORE > dt.datetime.now(dt.UTC):
            return trust
    pair = make_ca(
        "Ostiary demo (this machine only)",
        permitted_dns=["localhost", "kong-ee"],
        permitted_networks=["127.0.0.0/8", "::1/128"],
        days=DAYS,
    )
    write_pair(*pair, cert_path=ca_path, key_path=ca_key)
    gateway = make_leaf([host, "localhost", "127.0.0.1"], ca=pair, days=DAYS)
    write_pair(*gateway, cert_path=trust.gateway_cert, key_path=trust.gateway_key)
    local = [
        "cognito-idp.localhost",
        f"{domain_prefix}.auth.localhost",
        "*.auth.localhost",
    ]
    pool = make_leaf([*local, "localhost", "127.0.0.1"], ca=pair, days=DAYS)
    if aws_names:
        aws = make_ca(
            "Ostiary demo, AWS-shaped names (this machine only)",
            permitted_dns=aws_names,
            permitted_networks=["127.0.0.1/32"],
            days=DAYS,
        )
        write_pair(
            *aws, cert_path=folder / "aws-ca.pem", key_path=folder / "aws-ca.key"
        )
        pool = make_leaf(aws_names, ca=aws, days=DAYS)
        both = (ca_path.read_bytes(), (folder / "aws-ca.pem").read_bytes())
        trust.ca_file.write_bytes(b"".join(both))
    write_pair(*pool, cert_path=trust.pool_cert, key_path=trust.pool_key)
    names_file.write_text(names)
    return trust
