"""The database goes away under a bot that trades: shortly, by hanging, with a kill in the middle, and until it halts.

One data directory goes through all of it; the last test holds what is left against the chain. While it lasts the
harness asks at every look whether an actor has crashed: an outage is no reason to.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.database_server import DOWN, HANG
from bot.localnet.faults import FORK, KINDS
from tests.whole.audit import audit
from tests.whole.real import RealBot, Status, command, real_bot, supervision_file
from tests.whole.real_market import write_busy_market

pytestmark = pytest.mark.slow

LAUNCHES = 900
# The second half of these walks: an outage becomes critical while one looks.
CRITICAL = supervision_file(dwell_s=0.2, database={"critical_after_s": 1.5})
START_WITHIN_S = 60


@pytest.fixture(scope="module")
def trading() -> Iterator[RealBot]:
    """One bot that trades all the time; the tests below follow each other."""
    with real_bot() as bot:
        write_busy_market(bot.directory / "busy.csv", LAUNCHES)
        start(bot)
        bot.until("a filled sale", lambda status: known(status, "sells") >= 1)
        yield bot


def start(bot: RealBot) -> None:
    bot.start("--market", str(bot.directory / "busy.csv"))


def known(status: Status, side: str) -> int:
    """Today's trades of a side; -1 while nobody knows them."""
    count = status["trades_today"][side]
    return -1 if count is None else int(count)


def obeyed(bot: RealBot, *words: str) -> str:
    done = bot.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(bot: RealBot, *words: str) -> str:
    done = bot.command(*words)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    return done.stderr.strip()


def until_positions_open(bot: RealBot) -> None:
    bot.until("open positions", lambda status: (status["positions"]["open"] or 0) >= 1)


def until_paused_by_database(bot: RealBot) -> Status:
    paused = bot.until("the cause database", lambda status: "database" in {one["cause"] for one in status["causes"]})
    assert (paused["state"], paused["level"]) == ("PAUSED", 2)
    assert paused["services"]["database"]["health"] == "down"
    return paused


def until_it_trades_again(bot: RealBot) -> None:
    before = bot.until_open()
    bot.until(
        "further trades", lambda status: all(known(status, side) > known(before, side) for side in ("buys", "sells"))
    )


def assert_doors_answer(bot: RealBot, speaker: str) -> None:
    """Status, tree, dashboard and chat while the database is away: each says so and none shows a number as of now."""
    bot.until("numbers known to be old", lambda status: status["trades_today"]["buys"] is None)
    assert "not known" in obeyed(bot, "status")
    assert "runbooks/database.md" in obeyed(bot, "supervisor", "status").splitlines()[0]
    assert "database" in obeyed(bot, "top", "--once")
    told, *_, positions = bot.say(speaker, "/status", "/positions")
    assert "exits go on from memory" in told
    assert positions == NO_DATABASE


NO_DATABASE = (
    "That cannot be answered right now: the database is away. Until it answers nothing is bought; exits, /sell and /panic"
    " go on. Try again shortly."
)


def test_a_short_outage_pauses_and_ends_by_itself(trading: RealBot) -> None:
    until_positions_open(trading)
    assert "db-down" in obeyed(trading, "localnet", "fault", "db-down", "--for", "3s")
    assert "db-down" in obeyed(trading, "localnet", "status")
    until_paused_by_database(trading)
    until_it_trades_again(trading)
    assert "db-down" not in obeyed(trading, "localnet", "status")


def test_a_database_that_hangs_holds_nobody(trading: RealBot) -> None:
    until_positions_open(trading)
    obeyed(trading, "localnet", "fault", "db-hang", "--for", "600s")
    until_paused_by_database(trading)
    assert_doors_answer(trading, "demo-2")
    assert obeyed(trading, "localnet", "clear") == "1 fault(s) ended"
    until_it_trades_again(trading)


def test_nothing_was_bought_meanwhile_and_exits_were_made(trading: RealBot) -> None:
    away = False
    spooled: set[str] = set()
    for event in trading.this_life():
        if event.get("cause") == "database" and event["event"] in {"entries_paused", "pause_ended"}:
            away = event["event"] == "entries_paused"
        elif event["event"] == "intent_planned":
            assert not (away and event["side"] == "buy"), event
        elif event["event"] == "exit_in_journal":
            spooled.add(event["intent"])
    assert not away
    assert spooled, "no exit came due in the outages; they prove nothing"
    assert "journal_record_left_out" not in {event["event"] for event in trading.this_life()}

    def ended(_: Status) -> bool:
        return spooled <= {event["intent"] for event in trading.this_life() if event["event"] in ENDS}

    trading.until("the end of every exit of the outages", ended)


