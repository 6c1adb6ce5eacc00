"""The certificates of a run: a CA of its own, which the load verifies with."""

from __future__ import annotations

from pathlib import Path

from bench.load import HOST

from ostiary.adapters.certificates import make_ca, make_leaf, write_pair


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Certificate, key and CA file of the run."""
    ca = make_ca(
        "Ostiary bench CA",
        permitted_dns=["localhost"],
        permitted_networks=["127.0.0.0/8"],
        days=2,
    )
    cert, key, ca_file = (folder / n for n in ("cert.pem", "key.pem", "ca.pem"))
    write_pair(*make_leaf([HOST], ca=ca, days=2), cert_path=cert, key_path=key)
    write_pair(*ca, cert_path=ca_file, key_path=folder / "ca-key.pem")
    return cert, key, ca_file
