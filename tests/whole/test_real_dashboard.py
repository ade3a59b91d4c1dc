"""The dashboard beside a real bot: it follows a change of level within a second, and what is done there is audited."""

from __future__ import annotations

import re
import stat
import time

import pytest

from bot import control
from bot.paths import control_socket
from tests.web.dashboard_process import Dashboard, dashboard
from tests.whole.real import real_bot
from tests.whole.real_evidence import rows_of_running

FOLLOWS_WITHIN_S = 1.0


def act(page: Dashboard, verb: str) -> str:
    """Ask for an action and confirm it, as a person does; the page that comes of it."""
    form = re.findall(r'name="form" value="([^"]+)"', page.client.get("/").text)[0]
    asked = page.client.post("/ask", data={"verb": verb, "form": form}).text
    word = re.findall(r'name="word" value="([^"]+)"', asked)[0]
    return page.client.post("/do", data={"form": form, "word": word, "why": "seen in the browser"}).text


@pytest.mark.slow
def test_the_page_shows_a_change_of_level_within_a_second_and_acts() -> None:
    """Slow on a loaded machine: it starts a database, a chain and a bot."""
    with real_bot() as bot:
        bot.start()
        bot.until_open()
        with dashboard(bot.directory) as page:
            assert stat.S_IMODE((bot.directory / "web.token").stat().st_mode) == 0o600
            with page.following() as stream:
                stream.until("level 1, healthy")
                control.ask(control_socket(bot.directory), {"verb": "pause", "why": "a test"})
                paused_s = time.monotonic()
                stream.until("level 2, degraded")
                assert time.monotonic() - paused_s < FOLLOWS_WITHIN_S
                control.ask(control_socket(bot.directory), {"verb": "resume"})
                resumed_s = time.monotonic()
                stream.until("level 1, healthy")
                assert time.monotonic() - resumed_s < FOLLOWS_WITHIN_S
            assert "entries are paused for everybody" in act(page, "pause")
            bot.until("paused", lambda status: status["state"] == "PAUSED")
            assert "nothing was done" in act(page, "rearm")
            assert "entries are open" in act(page, "resume")
            audited = rows_of_running(bot.directory, "select actor, action from audit where actor like '%browser'")
            assert sorted(row["action"] for row in audited) == ["pause cleared", "pause set"]
        bot.until_open()
        bot.stop()
