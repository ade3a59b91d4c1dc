"""Settings of a real bot changed while it runs: by the command line and by its file, refused, taken back, over a restart."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from tests.whole.real import FAST, RealBot, real_bot
from tests.whole.real_evidence import rows_of_running

WITHIN_S = 30.0


def value(bot: RealBot, key: str) -> dict[str, Any]:
    done = bot.command("config", "get", key, "--json")
    assert done.returncode == 0, done.stderr
    [told] = json.loads(done.stdout)["keys"]
    return dict(told)


@pytest.mark.slow
def test_a_change_holds_at_once_and_over_a_restart_and_is_taken_back() -> None:
    """Slow: a bot is started twice."""
    with real_bot() as bot:
        bot.start()
        bot.until_open()
        done = bot.command("config", "set", "trading.max_trade_sol", "0.01", "logs.level", "debug", "--why", "a test")
        assert done.returncode == 0, done.stderr
        assert "trading.max_trade_sol: 1 -> 0.01" in done.stdout
        bot.snipers_off()
        assert "Effective 0.01 SOL" in bot.say("demo-1", "/settings max_trade")[-1]
        refused = bot.command("config", "set", "trading.max_trade_sol", "7", "logs.level", "info")
        assert (refused.returncode, "vault was started with" in refused.stderr) == (1, True)
        (bot.directory / "bot.toml").write_text(FAST.replace("[trading]\n", "[trading]\nmax_open_positions = 7\n"))
        began_s = time.monotonic()
        while value(bot, "trading.max_open_positions")["value"] != "7":
            assert time.monotonic() - began_s < WITHIN_S, bot.told()
        (bot.directory / "bot.toml").write_text(FAST.replace("[trading]\n", "[trading]\nmax_open_positions = 0\n"))
        bot.until_logged("settings_file_not_taken")
        began_s = time.monotonic()
        while not (alerts := [one for one in bot.this_life() if one.get("about") == "settings_file"]):
            assert time.monotonic() - began_s < WITHIN_S, bot.told()
        assert alerts[0]["text"].startswith("bot.toml is not taken: ")
        assert value(bot, "trading.max_open_positions")["value"] == "7"
        (bot.directory / "bot.toml").unlink()
        while not (trouble := [one["why"] for one in bot.this_life() if "is gone" in str(one.get("why"))]):
            assert time.monotonic() - began_s < WITHIN_S, bot.told()
        assert trouble == ["it is gone; put it back, or start the bot again without it"]
        assert value(bot, "trading.max_open_positions")["value"] == "7", "a file that is gone loosens no limit"
        (bot.directory / "bot.toml").write_text(FAST.replace("[trading]\n", "[trading]\nmax_open_positions = 7\n"))
        audited = rows_of_running(bot.directory, "select actor from audit where action = 'config changed' order by id")
        assert [row["actor"].split()[0] for row in audited] == ["operator", "bot.toml"]
        bot.stop(signal.SIGHUP)  # a terminal that goes away is no kill: the stop is orderly, and everything comes back
        bot.start()
        bot.until_open()
        assert value(bot, "trading.max_trade_sol")["value"] == "0.01"
        done = bot.command("config", "rollback", "0")
        assert "trading.max_trade_sol: 0.01 -> 1" in done.stdout
        history = bot.command("config", "history").stdout
        assert [line.split(",")[0] for line in history.splitlines() if line.startswith("version")] == [
            "version 3",
            "version 2",
            "version 1",
        ]
        bot.stop()
