"""
A real Chromium that trusts the demo's certificate authority, and nothing else more.

The authority goes into an NSS database in a home folder of the browser's own, which is deleted
afterwards. Certificate errors stay errors: a walk that ignored them would prove nothing.

Spec: decision D31.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
# What Chromium must not inherit: each would lead it out of its own home.
_NOT_INHERITED: Final = frozenset(
    {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "SSLKEYLOGFILE"}
)


class BrowserMissing(Exception):
    """Something that the browser walk needs is not there or does not work; the text says what."""

    code = "browser_missing"


def find_program(names: tuple[str, ...], *, package: str) -> str:
    """
    The path of the first of these programs.

    Raises:
        BrowserMissing: None of them is installed.
    """
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise BrowserMissing(
            f"no {names[0]} on this machine; on Debian: apt-get install {package}"
        )
    return found


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise BrowserMissing(f"{Path(command[0]).name} failed: {output.decode()}")


def _split(ca_file: Path | None) -> list[str]:
    """The certificates of a PEM file, each by itself."""
    text = ca_file.read_text(encoding="ascii") if ca_file is not None else ""
    end = "-----END CERTIFICATE-----"
    return [f"{part.strip()}\n{end}\n" for part in text.split(end) if part.strip()]


async def _trust(home: Path, ca_file: Path | None) -> None:
    """Make the NSS database that Chromium reads, with the authority in it."""
    folder = home / ".pki" / "nssdb"
    folder.mkdir(mode=0o700, parents=True)
    certutil = find_program(("certutil",), package="libnss3-tools")
    database = f"sql:{folder}"
    await _run(certutil, "-N", "-d", database, "--empty-password")
    for number, authority in enumerate(_split(ca_file)):
        # certutil reads one certificate of a file, so each gets a file of its own.
        single = home / f"authority-{number}.pem"
        single.write_text(authority)
        await _run(
            certutil, "-A", "-d", database, "-t", "C,,", "-n", f"demo {number}", "-i", str(single)
        )  # fmt: skip


async def _launch(playwright: Playwright, chromium: str, home: Path) -> Browser:
    from playwright.async_api import Error

    kept = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    # Chromium's sandbox cannot start as root, which containers often are.
    is_root = os.geteuid() == 0
    try:
        return await playwright.chromium.launch(
            executable_path=chromium,
            args=[*_FLAGS, *(("--no-sandbox",) if is_root else ())],
            chromium_sandbox=not is_root,
            env={**kept, "HOME": str(home)},
        )
    except Error as error:
        raise BrowserMissing(f"{chromium} did not start: {error.message}") from error


@asynccontextmanager
async def launch_browser(*, ca_file: Path | None) -> AsyncIterator[Browser]:
    """
    Start a headless Chromium in a home of its own; stop it and delete the home in the end.

    Args:
        ca_file: The authority to trust besides the usual ones; None trusts those only.

    Raises:
        BrowserMissing: Playwright, Chromium or certutil is not installed, or does not work.
    """
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise BrowserMissing(
            "Playwright is not installed: pip install 'ostiary[check]'"
        ) from error
    chromium = find_program(PROGRAMS, package="chromium")
    with tempfile.TemporaryDirectory(
        prefix="ostiary-browser-", ignore_cleanup_errors=True
    ) as folder:
        home = Path(folder)
        await _trust(home, ca_file)
        async with async_playwright() as playwright:
            browser = await _launch(playwright, chromium, home)
            try:
                yield browser
            finally:
                await browser.close()
