"""
The audit log of a node: what its settings ask for.

Spec: gateway §1.17.
"""

from __future__ import annotations

from ostiary.admin.audit import AuditRules
from ostiary.node.signing_key import keeps_audit_log, read_signer
from ostiary.ports.audit import AuditLog
from ostiary.settings import Settings


def build_audit_rules(settings: Settings, log: AuditLog) -> AuditRules | None:
    """
    What is recorded, and how; None where nothing is.

    Raises:
        OSError, MalformedKey: See `read_signer`.
    """
    if not keeps_audit_log(settings):
        return None
    signer = read_signer(settings)
    return AuditRules(
        log=log,
        ttl_s=settings.audit_log_record_ttl,
        ignored_methods=frozenset(settings.audit_log_ignore_methods),
        ignored_paths=settings.audit_log_ignore_paths,
        ignored_kinds=frozenset(settings.audit_log_ignore_tables),
        excluded=frozenset(settings.audit_log_payload_exclude),
        sign=None if signer is None else signer.sign,
    )
