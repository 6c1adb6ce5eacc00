"""Files that people copy from the manual are accepted as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ostiary.adapters.declarative import parse_yaml
from ostiary.gateway.check import describe_config_warnings, read_plugin_configs
from ostiary.model.config import Config
from ostiary.model.declarative import DeclarativeInvalid, read_declarative
from ostiary.plugins import CATALOG

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = ROOT / "docs" / "how-to" / "providers.md"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
REDIRECT_URI = "https://gateway.example/app"
NAMES = (
    "Amazon Cognito",
    "Keycloak",
    "Auth0",
    "Okta",
    "Microsoft Entra ID",
    "Google",
)


def find_files(text: str) -> list[str]:
    """The declarative files in a page; other YAML is a piece of one."""
    return [block for block in BLOCK.findall(text) if "_format_version" in block]


def read_file(text: str) -> Config:
    """
    A file as the node reads it, its plugins checked as the node does.

    Raises:
        DeclarativeInvalid: It would be refused.
    """
    config = read_declarative(parse_yaml(text))
    read_plugin_configs(config, CATALOG)
    return config


FILES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted((ROOT / "docs" / "how-to").glob("*.md"))
    for number, text in enumerate(find_files(page.read_text()), 1)
]


@pytest.mark.parametrize("text", FILES)
def test_every_file_in_the_manual_loads_without_a_warning(text: str) -> None:
    config = read_file(text)

    assert config.plugins
    assert list(describe_config_warnings(config, CATALOG)) == []


def test_every_provider_has_a_file_and_says_what_to_register() -> None:
    _, *sections = PROVIDERS.read_text().split("\n## ")
    found = {s.partition("\n")[0]: s for s in sections}

    assert tuple(found) == NAMES
    for section in found.values():
        assert len(find_files(section)) == 1
        assert section.rstrip().splitlines()[-1].startswith("|")
        assert f"| `{REDIRECT_URI}`" in section.partition("| register as |")[2]


@pytest.mark.parametrize(
    "broken",
    [
        "issuer: accounts.google.com",
        "issuer: https://accounts.google.com\n        no_such_field: 1",
        "issuer: https://accounts.google.com\n        reverify: true",
    ],
)
def test_a_file_that_would_be_refused_is_found(broken: str) -> None:
    text = (
        "_format_version: '3.0'\nservices:\n- name: a\n  url: http://a\n  plugins:\n"
        f"    - name: openid-connect\n      config:\n        {broken}\n"
    )
    page = f"x\n```yaml\n{text}```\n\n```yaml\nconfig: {{}}\n```\n"
    (found,) = find_files(page)

    with pytest.raises(DeclarativeInvalid):
        read_file(found)
