"""Two bots on one database and one chain: the second waits, and whoever leads, no order is lost, doubled or invented."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from bot.storage.address import DatabaseAddress
from tests.storage.server_thread import run_sql, running_server
from tests.whole.audit import findings
from tests.whole.real import FAST, ROOT, RealBot, Status, clean_environment, command, real_bot
from tests.whole.real_directory import data_directory
from tests.whole.real_evidence import read_books_at, read_evidence
from tests.whole.real_market import write_busy_market

pytestmark = pytest.mark.slow

LAUNCHES = 400
ENDS_WITHIN_S = 20
IN_FLIGHT = "select id from intents where state in ('planned', 'signed', 'sent', 'unknown')"


@dataclass(slots=True)
class Pair:
    """A database, a chain that runs by itself below `home`, and two bots on both."""

    home: Path
    database: DatabaseAddress
    first: RealBot
    second: RealBot
    chain: ExitStack

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database.dsn}

    def start(self, bot: RealBot) -> None:
        bot.start(environment=self.environment)

    def in_flight(self) -> int:
        return len(trio.run(run_sql, self.database, IN_FLIGHT))


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with data_directory() as home, running_server(home / "pg") as database, ExitStack() as chain:
        chain.enter_context(running_chain(home))
        settings = FAST.replace("[localnet]\n", f'[localnet]\ndirectory = "{home / "localnet"}"\n')
        with real_bot(settings) as first:
            key = f'[wallets]\nmaster_key_file = "{first.directory / "master.key"}"\n'
            with real_bot(settings + key) as second:
                yield Pair(home, database, first, second, chain)


@contextmanager
def running_chain(home: Path, launches: int = LAUNCHES) -> Iterator[None]:
    """`bot localnet` by itself, with a busy market; a bot refuses a chain that does not run yet."""
    market = write_busy_market(home / "busy.csv", launches)
    argv = [sys.executable, "-m", "bot", "localnet", "--data-dir", str(home / "localnet"), "--slot-ms", "50"]
    argv += ["--endpoints", "2", "--market", str(market)]
    with (home / "log").open("ab") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=clean_environment(), stdout=output, stderr=output)
    try:
        asked = ("localnet", "status", "--data-dir", str(home / "localnet"))
        while command(*asked).returncode:
            assert process.poll() is None, (home / "log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(ENDS_WITHIN_S)


def leads(status: Status) -> bool:
    return bool(status["state"] == "OPEN" and status["reconciled"])


def stands_by(status: Status) -> bool:
    return bool("standby" in status and status["standby"]["leader_knows"])


def console(bot: RealBot) -> str:
    return (bot.directory / "console").read_text()


def unwatched_ms(bot: RealBot) -> int:
    """What the leader that took over says of the gap in watching, for whoever reads the test's output."""
    bot.until_logged("positions_unwatched")
    gaps = [event["ms"] for event in bot.this_life() if event["event"] == "positions_unwatched"]
    print(f"positions were unwatched for {gaps[-1]} ms")
    return int(gaps[-1])


def operators_were_told(bot: RealBot) -> list[str]:
    """What operators were told of a takeover in this life."""
    bot.until_logged("operator_alert")
    alerts = [event for event in bot.this_life() if event["event"] == "operator_alert"]
    return [event["text"] for event in alerts if event["about"] == "took_over"]


def test_a_frozen_leader_is_replaced_and_can_do_nothing_when_it_wakes_up(pair: Pair) -> None:
    first, second = pair.first, pair.second
    pair.start(first)
    first.until("trades", lambda status: leads(status) and (status["trades_today"]["sells"] or 0) >= 1)
    no_key = command(
        "run",
        "--config",
        str(first.directory / "bot.toml"),
        "--data-dir",
        str(second.directory),
        environment=pair.environment,
    )
    assert (no_key.returncode, "no master key with id local-" in no_key.stderr) == (1, True), no_key
    pair.start(second)
    second.until("a standby that its leader knows", stands_by)
    waiting = second.command("status")
    assert (waiting.returncode, waiting.stdout.startswith("STARTING: standby of ")) == (0, True), waiting
    assert second.command("pause").stderr.startswith("bot: this bot is STARTING, standby of ")
    first.until("an open position", lambda status: (status["positions"]["open"] or 0) >= 1)
    assert first.process is not None
    frozen_at = len(first.log())
    os.kill(first.process.pid, signal.SIGSTOP)
    second.until("it leads", leads)
    assert unwatched_ms(second) > 0
    second.until("further trades", lambda status: (status["trades_today"]["sells"] or 0) >= 3)
    os.kill(first.process.pid, signal.SIGCONT)
    assert first.process.wait(ENDS_WITHIN_S) == 1, first.told()
    first.process = None
    assert console(first).count("stopping, because another bot leads on this database: ") == 1, first.told()
    after = [event["event"] for event in first.log()[frozen_at:]]
    assert "lease_lost" in after
    assert not {"halt_latched", "entries_halted"} & set(after), after
    assert not (first.directory / "halt.json").exists() or not (first.directory / "halt.json").read_text().strip()


def test_a_leader_that_dies_is_replaced_and_operators_hear_of_it(pair: Pair) -> None:
    first, second = pair.first, pair.second
    pair.start(first)
    first.until("a standby that its leader knows", stands_by)
    lease = second.until("a leader that shows its standby", lambda status: status["lease"]["standby"])["lease"]
    assert (lease["epoch"], str(first.directory) in lease["standby"]["name"]) == (2, True)
    assert "leads on the database with epoch 2 since " in second.command("status").stdout
    second.until("an open position", lambda status: (status["positions"]["open"] or 0) >= 1)
    second.kill()
    assert first.until("it leads", leads)["lease"]["epoch"] == 3
    unwatched_ms(first)
    [told] = operators_were_told(first)
    assert "This bot leads now, epoch 3, in place of " in told
    assert "which gave no sign of life any more" in told


def test_a_leader_that_is_stopped_in_order_hands_over(pair: Pair) -> None:
    first, second = pair.first, pair.second
    pair.start(second)
    second.until("a standby that its leader knows", stands_by)
    first.stop()
    second.until("it leads", leads)
    unwatched_ms(second)
    assert "this bot leads now; before it led " in console(second)
    assert "positions were unwatched for " in console(second)
    [told] = operators_were_told(second)
    assert "which was stopped in order" in told


def test_the_books_of_both_equal_the_chain(pair: Pair) -> None:
    """Last: one bot is left; it sells what is open, and what both wrote is held against the chain."""
    bot = pair.second
    bot.snipers_off()
    bot.until("flat", lambda status: status["positions"]["open"] == 0 and not pair.in_flight())
    bot.stop()
    books = trio.run(read_books_at, pair.database)
    pair.chain.close()
    assert findings(books, read_evidence(pair.home, [row["address"] for row in books.wallets])) == []
