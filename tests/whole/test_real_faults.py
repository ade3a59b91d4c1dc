"""Trouble for a bot that trades: its servers die, its RPC breaks, an operator pauses and halts it, and it dies over that.

One bot, or rather one data directory, goes through all of it; the last test holds what is left against the chain.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from tests.whole.audit import audit
from tests.whole.real import RealBot, Status, real_bot
from tests.whole.real_market import write_busy_market

pytestmark = pytest.mark.slow

LAUNCHES = 600


@pytest.fixture(scope="module")
def trading() -> Iterator[RealBot]:
    """One bot that trades all the time; every test leaves it running and open."""
    with real_bot() as bot:
        write_busy_market(bot.directory / "busy.csv", LAUNCHES)
        start(bot)
        bot.until("a filled sale", lambda status: status["trades_today"]["sells"] >= 1)
        yield bot


def start(bot: RealBot) -> None:
    bot.start("--market", str(bot.directory / "busy.csv"))


def ordered_to(bot: RealBot, *words: str) -> str:
    """What a verb that is obeyed prints."""
    done = bot.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused_to(bot: RealBot, *words: str) -> str:
    """The one line of a verb that is refused."""
    done = bot.command(*words)
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


def since(status: Status, service: str) -> str:
    return str(status["services"][service]["since"])


def health(status: Status, service: str) -> str:
    return str(status["services"][service]["health"])


def causes(status: Status) -> set[str]:
    return {cause["cause"] for cause in status["causes"]}


def until_down_and_up(bot: RealBot, service: str) -> None:
    """Wait until status has shown the service down and then up again, by itself."""
    down = bot.until(f"{service} down", lambda status: health(status, service) == "down")
    up = bot.until(f"{service} up", lambda status: health(status, service) == "up")
    assert since(up, service) > since(down, service)


def until_it_trades_again(bot: RealBot) -> None:
    """Wait until entries are open and one more buy and one more sale have filled."""
    before = bot.until_open()["trades_today"]
    bot.until(
        "further trades",
        lambda status: all(status["trades_today"][side] > before[side] for side in ("buys", "sells")),
    )


def test_killed_postgresql_comes_back(trading: RealBot) -> None:
    """Marked slow for what the fixture waits for: a fresh bot that has bought and sold."""
    pid_file = trading.directory / "postgres" / "data" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    until_down_and_up(trading, "database")
    until_it_trades_again(trading)


def test_killed_chain_comes_back_as_the_same_chain(trading: RealBot) -> None:
    record = trading.directory / "localnet" / "localnet.json"
    before = json.loads(record.read_text())
    os.kill(before["pid"], signal.SIGKILL)
    until_down_and_up(trading, "rpc")
    until_it_trades_again(trading)
    after = json.loads(record.read_text())
    assert after["pid"] != before["pid"]
    assert (after["genesis_hash"], after["http_url"]) == (before["genesis_hash"], before["http_url"])


def test_entries_pause_while_rpc_is_down_and_monitors_stay(trading: RealBot) -> None:
    """Slow: the outage lasts three seconds and its end is waited for, not brought about."""
    trading.until("open positions", lambda status: status["positions"]["open"] >= 1)
    ordered_to(trading, "localnet", "fault", "rpc-down", "--for", "3s")
    paused = trading.until("the cause rpc", lambda status: "rpc" in causes(status))
    assert (paused["state"], paused["level"]) == ("PAUSED", 2)
    assert health(paused, "rpc") == "down"
    assert paused["monitors"]["live"] >= paused["positions"]["open"] >= 1
    refused = trading.say("demo-1", "/status")
    assert "entries are paused for you by" in refused[-2], refused
    until_it_trades_again(trading)


def test_entries_pause_while_rpc_is_too_slow_to_trade_on(trading: RealBot) -> None:
    """Slow: several answers must fail to come within their deadlines before the bot calls it an outage."""
    ordered_to(trading, "localnet", "fault", "rpc-slow", "--for", "60s", "--delay-ms", "5000")
    paused = trading.until("the cause rpc", lambda status: "rpc" in causes(status))
    assert paused["state"] == "PAUSED"
    assert "no answer" in next(cause["why"] for cause in paused["causes"] if cause["cause"] == "rpc")
    assert "fault(s) ended" in ordered_to(trading, "localnet", "clear")
    until_it_trades_again(trading)


def test_unknown_fault_is_refused_by_name(trading: RealBot) -> None:
    told = refused_to(trading, "localnet", "fault", "rpc-dwn", "--for", "3s")
    assert told.startswith("localnet: unknown fault rpc-dwn; known: ")


def test_operators_pause_outlives_a_kill_and_ends_by_resume(trading: RealBot) -> None:
    assert "there is no operator's pause" in refused_to(trading, "resume")
    assert "entries are paused for everybody" in ordered_to(trading, "pause", "--why", "a look at the books")
    assert "an operator has paused entries already" in refused_to(trading, "pause")
    trading.kill()
    start(trading)
    status = trading.until("books compared with the chain", lambda status: status["reconciled"])
    assert status["state"] == "PAUSED"
    assert ("operator", "a look at the books") in [(cause["cause"], cause["why"]) for cause in status["causes"]]
    bought = status["trades_today"]["buys"]
    status = trading.until("exits go on", lambda status: status["positions"]["open"] == 0)
    assert status["trades_today"]["buys"] == bought
    ordered_to(trading, "resume")
    trading.until_open()


def test_halt_outlives_a_kill_in_the_middle_of_the_flatten(trading: RealBot) -> None:
    """Slow on a loaded machine: it buys, halts, dies, flattens in its next life and buys again after the rearm."""
    assert "nothing is halted" in refused_to(trading, "rearm")
    trading.until("open positions", lambda status: status["positions"]["open"] >= 1)
    assert "not confirmed; nothing was done" in refused_to(trading, "flatten")
    ordered_to(trading, "flatten", "--yes", "--why", "a drill")
    trading.kill()
    start(trading)
    status = trading.until("everything flat", lambda status: status["state"] == "HALTED")
    assert status["level"] == 3
    assert (status["halt"]["by"], status["halt"]["why"]) == ("operator", "a drill")
    assert status["positions"]["open"] == 0
    assert "a halt is latched already" in refused_to(trading, "flatten", "--yes")
    assert "halt" in trading.say("demo-1", "/status")[-2]
    assert "rearmed" in ordered_to(trading, "rearm")
    until_it_trades_again(trading)


def test_nothing_was_lost_doubled_or_told_in_the_log_that_is_secret(trading: RealBot) -> None:
    """Last in this file: it ends the bot that the others have troubled."""
    trading.snipers_off()
    trading.until_flat()
    trading.stop()
    assert audit(trading.directory) == []
    secrets = [
        (trading.directory / "postgres" / "password").read_text().strip(),
        (trading.directory / "master.key").read_text().split(":")[1].strip(),
    ]
    for name in ("bot.log", "console", "postgres/log", "localnet/log"):
        text = (trading.directory / name).read_text(errors="replace")
        assert not any(secret in text for secret in secrets), name
