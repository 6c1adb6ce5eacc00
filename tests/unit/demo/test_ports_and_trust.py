"""Ports that are taken, and the demo's own certificate authority."""

from __future__ import annotations

import socket
from dataclasses import astuple
from pathlib import Path

import pytest
from cryptography import x509

from ostiary.adapters.certificates import read_pair
from ostiary.cli.demo.ports import Ports, choose_ports
from ostiary.cli.demo.run import (
    AWS_NAMES,
    DemoOptions,
    build_site,
    check_names,
    running_demo,
)
from ostiary.cli.demo.trust import prepare_trust
from ostiary.node.lock import hold_folder
from ostiary.node.supervisor import CannotStart


def test_a_port_in_use_is_named_with_the_one_taken_instead() -> None:
    usual = choose_ports(free=True, say=lambda _: None)
    said: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", usual.proxy_tls))
        other.listen()
        chosen = choose_ports(free=False, say=said.append, usual=usual)

    assert chosen.proxy_tls != usual.proxy_tls
    assert said == [
        (
            f"Port {usual.proxy_tls} (proxy tls) is in use by another program; "
            f"using {chosen.proxy_tls}."
        )
    ]
    assert chosen.admin == usual.admin


def test_free_ports_are_all_different() -> None:
    ports = astuple(choose_ports(free=True, say=lambda _: None))

    assert len(set(ports)) == len(ports) == len(astuple(Ports()))


@pytest.mark.spec("D31")
def test_the_authority_can_only_speak_for_this_machine(tmp_path: Path) -> None:
    trust = prepare_trust(tmp_path, host="kong-ee.localhost", domain_prefix="demo")
    ca, _ = read_pair(trust.ca_file, tmp_path / "ca.key")
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)

    assert constraints.critical
    assert {str(n.value) for n in constraints.value.permitted_subtrees or ()} == {
        "localhost", "kong-ee", "127.0.0.0/8", "::1/128",
    }  # fmt: skip
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    assert (ca.not_valid_after_utc - ca.not_valid_before_utc).days == 90
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.spec("D30")
def test_certificates_are_kept_until_the_names_change(tmp_path: Path) -> None:
    first = prepare_trust(tmp_path, host="kong-ee.localhost", domain_prefix="demo")
    before = first.ca_file.read_bytes()
    prepare_trust(tmp_path, host="kong-ee.localhost", domain_prefix="demo")
    assert first.ca_file.read_bytes() == before
    prepare_trust(tmp_path, host="kong-ee", domain_prefix="demo")
    leaf = x509.load_pem_x509_certificate(first.gateway_cert.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert first.ca_file.read_bytes() != before
    assert names.get_values_for_type(x509.DNSName) == ["kong-ee", "localhost"]


async def test_a_folder_with_a_running_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()
    options = DemoOptions(folder=tmp_path, fresh=True, free_ports=True)
    with hold_folder(tmp_path), pytest.raises(CannotStart, match="is in use"):
        async with running_demo(options, lambda _: None):
            raise AssertionError("it started")

    assert (tmp_path / "trust").exists()


async def test_a_folder_that_is_no_demos_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    options = DemoOptions(folder=tmp_path, fresh=True, free_ports=True)
    with pytest.raises(CannotStart, match="was not touched"):
        async with running_demo(options, lambda _: None):
            raise AssertionError("it started")

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.spec("D31")
def test_aws_shaped_names_come_from_a_second_authority_for_them_alone(
    tmp_path: Path,
) -> None:
    trust = prepare_trust(
        tmp_path, host="kong-ee.localhost", domain_prefix="demo", aws_names=AWS_NAMES
    )
    first, second = x509.load_pem_x509_certificates(trust.ca_file.read_bytes())
    permitted = [
        {str(n.value) for n in ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()}
        for ca in (first, second)
    ]  # fmt: skip
    leaf = x509.load_pem_x509_certificate(trust.pool_cert.read_bytes())

    assert not any("amazon" in name for name in permitted[0])
    assert permitted[1] == {*AWS_NAMES, "127.0.0.1/32"}
    assert leaf.issuer == second.subject


@pytest.mark.spec("D31")
def test_without_the_flag_no_name_is_aws_shaped(tmp_path: Path) -> None:
    trust = prepare_trust(tmp_path, host="kong-ee.localhost", domain_prefix="demo")
    site = build_site(DemoOptions(folder=tmp_path), Ports())

    assert len(x509.load_pem_x509_certificates(trust.ca_file.read_bytes())) == 1
    assert "amazon" not in f"{site}"
    assert (
        "amazoncognito.com"
        in build_site(DemoOptions(folder=tmp_path, aws_names=True), Ports()).hosted_ui
    )


def test_aws_shaped_names_that_lead_elsewhere_are_refused_with_the_line_to_add() -> (
    None
):
    with pytest.raises(CannotStart, match=r"hosts file: 127\.0\.0\.1 nowhere\.invalid"):
        check_names(("nowhere.invalid",))
    check_names(("localhost",))
