"""A path that other servers read into another route is refused; harmless signs stay data."""

from __future__ import annotations

import pytest

from ostiary.gateway.decision import Forward
from ostiary.gateway.gateway import Gateway
from ostiary.http.head import Reply, fold_name
from ostiary.http.path import normalise_path, read_otherwise
from tests.unit.gateway.gateway_kit import World, answer, ask, route, service


def guarded() -> Gateway:
    world = World(act=lambda _: Reply(status=401))
    paths = {"public": ["/"], "app": ["/app"], "guarded": ["/private", "/app/admin"]}
    return world.gateway(
        services=[service()],
        routes=[route(name=n, paths=p, strip_path=False) for n, p in paths.items()],
        plugins=[{"name": "fake", "route": "guarded"}],
    )


@pytest.mark.spec("T-P3")
@pytest.mark.spec("T-P4")
@pytest.mark.parametrize(
    "target",
    [
        b"/;/private/x", b"/;a=1/private/x", b"/%3B/private/x", b"/app;x/admin",
        b"/app/;/admin", b"/app%2Fadmin", b"/app/%2Fadmin", b"/app%3Bx/admin",
        b"/app%2fadmin;x/y", b"/private;x/../app%2Fadmin",
    ],
)  # fmt: skip
def test_another_reading_that_leads_elsewhere_is_refused(target: bytes) -> None:
    assert answer(ask(guarded(), target)).status == 400


@pytest.mark.spec("D21")
@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/files/a%2Fb;v=1", None),
        (b"/app/x;y/z", None),
        (b"/private/a%2Fb", 401),
        (b"/private;v=1/x", 401),
    ],
)
def test_signs_that_change_no_route_stay_data(
    target: bytes, status: int | None
) -> None:
    decision = ask(guarded(), target)

    if status is None:
        assert isinstance(decision, Forward)
        assert decision.head.target == target
    else:
        assert answer(decision).status == status


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("/plain/path", ()),
        ("/a;b/c", ("/a/c",)),
        ("/a%2Fb", ("/a/b",)),
        ("/a%3Bx%2Fb/c", ("/a/c", "/a%3Bx/b/c", "/a/b/c")),
    ],
)
def test_the_readings_of_servers_that_cut_and_decode(
    path: str, readings: tuple[str, ...]
) -> None:
    assert read_otherwise(normalise_path(path)) == readings


@pytest.mark.spec("T-H1")
@pytest.mark.parametrize(
    "sign", ["-", "_", ".", "~", "!", "+", "'", "^", "*", "|", "#"]
)
def test_every_sign_in_a_name_folds_alike(sign: str) -> None:
    assert fold_name(f"X{sign}User{sign}Email".encode()) == b"x-user-email"


@pytest.mark.parametrize("length", [262, 60_000])
def test_a_giant_host_is_refused_and_not_remembered(length: int) -> None:
    gateway = guarded()

    assert answer(ask(gateway, host=b"a" * length)).status == 400
    assert answer(ask(gateway, b"/private", host=b"a" * 255)).status == 401
