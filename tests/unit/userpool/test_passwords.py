"""Passwords: the policy's words, and records that give nothing away."""

from __future__ import annotations

import pytest
from argon2.low_level import Type, verify_secret

from ostiary.model.pool import PasswordRecord
from ostiary.model.pool_settings import PasswordPolicyType
from ostiary.userpool import messages, passwords, srp
from ostiary.web import hashes
from ostiary.web.hashes import HashCost

POLICY = PasswordPolicyType()


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("Aa1!aaa", messages.PASSWORD_SHORT),
        ("aaaaaaaa", messages.PASSWORD_UPPERCASE),
        ("AAAAAAAA", messages.PASSWORD_LOWERCASE),
        ("Aaaaaaaa", messages.PASSWORD_NUMERIC),
        ("Aaaaaaa1", messages.PASSWORD_SYMBOL),
        (" Aaaaaa1!", messages.PASSWORD_SPACE),
        ("Aa1!" + "a" * 253, messages.PASSWORD_LONG),
        ("Aaaaaa1!", None),
        ("Aaaa aa1", None),
        ("Ünïcode1!aA", None),
    ],
)
def test_the_first_broken_rule_is_named(password: str, message: str | None) -> None:
    assert passwords.find_policy_violation(password, POLICY) == message


def test_a_lax_policy_asks_for_length_only() -> None:
    lax = PasswordPolicyType(
        MinimumLength=6,
        RequireUppercase=False,
        RequireLowercase=False,
        RequireNumbers=False,
        RequireSymbols=False,
    )

    assert passwords.find_policy_violation("aaaaaa", lax) is None
    assert passwords.describe_policy(lax) == ("at least 6 characters",)


def make_record(cost: HashCost) -> PasswordRecord:
    return passwords.make_record(
        pool_id="eu-west-1_abcdefghi",
        username="u",
        password="Passw0rd!x",
        argon2_salt=b"s" * 16,
        srp_salt=b"\x00" * 16,
        cost=cost,
    )


def test_a_record_knows_its_password_and_no_other() -> None:
    cost = HashCost()
    record = make_record(cost)

    assert passwords.is_right("Passw0rd!x", record, cost=cost)
    assert not passwords.is_right("Passw0rd!y", record, cost=cost)
    assert not passwords.is_right("nobody has this password", None, cost=cost)
    assert record.argon2.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert record.srp_salt[0] != "0"
    assert len(record.srp_salt) == 32
    x = srp.derive_x(
        pool_name="abcdefghi",
        username="u",
        password="Passw0rd!x",
        salt=int(record.srp_salt, 16),
    )
    assert record.srp_verifier == f"{srp.derive_verifier(x):x}"
    assert "Passw0rd" not in repr(record)
    assert record.argon2 not in repr(record)


def test_a_password_stays_good_when_the_cost_changes() -> None:
    record = make_record(HashCost(memory_kib=64, time_cost=3))

    assert record.argon2.startswith("$argon2id$v=19$m=64,t=3,p=1$")
    assert passwords.is_right("Passw0rd!x", record, cost=HashCost())
    assert not passwords.is_right("Passw0rd!y", record, cost=HashCost())


@pytest.mark.parametrize("cost", [HashCost(), HashCost(memory_kib=64, time_cost=3)])
def test_without_a_record_as_much_is_done_as_with_one(
    cost: HashCost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dummy at another cost would tell by its time who has no record."""
    looked_at: list[bytes] = []

    def verify(kept: bytes, secret: bytes, kind: Type) -> bool:
        looked_at.append(kept)
        return verify_secret(kept, secret, kind)

    monkeypatch.setattr(hashes, "verify_secret", verify)

    assert not passwords.is_right("Passw0rd!y", make_record(cost), cost=cost)
    assert not passwords.is_right("Passw0rd!y", None, cost=cost)
    with_record, without = (kept.rsplit(b"$", 2)[0] for kept in looked_at)
    numbers = f"m={cost.memory_kib},t={cost.time_cost},p=1"
    assert with_record == f"$argon2id$v=19${numbers}".encode()
    assert without == with_record
