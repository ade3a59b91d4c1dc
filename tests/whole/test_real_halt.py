"""The operator's own orders on the real bot: a pause and a halt outlive SIGKILL, and only an operator ends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.whole.audit import audit
from tests.whole.real import RealBot, real_bot
from tests.whole.real_market import write_busy_market

LAUNCHES = 300


@pytest.fixture(scope="module")
def ordered() -> Iterator[RealBot]:
    """One data directory through several lives of its bot; between two tests the bot runs and is open."""
    with real_bot() as bot:
        write_busy_market(bot.directory / "busy.csv", LAUNCHES)
        start(bot)
        bot.until("a filled buy", lambda status: status["trades_today"]["buys"] >= 1)
        yield bot


def start(bot: RealBot) -> None:
    bot.start("--market", str(bot.directory / "busy.csv"))


def ordered_to(bot: RealBot, *words: str) -> str:
    """What an operator's verb that is obeyed prints."""
    done = bot.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused_to(bot: RealBot, *words: str) -> str:
    """The one line of an operator's verb that is refused."""
    done = bot.command(*words)
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


def test_operators_pause_outlives_a_kill_and_ends_by_resume(ordered: RealBot) -> None:
    assert "there is no operator's pause" in refused_to(ordered, "resume")
    assert "entries are paused for everybody" in ordered_to(ordered, "pause", "--why", "a look at the books")
    assert "an operator has paused entries already" in refused_to(ordered, "pause")
    ordered.kill()
    start(ordered)
    status = ordered.until("books compared with the chain", lambda status: status["reconciled"])
    assert status["state"] == "PAUSED"
    assert ("operator", "a look at the books") in [(cause["cause"], cause["why"]) for cause in status["causes"]]
    bought = status["trades_today"]["buys"]
    status = ordered.until("exits go on", lambda status: status["positions"]["open"] == 0)
    assert status["trades_today"]["buys"] == bought
    ordered_to(ordered, "resume")
    ordered.until_open()


@pytest.mark.slow
def test_halt_outlives_a_kill_in_the_middle_of_the_flatten(ordered: RealBot) -> None:
    """Slow on a loaded machine: it buys, halts, dies, flattens in its next life and buys again after the rearm."""
    assert "nothing is halted" in refused_to(ordered, "rearm")
    ordered.until("open positions", lambda status: status["positions"]["open"] >= 1)
    assert "not confirmed; nothing was done" in refused_to(ordered, "flatten")
    ordered_to(ordered, "flatten", "--yes", "--why", "a drill")
    ordered.kill()
    start(ordered)
    status = ordered.until("everything flat", lambda status: status["state"] == "HALTED")
    assert status["level"] == 3
    assert (status["halt"]["by"], status["halt"]["why"]) == ("operator", "a drill")
    assert status["positions"]["open"] == 0
    assert "a halt is latched already" in refused_to(ordered, "flatten", "--yes")
    assert "halt" in ordered.say("demo-1", "/status")[-2]
    assert "rearmed" in ordered_to(ordered, "rearm")
    before = ordered.until_open()["trades_today"]["buys"]
    ordered.until("a further buy", lambda status: status["trades_today"]["buys"] > before)
    ordered.snipers_off()
    ordered.until_flat()
    ordered.stop()
    assert audit(ordered.directory) == []