ENDS = {"sell_filled", "intent_failed", "intent_expired"}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("db-dwn", "--for", "3s"), f"unknown fault db-dwn; known: {', '.join(sorted({*KINDS, FORK, DOWN, HANG}))}"),
        (("db-down", "--for", "0s"), "a fault lasts between 0 and 86400 seconds"),
        (("db-down", "--for", "3s", "--endpoint", "rpc-1"), "db-down is a fault of the database"),
    ],
    ids=["a word nobody knows", "no time at all", "an endpoint of the database"],
)
def test_a_fault_that_makes_no_sense_is_refused(trading: RealBot, words: tuple[str, ...], complaint: str) -> None:
    assert complaint in refused(trading, "localnet", "fault", *words)


def test_a_fault_of_a_bot_that_does_not_run_is_told_by_its_exit_code(tmp_path: Path) -> None:
    done = command("localnet", "fault", "db-down", "--for", "3s", "--data-dir", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "no bot is running" in done.stderr


def test_a_kill_while_the_database_hangs_loses_nothing(trading: RealBot) -> None:
    """The frozen server outlives the bot; the next one lets it go on, stops it, and takes up every order."""
    until_positions_open(trading)
    obeyed(trading, "localnet", "fault", "db-hang", "--for", "600s")
    until_paused_by_database(trading)
    trading.kill()
    trading.supervision_file.write_text(CRITICAL)
    start(trading)
    until_it_trades_again(trading)


def test_a_long_outage_halts_and_flattens_without_the_database(trading: RealBot) -> None:
    """Everything is sold from memory; the kill comes before any of it is in the database, and the next start puts it there."""
    until_positions_open(trading)
    obeyed(trading, "localnet", "fault", "db-down", "--for", "600s")
    halted = trading.until("everything flat", lambda status: status["state"] == "HALTED")
    assert (halted["level"], halted["halt"]["cause"]) == (3, "database")
    assert halted["spool"]["records"] >= 1
    assert (trading.directory / "halt.json").exists()
    journal = trading.directory / "spool.journal"
    assert (journal.stat().st_size > 0, stat.S_IMODE(journal.stat().st_mode)) == (True, 0o600)
    trading.kill()
    start(trading)
    status = trading.until("its books", lambda status: status["state"] == "HALTED" and status["facts"]["known"])
    trading.until("no order on its way", lambda status: status["positions"] | {"closed_today": 0} == NOTHING_HELD)
    assert (status["level"], status["halt"]["cause"], status["spool"]["records"]) == (3, "database", 0)
    assert "journal_replayed" in {event["event"] for event in trading.this_life()}
    assert journal.stat().st_size == 0


NOTHING_HELD = {"open": 0, "closed_today": 0, "unknown": 0}


def test_a_halt_survives_a_start_that_the_database_refuses(trading: RealBot) -> None:
    trading.stop()
    configuration = trading.directory / "postgres" / "data" / "postgresql.conf"
    whole = configuration.read_text()
    configuration.write_text("max_connections = many\n")
    trading.start()
    assert trading.process is not None
    assert trading.process.wait(START_WITHIN_S) == 1
    trading.process = None
    last = (trading.directory / "console").read_text().splitlines()[-1]
    assert last.startswith("bot: the database in ")
    assert "does not start" in last
    assert (trading.directory / "halt.json").exists()
    configuration.write_text(whole)


def test_only_a_rearm_opens_again(trading: RealBot) -> None:
    start(trading)
    status = trading.until("halted", lambda status: status["state"] == "HALTED" and status["facts"]["known"])
    assert (status["halt"]["cause"], status["positions"]["open"]) == ("database", 0)
    assert "rearmed" in obeyed(trading, "rearm")
    until_it_trades_again(trading)
    assert not (trading.directory / "halt.json").exists()


def test_books_equal_the_chain_after_all_of_it(trading: RealBot) -> None:
    """Last in this file: it ends the bot, which stops in time although its database hangs."""
    trading.snipers_off()
    trading.until_flat()
    obeyed(trading, "localnet", "fault", "db-hang", "--for", "600s")
    trading.stop()
    assert audit(trading.directory) == []
