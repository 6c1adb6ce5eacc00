"""What a node makes of the audit log's settings, and the key that it cannot start with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from ostiary.node.audit import build_audit_rules
from ostiary.node.signing_key import check_signing_key
from ostiary.node.supervisor import CannotStart, Supervisor
from ostiary.ports.audit import AuditLog, Found, ObjectRecord, RequestRecord, Search
from ostiary.settings import Settings, read_settings

pytestmark = pytest.mark.spec("gateway#1.17")
GOOD = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
OTHER = ec.generate_private_key(ec.SECP256R1())


class Log:
    async def keep(self, record: RequestRecord) -> None:
        return None

    async def requests(self, search: Search, *, now: int) -> Found[RequestRecord]:
        return Found(records=(), total=0)

    async def objects(self, search: Search, *, now: int) -> Found[ObjectRecord]:
        return Found(records=(), total=0)


LOG: AuditLog = Log()


def dump(key: Any, locked: bool = False) -> bytes:
    how: KeySerializationEncryption = NoEncryption()
    if locked:
        how = BestAvailableEncryption(b"x")
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    return made


def with_settings(**given: Any) -> Settings:
    base = {"audit_log": "on", "database": "sqlite", **given}
    return read_settings(file_text=None, environ={}, overrides=base).settings


def test_without_the_switch_or_without_a_database_nothing_is_recorded() -> None:
    assert build_audit_rules(with_settings(audit_log="off"), LOG) is None
    assert build_audit_rules(with_settings(database="off"), LOG) is None
    assert build_audit_rules(with_settings(), LOG) is not None


def test_rules_are_what_the_settings_say(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(dump(GOOD))
    rules = build_audit_rules(
        with_settings(
            audit_log_ignore_methods="get, OPTIONS",
            audit_log_ignore_paths="^/status$,/audit",
            audit_log_ignore_tables="consumers",
            audit_log_payload_exclude="token, nickname",
            audit_log_record_ttl="60",
            audit_log_signing_key=str(path),
        ),
        LOG,
    )

    assert rules is not None
    assert rules.ignored_methods == {"GET", "OPTIONS"}
    assert rules.ignored_paths == ("^/status$", "/audit")
    assert rules.ignored_kinds == {"consumers"}
    assert rules.excluded == {"token", "nickname"}
    assert rules.ttl_s == 60
    assert rules.sign is not None
    assert len(rules.sign("text")) > 300


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot read audit_log_signing_key {path}: No such file or directory"),
        (b"", "cannot use audit_log_signing_key {path}: it is no private key in PEM"),
        (dump(OTHER), "cannot use audit_log_signing_key {path}: it is no RSA key"),
        (dump(SHORT), "cannot use audit_log_signing_key {path}: it has fewer than 2048 bits"),
        (dump(GOOD, locked=True), "cannot use audit_log_signing_key {path}: it is locked with a passphrase"),
        (dump(GOOD), None),
    ],
    ids=["missing", "empty", "EC", "short", "locked", "good"],
)  # fmt: skip
def test_a_key_that_cannot_sign_is_told_with_what_to_do(
    tmp_path: Path, content: bytes | None, why: str | None
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    told = check_signing_key(with_settings(audit_log_signing_key=str(path)))

    expected = why and f"{why}; make one with: openssl genrsa -out FILE 3072"
    assert told == (expected and expected.format(path=path))
    off = with_settings(audit_log="off", audit_log_signing_key=str(path))
    assert check_signing_key(off) is None


async def test_a_node_does_not_start_with_a_key_that_cannot_sign(
    tmp_path: Path,
) -> None:
    settings = with_settings(
        prefix=str(tmp_path), audit_log_signing_key=str(tmp_path / "none.pem")
    )
    supervisor = Supervisor(settings)
    with pytest.raises(CannotStart, match="cannot read audit_log_signing_key"):
        supervisor.prepare()
    await supervisor.stop()
