"""What hashing a password takes: the configuration's cost, for strangers as well."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import Any

import pytest

from ostiary.userpool import hashing, passwords, signing_in
from ostiary.userpool.app import create_app
from ostiary.userpool.config import UserPoolConfig
from ostiary.web.hashes import HashCost
from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.pool_kit import Demo, PoolSite
from tests.userpool.shortcuts import CHEAP

DEFAULT = "$argon2id$v=19$m=47104,t=1,p=1$"


async def kept_hash(demo: Demo) -> str:
    store = demo.site.config.store
    user = await store.find_user(pool_id=demo.pool_id, login_key=SIGN_IN["username"])
    assert user is not None
    assert user.password is not None
    return user.password.argon2


def use_default_cost(demo: Demo) -> None:
    """Make the site's app again, of a configuration that says nothing of the cost."""
    config = demo.site.config
    said = {f.name: getattr(config, f.name) for f in fields(config)}
    del said["hash_cost"]
    demo.site.app = demo.browser.app = create_app(UserPoolConfig(**said))


async def sign_in(demo: Demo, **fields: str) -> int:
    browser = demo.site.browser()
    page = await browser.get(f"/login?{demo.query()}")
    return (await browser.submit(page, SIGN_IN | fields)).status


async def test_who_says_nothing_hashes_at_the_recommended_cost(demo: Demo) -> None:
    use_default_cost(demo)
    await demo.confirm()

    assert (await kept_hash(demo)).startswith(DEFAULT)
    assert await sign_in(demo) == 302


async def test_a_password_that_was_kept_at_another_cost_stays_good(demo: Demo) -> None:
    await demo.confirm()
    assert (await kept_hash(demo)).startswith("$argon2id$v=19$m=8,t=1,p=1$")
    use_default_cost(demo)

    assert await sign_in(demo) == 302
    assert await sign_in(demo, password="wrong") == 200


@pytest.mark.parametrize("cost", [CHEAP, HashCost(memory_kib=64, time_cost=2)])
async def test_for_a_stranger_as_much_is_done_as_the_configuration_says(
    site: PoolSite, demo: Demo, monkeypatch: pytest.MonkeyPatch, cost: HashCost
) -> None:
    site.app = create_app(replace(site.config, hash_cost=cost))
    done: list[partial[Any]] = []

    async def note(work: partial[Any]) -> object:
        done.append(work)
        return await hashing.run_apart(work)

    monkeypatch.setattr(signing_in, "run_apart", note)

    assert await sign_in(demo, username="nobody@example.org") == 200
    assert [(w.func, w.args[1], w.keywords) for w in done] == [
        (passwords.is_right, None, {"cost": cost})
    ]
