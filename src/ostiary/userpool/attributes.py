"""
Attributes: what a pool knows, what a client may write, what a value must look like.

Everything here is a function of its arguments; texts are the API's own.

Spec: cognito §3.5 (texts), §3.10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ostiary.model.pool import Pool, User
from ostiary.model.pool_settings import (
    STANDARD_ATTRIBUTES,
    VERIFIED_ATTRIBUTES,
    ClientSettings,
    PoolSettings,
    SchemaAttribute,
)
from ostiary.userpool import messages
from ostiary.userpool.refusal import AccountError

# RFC 5321 §4.1.2 without quoted strings, address literals and names without a dot: an
# address that two parsers could read as two different ones is nobody's.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(
    rf"(?=[^@]{{1,64}}@.{{1,253}}\Z)(?!.*=\?){_ATOM}(?:\.{_ATOM})*"
    rf"@(?:localhost|{_LABEL}(?:\.{_LABEL})+)"
)
_PHONE: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_MAX_LENGTH: Final = 2048
_BIRTHDATE_LENGTH: Final = 10
_MAX_NAME: Final = 128
_INVALID: Final = "InvalidParameterException"


def is_mail_address(text: str) -> bool:
    """Tell whether mail may be sent to this address: plain, and read alike by everyone."""
    return _EMAIL.fullmatch(text) is not None


def is_phone_number(text: str) -> bool:
    """Tell whether this is a number as E.164 writes it: a plus, then at most 15 digits."""
    return _PHONE.fullmatch(text) is not None


def find_custom(settings: PoolSettings) -> dict[str, SchemaAttribute]:
    """The custom attributes of a pool by their full name."""
    return {
        f"{'dev:' if a.DeveloperOnlyAttribute else ''}custom:{a.Name}": a
        for a in settings.Schema
        if a.Name not in STANDARD_ATTRIBUTES
    }


def find_writable(settings: ClientSettings) -> frozenset[str]:
    """What people may write through a client; custom attributes only where they are listed."""
    if settings.WriteAttributes is not None:
        return frozenset(settings.WriteAttributes)
    return frozenset(STANDARD_ATTRIBUTES) - VERIFIED_ATTRIBUTES - {"sub"}


def check_writable(client: ClientSettings, changes: Mapping[str, str]) -> None:
    """
    Refuse what a person may not write through this client.

    Raises:
        AccountError: NotAuthorizedException.
    """
    if not changes.keys() <= find_writable(client):
        raise AccountError("NotAuthorizedException", messages.WRITE_UNAUTHORIZED)


def check_required(settings: PoolSettings, attributes: Mapping[str, str]) -> None:
    """
    Refuse a sign-up without what the schema asks for: all that is missing in one text.

    Raises:
        AccountError: InvalidParameterException, about the first of them.
    """
    missing = [n for n in settings.required_attributes if not attributes.get(n)]
    if missing:
        text = "".join(messages.ATTRIBUTE_REQUIRED.format(n) for n in missing)
        raise AccountError(
            _INVALID, messages.ATTRIBUTES_WRONG.format(text), field=missing[0]
        )


def _refuse(name: str, text: str) -> AccountError:
    return AccountError(_INVALID, text, field=name)


def _check_custom(name: str, value: str, schema: SchemaAttribute) -> None:
    kind = schema.AttributeDataType or "String"
    if kind in {"Number", "DateTime"} and not _NUMBER.fullmatch(value):
        raise _refuse(name, messages.NOT_A_NUMBER.format(name))
    if kind == "Boolean" and value not in {"true", "false"}:
        raise _refuse(name, messages.NOT_A_BOOLEAN.format(name))
    texts, numbers = (
        schema.StringAttributeConstraints,
        schema.NumberAttributeConstraints,
    )
    if kind == "String" and texts is not None:
        if texts.MaxLength is not None and len(value) > int(texts.MaxLength):
            raise _refuse(name, messages.TEXT_LONG.format(name, texts.MaxLength))
        if texts.MinLength is not None and len(value) < int(texts.MinLength):
            raise _refuse(name, messages.TEXT_SHORT.format(name, texts.MinLength))
    if kind == "Number" and numbers is not None:
        if numbers.MaxValue is not None and float(value) > float(numbers.MaxValue):
            raise _refuse(name, messages.NUMBER_LARGE.format(name, numbers.MaxValue))
        if numbers.MinValue is not None and float(value) < float(numbers.MinValue):
            raise _refuse(name, messages.NUMBER_SMALL.format(name, numbers.MinValue))


def _check_standard(name: str, value: str) -> None:
    if name == "email" and not is_mail_address(value):
        raise _refuse(name, messages.EMAIL_WRONG)
    if name == "phone_number" and not is_phone_number(value):
        raise _refuse(name, messages.PHONE_WRONG)
    if name in VERIFIED_ATTRIBUTES and value.lower() not in {"true", "false"}:
        raise _refuse(name, messages.NOT_A_BOOLEAN.format(name))
    if name == "birthdate" and len(value) != _BIRTHDATE_LENGTH:
        raise _refuse(name, messages.TEXT_LONG.format(name, _BIRTHDATE_LENGTH))
    if name == "updated_at" and not _NUMBER.fullmatch(value):
        raise _refuse(name, messages.NOT_A_NUMBER.format(name))


def _looks_like_alias(settings: PoolSettings, value: str) -> bool:
    """Whether a preferred username could be another person's address or number."""
    aliases = settings.AliasAttributes or ()
    return ("email" in aliases and "@" in value) or (
        "phone_number" in aliases and is_phone_number(value.strip())
    )


