"""The walk of the page passes in a real browser, and nothing is left of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Error

from ostiary.cli.demo.browser import launch_browser
from ostiary.cli.demo.check import run_walk
from ostiary.cli.demo.values import DemoState
from tests.browser.demo_process import is_alive, start_demo


async def test_the_walk_names_the_step_that_fails_and_keeps_a_picture(
    demo: DemoState, tmp_path: Path
) -> None:
    lines: list[str] = []
    wrong = replace(demo, protected_url=f"{demo.proxy_tls_url}/nothing/here")

    passed = await run_walk(wrong, out=lines.append, artifacts=tmp_path)

    assert not passed
    assert lines[0].startswith("  ok  The discovery endpoint")
    assert lines[1].startswith(
        f"FAIL  {demo.proxy_tls_url}/nothing/here?x=1 redirects to the login page: "
        f"expected {demo.hosted_ui_url}/login"
    )
    assert (tmp_path / "walk-failed.png").stat().st_size > 0


@pytest.mark.spec("D31")
async def test_a_browser_that_was_not_told_of_the_authority_refuses_the_site(
    demo: DemoState,
) -> None:
    async with launch_browser(ca_file=None) as stranger:
        page = await stranger.new_page()
        for url in (demo.protected_url, demo.discovery_url, demo.hosted_ui_url):
            with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
                await page.goto(url)


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    with start_demo(tmp_path / "demo") as process:
        state = process.wait_ready()
        before = process.family()

        assert set(state.pids) <= before

        status = process.interrupt()

        assert status == 0, process.output
        assert [pid for pid in before if is_alive(pid)] == []


def test_the_demo_that_checks_itself_exits_with_zero(tmp_path: Path) -> None:
    with start_demo(tmp_path / "demo", "--check") as process:
        status = process.run_to_end()

        assert status == 0, process.output
        told = [line for line in process.lines if line.startswith("  ok  ")]

        assert len(told) == 28
        assert all(line.endswith(" s)") for line in told)
        assert process.lines[-1] == "The walk passed."
        assert not (tmp_path / "demo" / "walk").exists()


def test_the_demo_that_cannot_check_itself_says_why_and_exits_with_one(
    tmp_path: Path,
) -> None:
    with start_demo(tmp_path / "demo", "--check", path="/nowhere") as process:
        status = process.run_to_end()

        assert status == 1, process.output
        assert any(
            line.startswith("FAIL  The browser starts: no chromium on this machine")
            for line in process.lines
        )
        assert "Traceback" not in process.output
