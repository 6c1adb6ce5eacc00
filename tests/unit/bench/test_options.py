"""What the environment may ask for."""

from __future__ import annotations

import pytest
from bench.options import OptionsInvalid, read_options


def test_the_default_is_the_whole_table() -> None:
    options = read_options({})

    assert (options.rounds, options.seconds, options.report) == (5, 2.0, "")
    assert options.peers == ("nginx", "apache", "envoy", "ostiary")
    assert options.full


def test_quick_is_one_short_round() -> None:
    options = read_options({"QUICK": "1", "ROUNDS": "", "SECONDS": ""})

    assert (options.rounds, options.seconds, options.full) == (1, 0.3, False)


@pytest.mark.parametrize(
    "environ", [{"ROWS": "session"}, {"TLS": "0"}, {"PEERS": "nginx,ostiary"}]
)
def test_a_part_of_the_table_is_not_the_whole(environ: dict[str, str]) -> None:
    assert not read_options(environ).full


def test_off_is_off() -> None:
    assert not read_options({"QUICK": "0"}).quick
    assert read_options({"TLS": "0"}).tls is False
    assert read_options({"TLS": "1"}).tls is True


@pytest.mark.parametrize("name", ["ROUTES", "STARTUP", "MEMORY"])
def test_the_other_figures(name: str) -> None:
    assert read_options({name: "1"}).report == name.lower()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ROUNDS": "five"}, "ROUNDS must be a number"),
        ({"SECONDS": "-1"}, "more than 0"),
        ({"ROWS": "("}, "ROWS is no regular expression"),
        ({"TLS": "yes"}, "TLS must be 0 or 1"),
        ({"PEERS": "caddy"}, "PEERS has 'caddy'"),
        ({"ROUTES": "1", "MEMORY": "1"}, "one of"),
    ],
)
def test_what_cannot_be_is_one_sentence(environ: dict[str, str], said: str) -> None:
    with pytest.raises(OptionsInvalid, match=said):
        read_options(environ)
