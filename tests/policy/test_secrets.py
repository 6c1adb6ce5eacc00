"""Secrets are compared in constant time wherever something that somebody sent is one side."""

from __future__ import annotations

import ast
import re

import pytest

from tests.policy.test_house_rules import ROOT, SOURCES

SECRET = re.compile(
    r"(secret|token|password|passphrase|nonce|mac|digest|signature|verifier|challenge|csrf|proof|pin|otp)$"
)
EQUALITY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
# What looks like it and is no check of a secret, each with the reason.
HARMLESS = {
    "current.access_token != session.access_token": "ours before and after a refresh",
    "stored.refresh_token != session.refresh_token": "ours and another node's",
    "current.factors.sealed_totp != sealed": "ours before and after a verification",
    "kept.refresh_token != session.refresh_token": "ours before and after a refresh",
    "current.password != instead_of": "a kept record before and after a proof",
    "password != password.strip()": "a new password beside itself",
    "password != visit.form.get('confirmPassword', '')": "two fields of one form",
}


def name_of(node: ast.expr) -> str:
    """What an expression is called: its last name, the key it is looked up by, what is called."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call(func=ast.Attribute(attr="encode", value=value)):
            return name_of(value)
        case ast.Call(
            func=ast.Attribute(attr="get"), args=[ast.Constant(value=key), *_]
        ):
            return str(key)
        case ast.Call():
            return name_of(node.func)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript():
            return name_of(node.value)
        case _:
            return ""


def is_constant(node: ast.expr) -> bool:
    """Tell whether an expression is written out, here or under a name in capitals."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(), attr=name):
            return name.isupper()
        case _:
            return False


def leaky_comparisons(source: str) -> list[str]:
    """Comparisons with ==, != or in where a side is named like a secret and none is written out."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        if (
            any(isinstance(op, EQUALITY) for op in node.ops)
            and not any(is_constant(side) for side in sides)
            and any(SECRET.search(name_of(side).lower()) for side in sides)
        ):
            found.append(ast.unparse(node))
    return found


@pytest.mark.spec("T-J16")
def test_no_secret_is_compared_by_a_comparison_that_tells_how_far_it_came() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in SOURCES
        for text in leaky_comparisons(path.read_text())
        if text not in HARMLESS
    }

    assert found == set()


def test_what_is_harmless_is_still_there() -> None:
    found = {t for path in SOURCES for t in leaky_comparisons(path.read_text())}

    assert found >= HARMLESS.keys()


@pytest.mark.parametrize(
    ("source", "leaks"),
    [
        ("if given_token == kept: pass", True),
        ("ok = form['client_secret'] != client.secret", True),
        ("ok = form.get('nonce') == claims['x']", True),
        ("ok = mac.encode() in known", True),
        ("ok = token == ''", False),
        ("ok = name == LOGOUT_TOKEN", False),
        ("ok = hmac.compare_digest(token, kept)", False),
        ("ok = wanted == kinds.PASSWORD", False),
        ("ok = self.token == kept", True),
        ("ok = token is None or len(token) == 3", False),
    ],
)
def test_the_check_finds_what_leaks(source: str, *, leaks: bool) -> None:
    assert bool(leaky_comparisons(source)) is leaks