def check_values(settings: PoolSettings, attributes: Mapping[str, str]) -> None:
    """
    Judge names and values against the pool's schema. Empty values are deletions.

    Raises:
        AccountError: InvalidParameterException about the first that is wrong.
    """
    custom = find_custom(settings)
    for name, value in attributes.items():
        if name not in custom and (name not in STANDARD_ATTRIBUTES or name == "sub"):
            text = messages.ATTRIBUTE_UNKNOWN.format(name)
            raise _refuse(name, messages.ATTRIBUTES_WRONG.format(text))
        if name == "preferred_username" and _looks_like_alias(settings, value):
            raise _refuse(name, messages.PREFERRED_WRONG)
        if "\0" in value or (name == "preferred_username" and len(value) > _MAX_NAME):
            raise _refuse(name, messages.NOT_A_TEXT.format(name))
        if len(value) > _MAX_LENGTH:
            raise _refuse(name, messages.STRING_TOO_LONG.format(name))
        if not value:
            continue
        if name in custom:
            _check_custom(name, value, custom[name])
        else:
            _check_standard(name, value)


def check_mutable(settings: PoolSettings, changes: Mapping[str, str]) -> None:
    """
    Refuse to change what was fixed at creation.

    Raises:
        AccountError: InvalidParameterException with one line per attribute.
    """
    fixed = {
        a.Name if a.Name in STANDARD_ATTRIBUTES else f"custom:{a.Name}"
        for a in settings.Schema
        if a.Mutable is False
    }
    broken = [n for n in changes if n.removeprefix("dev:") in fixed]
    if broken:
        text = "".join(messages.ATTRIBUTE_FIXED.format(n) for n in broken)
        raise _refuse(broken[0], text)


def _unproven(user: User, changes: Mapping[str, str]) -> dict[str, str]:
    """A new address is not proven by the old one, nor is none."""
    return {
        f"{name}_verified": "false" if changes[name] else ""
        for name in ("email", "phone_number")
        if name in changes and changes[name] != user.attributes.get(name)
    }


def with_attributes(
    pool: Pool, user: User, changes: Mapping[str, str], *, now: float
) -> User:
    """A user with changed attributes, and with the sign-in names that follow of them."""
    settings = pool.settings
    merged = {**user.attributes, **_unproven(user, changes), **changes}
    for name in VERIFIED_ATTRIBUTES & changes.keys():
        merged[name] = merged[name].lower()
    attributes = {name: value for name, value in merged.items() if value}
    key = user.login_key
    if settings.has_attribute_names:
        named = [attributes.get(name) for name in settings.UsernameAttributes or ()]
        key = next((settings.login_key(n) for n in named if n), user.login_key)
    aliases = settings.find_aliases(user.username, attributes)
    return replace(
        user,
        attributes=attributes,
        login_key=key,
        aliases=tuple(alias for alias in aliases if alias != key),
        modified_at=now,
    )


def read_list(given: object) -> dict[str, str]:
    """The attributes of an API list of names and values."""
    if not isinstance(given, list):
        return {}
    return {item["Name"]: item.get("Value", "") for item in given}
