"""Our gateway as the relying party of a provider that breaks its tokens on purpose."""

from __future__ import annotations

import pytest

from tests.interop.clients import BROKEN, HONEST
from tests.interop.stage import Stage, Visitor, gateway_cookies, header


def test_a_provider_that_breaks_nothing_signs_people_in(
    stage: Stage, visitor: Visitor
) -> None:
    page = f"{stage.page('hostile')}?client_id={HONEST}"
    arrived = visitor.follow(visitor.get(page))

    assert (arrived.status, arrived.url) == (200, page)
    assert gateway_cookies(visitor)
    assert header(visitor.ask(page), "x-user-email") == "johndoe"


@pytest.mark.spec("OIDC-Core#3.1.3.7")
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_id_token_signs_nobody_in(
    stage: Stage, visitor: Visitor, broken: str
) -> None:
    page = f"{stage.page('hostile')}?client_id={broken}"
    before = stage.providers.hostile.count("grant.success", client=broken)
    back = visitor.follow(visitor.get(page))

    # The provider has given tokens, and nothing else was wrong with the answer.
    assert stage.providers.hostile.count("grant.success", client=broken) == before + 1
    assert back.status == 401
    assert back.url.startswith(f"{stage.node.site.gateway}/hostile?")
    assert gateway_cookies(visitor) == set()
    assert visitor.get(page).status == 302
