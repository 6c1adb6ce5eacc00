"""The secrets folder, the last good configuration, and what an open Admin API is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostiary.jose.errors import BrokenSeal
from ostiary.node.control import describe_open_admin
from ostiary.node.delivery import Base
from ostiary.node.lastgood import open_last_good, save_last_good
from ostiary.node.secrets import SecretsUnsafe, open_secrets, rotate_ring
from ostiary.settings import Settings, parse_listen


@pytest.mark.spec("D17")
def test_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    first = open_secrets(tmp_path)
    again = open_secrets(tmp_path)

    assert first == again
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "secrets").iterdir()} == {
        0o600
    }
    assert len(first.database_key) == 32
    assert first.database_key.hex() not in repr(first)


@pytest.mark.spec("D17")
def test_secrets_that_others_can_read_stop_the_start(tmp_path: Path) -> None:
    open_secrets(tmp_path)
    (tmp_path / "secrets" / "database.key").chmod(0o644)

    with pytest.raises(SecretsUnsafe, match="chmod go="):
        open_secrets(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '[["zz", "00"]]'])
def test_a_broken_key_ring_stops_the_start(tmp_path: Path, text: str) -> None:
    open_secrets(tmp_path)
    (tmp_path / "secrets" / "session-keys.json").write_text(text)

    with pytest.raises(SecretsUnsafe, match="restore it from a backup"):
        open_secrets(tmp_path)


@pytest.mark.spec("D17")
def test_rotation_puts_a_new_key_first_and_keeps_the_one_before(tmp_path: Path) -> None:
    before = open_secrets(tmp_path).ring
    rotated = rotate_ring(tmp_path)
    twice = rotate_ring(tmp_path)

    assert rotated.keys[1:] == before.keys
    assert len(twice.keys) == 2
    assert open_secrets(tmp_path).ring == twice


def test_the_last_good_configuration_is_sealed(tmp_path: Path) -> None:
    base = Base(revision="5" * 32, data=b'plugins {"client_secret": "planted"}')
    save_last_good(tmp_path, b"k" * 32, base)
    kept = tmp_path / "last-good.config"

    assert b"planted" not in kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert open_last_good(tmp_path, b"k" * 32) == base
    with pytest.raises(BrokenSeal):
        open_last_good(tmp_path, b"x" * 32)
    assert open_last_good(tmp_path / "elsewhere", b"k" * 32) is None


def test_a_last_good_configuration_that_tells_no_revision_is_of_use(
    tmp_path: Path,
) -> None:
    lines = b'services {"id":"x"}\nroutes {}'
    save_last_good(tmp_path, b"k" * 32, Base(revision="", data=lines))
    found = open_last_good(tmp_path, b"k" * 32)

    assert found is not None
    assert found.revision == ""
    assert [line for line in found.lines if line] == lines.split(b"\n")


@pytest.mark.spec("D25")
@pytest.mark.parametrize(
    ("listen", "count"),
    [
        ("127.0.0.1:8001", 0),
        ("[::1]:8001", 0),
        ("0.0.0.0:8001 , 0.0.0.0:8444 ssl", 2),
        ("off", 0),
    ],
)
def test_an_admin_api_that_others_can_reach_is_warned_about(
    listen: str, count: int
) -> None:
    assert (
        len(describe_open_admin(Settings(admin_listen=parse_listen(listen)))) == count
    )
