"""
The key that signs the records of the audit log. The supervisor reads it first: see `prepare`.

Spec: gateway §1.17.
"""

from __future__ import annotations

from pathlib import Path

from ostiary.jose.errors import MalformedKey
from ostiary.jose.signing import RsaSigner, read_rsa_signer
from ostiary.settings import Settings

_HINT = "make one with: openssl genrsa -out FILE 3072"


def keeps_audit_log(settings: Settings) -> bool:
    """Whether there is an audit log: without a database there is none."""
    return settings.audit_log and settings.database != "off"


def read_signer(settings: Settings) -> RsaSigner | None:
    """
    What signs records; None where nothing does.

    Raises:
        OSError: The file cannot be read.
        MalformedKey: It holds no key of use.
    """
    path = settings.audit_log_signing_key
    return None if path is None else read_rsa_signer(Path(path).read_bytes())


def check_signing_key(settings: Settings) -> str | None:
    """What is wrong with the key that signs records, in one sentence; None if nothing."""
    if not keeps_audit_log(settings):
        return None
    path = settings.audit_log_signing_key
    try:
        read_signer(settings)
    except OSError as error:
        why = error.strerror or "it is no file"
        return f"cannot read audit_log_signing_key {path}: {why}; {_HINT}"
    except MalformedKey as error:
        return f"cannot use audit_log_signing_key {path}: {error.detail}; {_HINT}"
    return None
