"""How often is sent: by one developer, and by all of a portal together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ostiary.portal.accounts import TooOften
from ostiary.portal.tryit.sending import DEVELOPER_BURST, PORTAL_BURST, TryIt
from tests.unit.portal.tryit.try_kit import FakeGateway


def who(name: str) -> Any:  # Any: only its id is looked at
    return cast("Any", SimpleNamespace(id=name))


def test_developers_are_limited_each_and_a_portal_as_a_whole() -> None:
    """One who sends too much keeps nobody else from sending; many together do, in their portal."""
    trying = TryIt(FakeGateway(), lambda: 1000.0)
    for _ in range(DEVELOPER_BURST):
        trying.count(who("p1"), who("ada"))
    with pytest.raises(TooOften) as caught:
        trying.count(who("p1"), who("ada"))
    for number in range(PORTAL_BURST - DEVELOPER_BURST):
        trying.count(who("p1"), who(f"d{number}"))
    with pytest.raises(TooOften):
        trying.count(who("p1"), who("eve"))
    trying.count(who("p2"), who("eve"))

    assert caught.value.wait_s == 2


def test_people_reach_the_gateway_at_the_portals_host() -> None:
    """With the gateway's scheme and port; addresses of IPv6 stay in brackets."""
    trying = TryIt(FakeGateway(), lambda: 0.0)
    named = trying.home(cast("Any", SimpleNamespace(gui="https://kong-ee:8446/default")))  # fmt: skip
    number = trying.home(cast("Any", SimpleNamespace(gui="http://[::1]:8446/default")))

    assert (named.origin, number.origin) == ("https://kong-ee:8443", "https://[::1]:8443")  # fmt: skip
