"""
Passwords: the policy's words, and what is kept instead of the password.

Both records are made at once, because neither can be made from the other: argon2id for
sign-in with the password itself, and salt and verifier for SRP. They cost tens of
milliseconds: the shell runs them off the event loop.

Hashes are those of `web.hashes`.
"""

from __future__ import annotations

from typing import Final

from ostiary.model.pool import PasswordRecord
from ostiary.model.pool_settings import PasswordPolicyType
from ostiary.userpool import messages, srp
from ostiary.web import hashes
from ostiary.web.hashes import HashCost

MAX_LENGTH: Final = 256
SYMBOLS: Final = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")


def find_policy_violation(password: str, policy: PasswordPolicyType) -> str | None:
    """The first rule that a password breaks, in the API's words and order."""
    has_symbol = any(c in SYMBOLS for c in password.strip(" "))
    broken = (
        (len(password) < policy.MinimumLength, messages.PASSWORD_SHORT),
        (len(password) > MAX_LENGTH, messages.PASSWORD_LONG),
        (password != password.strip(), messages.PASSWORD_SPACE),
        (
            policy.RequireUppercase and not any("A" <= c <= "Z" for c in password),
            messages.PASSWORD_UPPERCASE,
        ),
        (
            policy.RequireLowercase and not any("a" <= c <= "z" for c in password),
            messages.PASSWORD_LOWERCASE,
        ),
        (
            policy.RequireNumbers and not any("0" <= c <= "9" for c in password),
            messages.PASSWORD_NUMERIC,
        ),
        (policy.RequireSymbols and not has_symbol, messages.PASSWORD_SYMBOL),
    )
    return next((text for failed, text in broken if failed), None)


def describe_policy(policy: PasswordPolicyType) -> tuple[str, ...]:
    """The rules as a person reads them before choosing."""
    rules = (
        (True, f"at least {policy.MinimumLength} characters"),
        (policy.RequireUppercase, "an upper case letter"),
        (policy.RequireLowercase, "a lower case letter"),
        (policy.RequireNumbers, "a number"),
        (policy.RequireSymbols, "a symbol, such as ! or #"),
    )
    return tuple(text for wanted, text in rules if wanted)


def make_record(
    *,
    pool_id: str,
    username: str,
    password: str,
    argon2_salt: bytes,
    srp_salt: bytes,
    cost: HashCost,
) -> PasswordRecord:
    """What is kept of a password. Slow on purpose."""
    # Some clients drop leading zeros of the salt, others keep them: never have any.
    salt = int.from_bytes(srp_salt, "big") | 1 << (8 * len(srp_salt) - 1)
    x = srp.derive_x(
        pool_name=pool_id.partition("_")[2],
        username=username,
        password=password,
        salt=salt,
    )
    return PasswordRecord(
        argon2=hashes.hash_password(password, argon2_salt, cost),
        srp_salt=f"{salt:x}",
        srp_verifier=f"{srp.derive_verifier(x):x}",
    )


def is_right(password: str, record: PasswordRecord | None, *, cost: HashCost) -> bool:
    """
    Tell whether a password is the recorded one. As slow without a record.

    The dummy hash keeps the time of an answer from telling whether a user exists.

    Args:
        cost: What records are made at, and so what the dummy costs.
    """
    kept = None if record is None else record.argon2
    return hashes.is_right(password, kept, cost=cost)
