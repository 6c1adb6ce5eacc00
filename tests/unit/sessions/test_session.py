"""The three clocks of a session: when it ends, and when its cookie is written again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostiary.sessions.session import (
    Session,
    SessionInvalid,
    Timeouts,
    check_session,
    decide_renewal,
    dump_session,
    load_session,
    quiet_until,
    renew,
)

START = 1_000_000.0
SESSION = Session(
    id="i",
    created_at=START,
    rolled_at=START,
    touched_at=START,
    subject="ada",
    method="bearer",
    client=1,
    access_token="secret-token",
)
OFF = Timeouts(idling_s=0, rolling_s=0, absolute_s=0)


@pytest.mark.parametrize(
    ("timeouts", "name"),
    [
        (Timeouts(idling_s=10, rolling_s=0, absolute_s=0), "idling"),
        (Timeouts(idling_s=0, rolling_s=10, absolute_s=0), "rolling"),
        (Timeouts(idling_s=0, rolling_s=0, absolute_s=10), "absolute"),
        (Timeouts(idling_s=10, rolling_s=10, absolute_s=10), "absolute"),
    ],
)
def test_a_clock_runs_out_at_its_second(timeouts: Timeouts, name: str) -> None:
    check_session(SESSION, timeouts, START + 9.9)
    with pytest.raises(SessionInvalid) as caught:
        check_session(SESSION, timeouts, START + 10)

    assert caught.value.reason == f"session {name} timeout exceeded"


def test_zero_turns_every_clock_off() -> None:
    check_session(SESSION, OFF, START + 10**9)

    assert decide_renewal(SESSION, OFF, START + 10**9) == "keep"


@pytest.mark.parametrize(("ahead", "works"), [(300, True), (301, False)])
def test_a_session_of_the_future_is_refused(ahead: int, *, works: bool) -> None:
    session = replace(SESSION, created_at=START + ahead)
    if works:
        check_session(session, Timeouts(), START)
        return
    with pytest.raises(SessionInvalid) as caught:
        check_session(session, Timeouts(), START)

    assert caught.value.reason == "invalid session creation time"


@pytest.mark.parametrize(
    ("after", "timeouts", "expected"),
    [
        (0, Timeouts(), "keep"),
        (60, Timeouts(), "keep"),
        (61, Timeouts(), "touch"),
        (61, Timeouts(idling_s=0), "keep"),
        (60, Timeouts(idling_s=120), "keep"),
        (51, Timeouts(idling_s=100), "touch"),
        (50, Timeouts(idling_s=100), "keep"),
        (31, Timeouts(idling_s=60), "touch"),
        (30, Timeouts(idling_s=60), "keep"),
        (2700, Timeouts(), "touch"),
        (2701, Timeouts(), "renew"),
        (2701, Timeouts(rolling_s=0), "touch"),
        (76, Timeouts(rolling_s=100, idling_s=0), "renew"),
    ],
)
def test_when_the_cookie_is_written_again(
    after: int, timeouts: Timeouts, expected: str
) -> None:
    assert decide_renewal(SESSION, timeouts, START + after) == expected


@pytest.mark.parametrize(("idling", "quiet"), [(0, 750), (900, 60), (100, 50), (10, 5)])
def test_a_session_in_use_is_looked_at_again_before_it_would_end(
    idling: int, quiet: int
) -> None:
    timeouts = Timeouts(idling_s=idling, rolling_s=1000)

    assert quiet_until(SESSION, timeouts) == START + quiet


def test_renewing_moves_the_clocks_but_not_the_sign_in() -> None:
    now = START + 100
    renewed, touched = renew(SESSION, "renew", now), renew(SESSION, "touch", now)

    assert (renewed.created_at, renewed.rolled_at, renewed.touched_at) == (
        START,
        now,
        now,
    )
    assert (touched.created_at, touched.rolled_at, touched.touched_at) == (
        START,
        START,
        now,
    )
    assert renew(SESSION, "keep", now) is SESSION


@pytest.mark.spec("T-K14")
def test_tokens_are_not_shown() -> None:
    session = replace(SESSION, id_token="secret-id", refresh_token="secret-refresh")

    assert "secret" not in repr(session)
    assert load_session(dump_session(session)) == session


@pytest.mark.parametrize(
    "data", [b"", b"[", b"[]", b"null", b"5", b"{}", b"[2]", b"[1]", b"\xff", b'["1"]']
)
def test_another_format_is_no_session(data: bytes) -> None:
    with pytest.raises(SessionInvalid) as caught:
        load_session(data)

    assert caught.value.code == "session_invalid"
