"""The front page shows the page's steps with this run's values and their state."""

from __future__ import annotations

import html
import json
from dataclasses import asdict

import pytest

from ostiary.cli.demo.landing import build_steps, build_trust_commands, landing_app
from ostiary.cli.demo.values import parse_state
from tests.unit.demo.asgi import Reply, call
from tests.unit.demo.demo_state import STATE


async def _show(users: int, target: str = "/", host: str = "127.0.0.1:8080") -> Reply:
    async def count() -> int:
        return users

    return await call(landing_app(STATE, count_users=count), target, host=host)


async def test_the_page_shows_the_values_of_this_run() -> None:
    reply = await _show(0)
    text = html.unescape(reply.text)

    assert reply.status == 200
    for value in (
        STATE.user_pool_id,
        STATE.client_id,
        STATE.issuer,
        STATE.discovery_url,
        STATE.mailbox_url,
        STATE.admin_url,
        STATE.sign_out_url,
        *STATE.callback_urls,
    ):
        assert value in text
    for link in (STATE.protected_url, STATE.mailbox_url, STATE.logout_url):
        assert f'href="{link}"' in text


def test_the_steps_are_in_the_page_s_order_and_extras_are_marked() -> None:
    steps = build_steps(STATE, 0)

    assert [s.key for s in steps] == [
        "pool",
        "client",
        "settings",
        "domain",
        "discovery",
        "plugin",
        "validate",
        "users",
        "logout",
        "portal",
        "approve",
        "try",
        "debug",
    ]
    assert {s.key for s in steps if s.state == "yours"} == {"validate"}
    assert {s.key for s in steps if s.state == "extra"} == {"logout"}


@pytest.mark.parametrize(
    ("users", "status"),
    [(0, "Your turn"), (1, "1 user has signed up"), (2, "2 users have signed up")],
)
async def test_signing_up_is_the_visitor_s_turn_until_somebody_did(
    users: int, status: str
) -> None:
    assert status in (await _show(users)).text


def test_commands_quote_what_a_shell_would_take_apart() -> None:
    commands = dict(build_trust_commands(STATE))

    assert "--cacert '/srv/a demo/trust/ca.pem'" in commands["curl"]


async def test_programs_find_the_state() -> None:
    reply = await _show(0, "/state.json")

    assert reply.json()["user_pool_id"] == STATE.user_pool_id
    assert reply.json()["discovery_url"] == STATE.discovery_url


async def test_another_site_s_name_is_refused() -> None:
    assert (await _show(0, host="evil.example")).status == 400


def test_the_state_survives_its_file() -> None:
    assert parse_state(STATE.to_json()) == STATE


def test_a_state_without_a_field_names_it() -> None:
    values = {k: v for k, v in asdict(STATE).items() if k != "issuer"}
    with pytest.raises(ValueError, match="lacks issuer"):
        parse_state(json.dumps(values))
