"""What an operator may say of passwords, keys and sessions; what is not known is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.model.workspaces import DEFAULT, WorkspaceConfig
from ostiary.portal.complexity import read_complexity
from ostiary.portal.config import describe_warnings, judge_portal, read_portal
from ostiary.portal.own import judge_key
from ostiary.portal.session_conf import (
    SessionConf,
    judge_session_conf,
    read_session_conf,
)
from tests.unit.portal.own_kit import SECRET
from tests.unit.portal.portal_kit import EMAIL, build_settings


def workspace(**config: Any) -> Any:
    made = WorkspaceConfig.model_validate({"portal": True, **config}, strict=False)
    return DEFAULT.model_copy(update={"config": made})


# Passwords.


@pytest.mark.spec("portal#1.2")
@pytest.mark.parametrize(
    ("rules", "password", "is_taken"),
    [
        (None, "aaaaaaaa", True),
        (None, "aaaaaaa", False),
        ({"kong-preset": "min_8"}, "Passw0rd", True),
        ({"kong-preset": "min_8"}, "passw0rd", False),
        ({"kong-preset": "min_8"}, "Passw0r", False),
        ({"kong-preset": "min_8"}, "pass-w0rd", True),
        ({"kong-preset": "min_12"}, "Passw0rdPas", False),
        ({"kong-preset": "min_12"}, "Passw0rdPass", True),
        ({"kong-preset": "min_20"}, "Passw0rdPassw0rdPas", False),
        ({"kong-preset": "min_20"}, "Passw0rdPassw0rdPass", True),
        ({"min": "disabled,24,11,9,8"}, "a" * 100, False),
        ({"min": "disabled,24,11,9,8"}, "ab1" * 8, True),
        ({"min": "disabled,24,11,9,8"}, "ab1" * 7, False),
        ({"min": "disabled,24,11,9,8"}, "one two six", True),
        ({"min": "disabled,24,11,9,8", "passphrase": 0}, "one two six", False),
        ({"min": "disabled,24,11,9,8", "passphrase": 4}, "one two six", False),
        ({"min": "disabled,24,11,9,8"}, "aB3-aB3-x", True),
        ({"min": "disabled,24,disabled,disabled,8"}, "xB3-aB3", False),
        ({"min": "disabled,24,disabled,disabled,8"}, "xB3-aB3-", True),
        # A capital letter at the beginning and a digit at the end tell nothing.
        ({"min": "disabled,24,disabled,8,8"}, "Password1", False),
        ({"min": "disabled,24,disabled,8,8"}, "pasSword1a", True),
        ({"max": 10}, "aB3-aB3-aB3-", False),
        ({"min": "9,9,9,9,9"}, "aaaaaaaaa", True),
        ({"min": "disabled,disabled,disabled,disabled,disabled"}, "aB3-aB3-aB3-", False),
    ],
)  # fmt: skip
def test_a_password_is_what_the_rules_say(
    rules: dict[str, Any] | None, password: str, is_taken: bool
) -> None:
    found = read_complexity(None if rules is None else json.dumps(rules))
    said = found.judge(password, EMAIL)

    assert (said is None) == is_taken
    assert found.describe()


@pytest.mark.parametrize("password", [EMAIL, EMAIL.upper(), "x" * 257, "\ud800" * 9])
def test_no_rule_takes_an_address_or_a_book(password: str) -> None:
    assert read_complexity(None).judge(password, EMAIL) is not None


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("[]", "must be a JSON object"), ("{}", "must be a JSON object"),
        ('{"kong-preset": "min_9"}', "one of min_8"), ('{"kong-preset": "min_8", "max": 9}', "stands alone"),
        ('{"kong-preset": ["min_8"]}', "one of min_8"), ('{"similar": "deny"}', "similar is not known"),
        ('{"min": "8"}', "five lengths"), ('{"min": 8}', "five lengths"), ('{"min": "8,8,8,8,x"}', "five lengths"),
        ('{"min": "8,9,9,9,9"}', "no length may be more"), ('{"max": 7}', "between 8 and 256"),
        ('{"max": true}', "must be a number"), ('{"passphrase": -1}', "must be a number"),
        ('{"min": "0,0,0,0,0"}', "less than 8"), ('{"min": "disabled,24,11,8,7"}', "less than 8"),
        ('{"max": 10, "min": "11,11,11,11,11"}', "more than max"),
    ],
)  # fmt: skip
def test_rules_that_are_not_kept_are_refused_where_they_are_saved(
    rules: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read_complexity(rules)
    if rules.startswith("{"):
        row = workspace(portal_auth="basic-auth", portal_auth_password_complexity=rules)
        (problem,) = judge_portal(build_settings(), row)
        assert problem[0] == ("config", "portal_auth_password_complexity")


# Keys.


@pytest.mark.parametrize(
    ("key", "is_taken"),
    [
        ("abcdefghijklmnopqrstuvwx", True), ("abcdefghijklmnopqrstuvw", False), ("a" * 30, False),
        ("abcabcabcabcabcabcabcabcabc", False), ("abcdefghijkl mnopqrstuvwx", False),
        ("abcdefghijklmnopqrstuvwé", False), ("ab" + "cdefghijkl" * 26, False),
    ],
)  # fmt: skip
def test_a_key_is_long_and_does_not_repeat_itself(key: str, is_taken: bool) -> None:
    assert (judge_key(key) is None) == is_taken


# Sessions.


@pytest.mark.spec("portal#1.2")
def test_both_generations_of_names_say_the_same() -> None:
    old = {"secret": SECRET, "cookie_lifetime": 60, "cookie_samesite": "off", "storage": "kong"}  # fmt: skip
    new = {"secret": SECRET, "rolling_timeout": 60, "cookie_same_site": "off"}

    assert read_session_conf(json.dumps(old)) == read_session_conf(json.dumps(new))
    found = read_session_conf(json.dumps(new))
    assert (found.rolling_s, found.same_site, found.idle_s) == (60, "Default", 60)
    assert SECRET not in repr(found)
    assert read_session_conf(None) == SessionConf()


@pytest.mark.parametrize(
    ("conf", "name", "words"),
    [
        ({"secret": None}, "secret", "16 characters"), ({"secret": "short"}, "secret", "16 characters"),
        ({"storage": "cookie"}, "storage", "can be ended"), ({"coookie_name": "x"}, "coookie_name", "unknown field"),
        ({"cookie_name": "a b"}, "cookie_name", "name of a cookie"), ({"cookie_name": 5}, "cookie_name", "name of a cookie"),
        ({"cookie_domain": "a b"}, "cookie_domain", "host name"), ({"cookie_domain": "a:80"}, "cookie_domain", "host name"),
        ({"cookie_secure": "yes"}, "cookie_secure", "true or false"), ({"cookie_same_site": "all"}, "cookie_same_site", "Strict"),
        ({"rolling_timeout": -1}, "rolling_timeout", "seconds"), ({"idling_timeout": "9"}, "idling_timeout", "seconds"),
        ({"hash_subject": True}, "hash_subject", "must be false"), ({"store_metadata": True}, "store_metadata", "must be false"),
        ({"logout_query_arg": "bye"}, "logout_query_arg", "must not be changed"),
        ({"logout_methods": ["GET"]}, "logout_methods", "must not be changed"),
        ({"cookie_lifetime": 5, "rolling_timeout": 6}, "cookie_lifetime", "something else than rolling_timeout"),
        ({"cookie_name": "__Host-a", "cookie_domain": "a.b"}, "cookie_domain", "__Host-"),
        ({"cookie_name": "__Host-a", "cookie_secure": False}, "cookie_secure", "must be true"),
        ({"cookie_name": "__secure-a", "cookie_secure": False}, "cookie_secure", "must be true"),
        ({"secret": "\ud800" + SECRET}, "secret", "halves of a pair"),
    ],
)  # fmt: skip
def test_a_session_that_would_be_another_is_refused_at_its_key(
    conf: dict[str, Any], name: str, words: str
) -> None:
    text = json.dumps({"secret": SECRET, **conf})
    ((place, said),) = judge_session_conf(text)
    row = workspace(portal_auth="basic-auth", portal_session_conf=text)

    assert place == name
    assert words in said
    assert ("config", "portal_session_conf", name) in [
        p for p, _ in judge_portal(build_settings(), row)
    ]
    with pytest.raises(ValueError, match=name):
        read_session_conf(text)


def test_a_session_needs_a_secret_and_takes_what_is_fixed() -> None:
    fixed = {"logout_methods": ["POST", "DELETE"], "logout_query_arg": "session_logout"}

    assert [name for name, _ in judge_session_conf("{}")] == ["secret"]
    assert judge_session_conf(json.dumps({"secret": SECRET, **fixed})) == []
    secure = {"cookie_name": "__Host-a", "cookie_secure": True}
    assert judge_session_conf(json.dumps({"secret": "\U0001f511" * 16, **secure})) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)  # fmt: skip
NAMES = (
    "secret", "storage", "cookie_name", "cookie_domain", "cookie_secure", "cookie_samesite", "cookie_same_site",
    "cookie_lifetime", "rolling_timeout", "idling_timeout", "hash_subject", "logout_methods", "min", "max",
    "passphrase", "kong-preset", "x",
)  # fmt: skip


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.one_of(JSON, st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)))
def test_whatever_is_pasted_is_taken_or_explained(said: object) -> None:
    text = json.dumps(said)
    for read in (read_session_conf, read_complexity):
        with suppress(ValueError):
            assert read(text) is not None


# The portal.


def test_a_portal_that_is_configured_wrongly_lets_nobody_in_and_says_why() -> None:
    settings = build_settings(portal_session_conf='{"storage": "kong"}')
    portal = read_portal(settings, workspace(portal_auth="basic-auth"))

    assert portal.own is None
    assert portal.has_sign_in
    assert "portal_session_conf: secret" in (portal.problem or "")
    assert "nobody can sign in" in " ".join(describe_warnings(portal))


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"portal_auth": "openid-connect", "portal_auth_conf": "{}", "portal_auth_login_attempts": 3}, "portal_auth_login_attempts"),
        ({"portal_auth": "key-auth", "portal_auth_login_attempts": 3}, "portal_auth_login_attempts"),
        ({"portal_auth": "basic-auth", "portal_auth_conf": '{"anonymous": "x"}'}, "portal_auth_conf"),
        ({"portal_auth": "basic-auth", "portal_auth_conf": '{"issuer": "nowhere"}'}, "portal_auth_conf"),
    ],
)  # fmt: skip
def test_what_would_not_be_kept_is_refused(config: dict[str, Any], place: str) -> None:
    problems = judge_portal(build_settings(), workspace(**config))

    assert place in [path[1] for path, _ in problems]


def test_what_kongs_page_says_of_passwords_is_taken() -> None:
    conf = {"cookie_name": "portal_session", "secret": SECRET, "cookie_secure": False, "storage": "kong"}  # fmt: skip
    row = workspace(
        portal_auth="basic-auth", portal_auth_conf='{"hide_credentials": true}',
        portal_session_conf=json.dumps(conf),
    )  # fmt: skip

    assert judge_portal(build_settings(), row) == []
    (warning,) = describe_warnings(read_portal(build_settings(), row))
    assert "names its own cookie (portal_session)" in warning


def test_an_operator_hears_of_what_cannot_work() -> None:
    settings = build_settings(
        portal_gui_protocol="http", portal_email_verification=True
    )
    conf = json.dumps({"secret": SECRET, "cookie_secure": True})
    row = workspace(portal_auth="basic-auth", portal_session_conf=conf)
    said = " ".join(describe_warnings(read_portal(settings, row), is_mock=True))

    assert "cookie_secure needs https" in said
    assert "smtp_mock is on" in said


def test_a_workspace_says_otherwise_than_the_node() -> None:
    settings = build_settings(
        portal_auth="basic-auth", portal_auth_login_attempts=5, portal_token_exp=60
    )
    portal = read_portal(settings, workspace())
    other = read_portal(
        settings,
        workspace(
            portal_auth_login_attempts=0, portal_token_exp=90, portal_reset_email=False
        ),
    )

    assert portal.own is not None
    assert other.own is not None
    assert (portal.own.attempts, portal.token_exp_s, portal.can_reset) == (5, 60, True)
    assert (other.own.attempts, other.token_exp_s, other.can_reset) == (0, 90, False)


@pytest.mark.parametrize(
    ("place", "conf"),
    [
        ("portal_session_conf", '{"\\ud800": 1, "secret": "nobody knows this"}'),
        ("portal_auth_password_complexity", '{"\\ud800": 1}'),
        ("portal_auth_conf", '{"\\ud800": 1}'),
    ],
)
def test_a_name_that_is_no_text_is_told_in_one_that_is(place: str, conf: str) -> None:
    """It could not be sent in a reply."""
    row = workspace(portal_auth="basic-auth", **{place: conf})
    problems = judge_portal(build_settings(), row)

    assert problems
    assert "\\ud800" in str(problems)
    for path, words in problems:
        ".".join([*map(str, path), words]).encode()
