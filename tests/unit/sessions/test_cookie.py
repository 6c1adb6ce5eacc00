"""Sessions in cookies: cut, put together again, and refused whole when a piece is wrong."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.jose.encoding import encode_base64url
from ostiary.sessions.cookie import (
    CHUNK_LENGTH,
    MAX_CHUNKS,
    MAX_INFLATED,
    SessionTooLarge,
    build_chunks,
    chunk_names,
    find_candidates,
    open_session,
)
from ostiary.sessions.keys import KeyRing, RingKey, Sealer
from ostiary.sessions.session import Session, SessionInvalid, dump_session

FAST = settings(max_examples=200, deadline=None, derandomize=True)
SEALER = Sealer(KeyRing((RingKey(b"aaaa", b"s" * 32),)), b"session")
NONCE, BINDING = b"n" * 12, b"instance"
PLAIN = Session(
    id="i",
    created_at=100,
    rolled_at=100,
    touched_at=100,
    subject="ada",
    method="authorization_code",
    client=0,
    access_token="a",
)


def noise(length: int) -> str:
    """Text that does not compress."""
    return encode_base64url(hashlib.shake_128(b"x").digest(length))[:length]


def write(session: Session, name: str = "session") -> tuple[tuple[str, str], ...]:
    return build_chunks(session, name=name, sealer=SEALER, binding=BINDING, nonce=NONCE)


def read(
    cookies: tuple[tuple[str, str], ...],
    name: str = "session",
    binding: bytes = BINDING,
    sealer: Sealer = SEALER,
) -> Session:
    return open_session(find_candidates(cookies, name), sealer=sealer, binding=binding)


def refused(
    cookies: tuple[tuple[str, str], ...], binding: bytes = BINDING
) -> SessionInvalid:
    with pytest.raises(SessionInvalid) as caught:
        read(cookies, binding=binding)
    return caught.value


@FAST
@given(
    st.text(max_size=40),
    st.none() | st.text(max_size=2000),
    st.integers(0, 2**40) | st.none(),
)
def test_a_session_is_read_back(
    token: str, refresh: str | None, expires_at: float | None
) -> None:
    session = replace(
        PLAIN, access_token=token, refresh_token=refresh, expires_at=expires_at
    )

    assert read(write(session)) == session


@pytest.mark.spec("T-K2")
def test_every_length_around_a_multiple_of_the_chunk_is_read_back() -> None:
    seen = set()
    for length in (*range(0, 27_000, 997), *_around_the_edges()):
        session = replace(PLAIN, access_token=noise(length))
        chunks = write(session)
        seen.add(len(chunks))
        assert read(chunks) == session
        assert [name for name, _ in chunks] == list(chunk_names("session"))[
            : len(chunks)
        ]

    assert seen >= set(range(1, 8))


def _around_the_edges() -> list[int]:
    """Lengths at which the sealed text comes to just under, at, and just over whole chunks."""
    found: list[int] = []
    for count in range(1, 4):
        length = 0
        while len("".join(v for _, v in write(_of(length)))) - 1 < count * CHUNK_LENGTH:
            length += 64
        found += range(length - 70, length + 6)
    return found


def _of(length: int) -> Session:
    return replace(PLAIN, access_token=noise(max(0, length)))


@pytest.mark.spec("T-K2")
def test_no_cookie_is_over_the_limit_of_browsers() -> None:
    sizes = {len(name) + len(value) + 1 for name, value in write(_of(25_000))}

    assert max(sizes) <= 4096 - 150


@pytest.mark.spec("T-K2")
@pytest.mark.parametrize("length", [60_000, 200_000])
def test_a_session_over_nine_cookies_is_refused_when_it_is_made(length: int) -> None:
    with pytest.raises(SessionTooLarge) as caught:
        write(_of(length))

    assert caught.value.code == "session_too_large"
    assert len(chunk_names("s")) == MAX_CHUNKS


@pytest.mark.spec("T-K2")
@pytest.mark.parametrize("excess", [-1, 0, 1, 100_000])
def test_what_would_not_be_read_back_is_not_written(excess: int) -> None:
    frame = len(dump_session(replace(PLAIN, access_token="")))
    session = replace(PLAIN, access_token="a" * (MAX_INFLATED - frame + excess))
    if excess > 0:
        with pytest.raises(SessionTooLarge):
            write(session)
    else:
        assert read(write(session)) == session


@pytest.mark.spec("T-K2")
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_chunk_is_no_session(missing: int) -> None:
    chunks = write(_of(8_000))

    assert len(chunks) == 3
    assert refused(chunks[:missing] + chunks[missing + 1 :])


@pytest.mark.spec("T-K8")
def test_a_later_chunk_given_twice_is_no_session() -> None:
    chunks = write(_of(8_000))

    assert refused((*chunks, ("session2", "x")))
    assert refused((*chunks, chunks[1]))


@pytest.mark.spec("T-K8")
@pytest.mark.parametrize("planted", ["1AAAA", "x", "9", "0AAAA", "1", "²AAA"])
def test_a_planted_cookie_does_not_hide_ours(planted: str) -> None:
    ours = write(PLAIN)

    assert read((("session", planted), *ours)) == PLAIN
    assert read((*ours, ("session", planted))) == PLAIN
    assert read((*ours, *ours)) == PLAIN


@pytest.mark.spec("T-K8")
def test_two_sessions_of_ours_count_as_none() -> None:
    other = write(replace(PLAIN, subject="eve"))

    assert refused((*write(PLAIN), *other)).reason == "several sessions"


def test_left_over_chunks_of_a_longer_session_do_no_harm() -> None:
    assert read((*write(PLAIN), ("session2", "old"), ("session3", "old"))) == PLAIN


@pytest.mark.spec("T-K1")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "9",
        "0",
        "-1",
        "1000000000",
        "a",
        "=",
        "1=",
        "1é",
        "1" + "A" * 4000,
        "10x",
    ],
)
def test_garbage_is_no_session(value: str) -> None:
    found = refused((("session", value),))

    assert found.code == "session_invalid"


def test_no_cookie_is_told_from_a_bad_one() -> None:
    assert refused(()).reason == "missing session cookie"
    assert refused((("session", "1AAAA"),)).reason == (
        "invalid session message authentication code"
    )


@pytest.mark.spec("T-K1")
@FAST
@given(
    st.lists(
        st.tuples(
            st.sampled_from(chunk_names("session")), st.text("019azAZ-_=é", max_size=9)
        ),
        max_size=12,
    )
)
def test_no_cookies_break_the_reader(cookies: list[tuple[str, str]]) -> None:
    assert refused(tuple(cookies))


@pytest.mark.spec("T-K4")
@pytest.mark.spec("T-K6")
def test_a_session_of_another_binding_or_purpose_is_refused() -> None:
    state = Sealer(KeyRing((RingKey(b"aaaa", b"s" * 32),)), b"state")
    chunks = write(PLAIN)

    assert refused(chunks, binding=b"other")
    with pytest.raises(SessionInvalid):
        read(chunks, sealer=state)


@pytest.mark.spec("T-K18")
@pytest.mark.parametrize("size", [MAX_INFLATED + 1, 50_000_000])
def test_a_compressed_bomb_is_refused_before_it_is_inflated(size: int) -> None:
    packed = b"z" + zlib.compress(b"a" * size, 9)
    sealed = SEALER.seal(packed, binding=BINDING, nonce=NONCE)
    text = encode_base64url(sealed)
    count = -(-len(text) // CHUNK_LENGTH)
    pieces = [text[n * CHUNK_LENGTH : (n + 1) * CHUNK_LENGTH] for n in range(count)]
    cookies = tuple(zip(chunk_names("session"), pieces, strict=False))

    assert refused(((("session", f"{min(count, 9)}{pieces[0]}")), *cookies[1:]))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"p",
        b"x{}",
        b"z",
        b"zzz",
        b"p[]",
        b"p[2]",
        b"p5",
        b"p{}",
        b'p["a"]',
        b"p[1]",
        b"p[1,2,3]",
        b"z" + zlib.compress(b"[1]")[:-1],
        b"p\xff",
    ],
)
def test_a_sealed_payload_of_another_shape_is_refused(payload: bytes) -> None:
    sealed = SEALER.seal(payload, binding=BINDING, nonce=NONCE)

    assert refused((("session", "1" + encode_base64url(sealed)),))
