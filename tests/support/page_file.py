"""The page's gateway as a declarative file, for nodes without a database."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import yaml

from ostiary.cli.demo import steps
from ostiary.cli.demo.steps import Made, Site


def write_declarative(path: Path, site: Site, made: Made | None) -> None:
    """Write the gateway's file."""
    path.write_text(
        yaml.safe_dump(steps.build_declarative(site, made), sort_keys=False)
    )


def apply_declarative(site: Site, path: Path) -> None:
    """Give the file to the running gateway through its Admin API."""
    request = urllib.request.Request(
        f"{site.admin}/config",
        data=path.read_bytes(),
        headers={"Content-Type": "text/yaml"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        return


def perform_page(site: Site, file: Path) -> Made:
    """Do the page's steps; the gateway's is a file."""

    def configure(site: Site, made: Made) -> None:
        write_declarative(file, site, made)
        apply_declarative(site, file)

    return steps.perform(site, {}, lambda _: None, configure=configure)
