"""Trouble for a bot that trades: its servers die, its RPC breaks, an operator pauses and halts it, and it dies over that.

One bot, or rather one data directory, goes through all of it; the last test holds what is left against the chain.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot.localnet import client
from bot.trading.recovery import ABSENCE_SPACING_SLOTS
from tests.whole.audit import findings
from tests.whole.real import FAST, Event, RealBot, Status, real_bot
from tests.whole.real_evidence import Node, Row, read_books, read_evidence, rows_of_running, running_chain
from tests.whole.real_exits import Trouble, due_exits, story_of
from tests.whole.real_market import write_busy_market

pytestmark = pytest.mark.slow

LAUNCHES = 900
# Prices that no push brings are polled several times a second, as quickly as the rest of these intervals.
SOURCES = """[streams]
sources = ["logs", "grpc", "pumpportal"]

[tracking]
source = "grpc"
"""
ENDPOINTS = """[[rpc.endpoints]]
name = "rpc-2"
http2 = true
"""
SETTINGS = FAST.replace("[localnet]", 'price_max_age_s = 0.4\n[vault]\nrun = "child"\n[localnet]') + SOURCES + ENDPOINTS
SLOT_MS = 50
FOLLOWED = """
    select w.address from user_wallets w join users u on u.id = w.user_id where u.handle = 'demo-2'
"""
# Trades of that wallet, between its first and its newest signal, that are no signals.
UNHEARD = """
    select t.signature from trades t
    join user_wallets w on w.id = t.wallet_id
    join tracked_wallets f on f.address = w.address
    where t.slot > (select min(s.slot) from wallet_signals s)
    and not exists (select from wallet_signals s where s.signature = t.signature)
"""
TRADES_IN_TROUBLE = 10  # of each side; some seconds of this market
LEVEL_CHANGES = {"entries_paused", "service_down", "halt_latched"}


@pytest.fixture(scope="module")
def trading() -> Iterator[RealBot]:
    """One bot that trades all the time; every test leaves it running and open."""
    with real_bot(SETTINGS) as bot:
        write_busy_market(bot.directory / "busy.csv", LAUNCHES)
        start(bot)
        bot.until("a filled sale", lambda status: (status["trades_today"]["sells"] or 0) >= 1)
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


def sources(status: Status) -> dict[str, str]:
    """How each source of launches is."""
    return {one["name"]: one["state"] for one in status["services"]["stream"]["sources"]}


def causes(status: Status) -> set[str]:
    return {cause["cause"] for cause in status["causes"]}


def until_down_and_up(bot: RealBot, service: str) -> None:
    """Wait until status has shown the service down and then up again, by itself."""
    down = bot.until(f"{service} down", lambda status: health(status, service) == "down")
    up = bot.until(f"{service} up", lambda status: health(status, service) == "up")
    assert since(up, service) > since(down, service)


def resume_tripped(bot: RealBot, status: Status) -> None:
    """So many orders in a row may have failed that a user's breaker trips, at its next look: whoever it pauses resumes."""
    for cause in status["causes"]:
        if cause["cause"] == "breaker":
            bot.say(cause["user"], "/resume")


def until_open(bot: RealBot) -> Status:
    """Wait until entries are open for everybody."""

    def is_open(status: Status) -> bool:
        resume_tripped(bot, status)
        return status["state"] == "OPEN" and status["reconciled"] and not status["causes"]

    return bot.until("open for entries", is_open)


def until_it_trades_again(bot: RealBot) -> None:
    """Wait until entries are open and one more buy and one more sale have filled."""
    before = until_open(bot)["trades_today"]

    def trades(status: Status) -> bool:
        resume_tripped(bot, status)
        return all(status["trades_today"][side] > before[side] for side in ("buys", "sells"))

    bot.until("further trades", trades)


def counted(bot: RealBot) -> Status:
    return dict(bot.status()["trades_today"])


def until_more(bot: RealBot, before: Status, count: int, *sides: str) -> None:
    """Wait until that many more trades of each side have filled."""
    bot.until(
        f"{count} more {' and '.join(sides)}",
        lambda status: all(status["trades_today"][side] >= before[side] + count for side in sides),
    )


def endpoint_rows(status: Status) -> list[dict[str, Any]]:
    return list(status["services"]["rpc"]["endpoints"])


def are_well(status: Status) -> bool:
    """Every endpoint answers and is asked."""
    return all(row["healthy"] and row["breaker"] == "closed" for row in endpoint_rows(status))


def slot_now(bot: RealBot) -> int:
    return int(client.ask(bot.directory, do="status")["status"]["slot"])


@contextmanager
def trouble(bot: RealBot, troubles: list[Trouble], name: str, *options: str) -> Iterator[list[Event]]:
    """A fault of the local chain for as long as the block runs, noted for the last test; what the bot logged meanwhile."""
    told: list[Event] = []
    seen = len(bot.log())
    began = slot_now(bot), round(time.time() * 1000)
    ordered_to(bot, "localnet", "fault", name, "--for", "60s", *options)
    yield told
    ended = slot_now(bot), round(time.time() * 1000)
    ordered_to(bot, "localnet", "clear")
    told += bot.log()[seen:]
    troubles.append(Trouble(" ".join((name, *options)), (began[0], ended[0]), (began[1], ended[1])))


@pytest.fixture(scope="module")
def troubles() -> list[Trouble]:
    """Times of trouble in which exits must still leave in time."""
    return []


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


def test_killed_vault_comes_back_and_signs_what_was_asked_meanwhile(trading: RealBot) -> None:
    lock = trading.directory / "vault.lock"
    before = int(lock.read_text())
    os.kill(before, signal.SIGKILL)
    trading.until("another vault", lambda _: lock.read_text() not in {"", str(before)})
    until_it_trades_again(trading)
    assert "vault" in ordered_to(trading, "supervisor", "status")
    assert "new wallets are sealed under master key local-" in ordered_to(trading, "keys")
    assert ordered_to(trading, "keys", "rotate").startswith("0 wallets are sealed under master key local-")


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


@pytest.mark.parametrize(
    ("endpoint", "fault", "why"),
    [
        (1, ("rpc-down",), "Error"),
        (2, ("rpc-slow", "--delay-ms", "5000"), "no answer"),
        (1, ("rate-limit",), "429"),
    ],
    ids=["down", "slow", "rate-limited"],
)
def test_trouble_of_one_endpoint_is_no_trouble_for_whoever_trades(
    trading: RealBot, troubles: list[Trouble], endpoint: int, fault: tuple[str, ...], why: str
) -> None:
    """The endpoints take turns, so that each fault also shows that the endpoint of the one before is used again."""
    trading.until("both endpoints well", are_well)
    trading.until("open positions", lambda status: status["positions"]["open"] >= 1)
    with trouble(trading, troubles, fault[0], "--endpoint", f"rpc-{endpoint}", *fault[1:]) as told:
        row = endpoint_rows(trading.until("it is seen", lambda status: not are_well(status)))[endpoint - 1]
        assert why in row["detail"], row
        until_more(trading, counted(trading), TRADES_IN_TROUBLE, "buys", "sells")
    assert [event for event in told if event["event"] in LEVEL_CHANGES] == []
    trading.until("both endpoints well", are_well)


def test_a_lost_stream_closes_entries_and_no_exit(trading: RealBot, troubles: list[Trouble]) -> None:
    """Slow: positions come due and leave by prices that are polled while nothing is pushed.

    A user follows another one's wallet, and hears of its trades by the stream, or by its history while that is away.
    """
    [followed] = rows_of_running(trading.directory, FOLLOWED)
    told = trading.say("demo-1", f"/track {followed['address']}")
    assert any("its trades are recorded from now on, checked every 30 s" in line for line in told), told
    trading.until("the wallet told", lambda status: status["wallets_followed"]["told"] == 1)
    trading.until("all sources up", lambda status: set(sources(status).values()) == {"up"})
    with trouble(trading, troubles, "stream-silent", "--source", "logs"):
        status = trading.until("one is silent", lambda status: sources(status)["logs"] == "down")
        assert (status["state"], sources(status)["grpc"], sources(status)["pumpportal"]) == ("OPEN", "up", "up")
    trading.until("open positions", lambda status: status["positions"]["open"] >= 2)
    with trouble(trading, troubles, "stream-drop"):
        status = trading.until("the cause stream", lambda status: "stream" in causes(status))
        assert (status["state"], status["level"], causes(status)) == ("PAUSED", 2, {"stream"})
        assert health(status, "rpc") == "up"
        seen = status["launches_seen"]
        status = trading.until("every exit made", lambda status: status["positions"]["open"] == 0)
        assert status["launches_seen"] == seen
    until_it_trades_again(trading)
    assert trading.status()["launches_seen"] > seen
    trading.until("the wallet told again", lambda status: status["wallets_followed"]["told"] == 1)
    trading.until("no trade unheard", lambda _: not rows_of_running(trading.directory, UNHEARD))
    assert rows_of_running(trading.directory, "select * from wallet_signals")
    trading.say("demo-1", f"/untrack {followed['address']}")
    mints = [event["mint"] for event in trading.log() if event["event"] == "token_detected"]
    assert len(mints) == len(set(mints))


def unknown_buys(bot: RealBot) -> dict[str, Row]:
    query = "select * from intents where state = 'unknown' and side = 'buy'"
    return {row["id"]: row for row in rows_of_running(bot.directory, query)}


def test_orders_that_vanish_are_unknown_until_two_endpoints_deny_them(trading: RealBot) -> None:
    """Slow: 150 blocks must pass before a buy's bytes are too old to land. Exits are signed again meanwhile."""
    ordered_to(trading, "localnet", "fault", "drop-tx", "--for", "60s")
    trading.until_logged("attempt_sent_again")
    ordered_to(trading, "localnet", "fault", "rate-limit", "--endpoint", "rpc-2", "--for", "60s")
    trading.until("an unknown buy", lambda _: bool(unknown_buys(trading)))
    status = trading.until("status counts it", lambda status: status["positions"]["unknown"] >= 1)
    assert (status["state"], status["level"]) == ("OPEN", 1)
    unknown = unknown_buys(trading)
    asked_at = slot_now(trading)
    trading.until(
        "one endpoint asked often enough", lambda _: slot_now(trading) > asked_at + ABSENCE_SPACING_SLOTS + 10
    )
    still = unknown_buys(trading)
    assert unknown.keys() <= still.keys()
    told = [line for user in ("demo-1", "demo-2") for line in trading.say(user, "/positions")]
    assert any("sent, not yet proven" in line for line in told), told
    assert all(row["reserved_lamports"] > 0 for row in still.values())
    ordered_to(trading, "localnet", "clear")
    trading.until("every order proven", lambda status: status["positions"]["unknown"] == 0)
    ids = ", ".join(f"'{one}'" for one in still)
    ended = rows_of_running(trading.directory, f"select state, reserved_lamports from intents where id in ({ids})")
    assert {(row["state"], row["reserved_lamports"]) for row in ended} == {("expired", 0)}
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
    until_open(trading)


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
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (status["halt"]["by"], status["halt"]["why"]) == (f"operator {user}", "a drill")
    assert status["positions"]["open"] == 0
    assert "a halt is latched already" in refused_to(trading, "flatten", "--yes")
    assert "halt" in trading.say("demo-1", "/status")[-2]
    assert "rearmed" in ordered_to(trading, "rearm")
    until_it_trades_again(trading)


def test_nothing_was_lost_doubled_or_told_in_the_log_that_is_secret(trading: RealBot, troubles: list[Trouble]) -> None:
    """Last in this file: it ends the bot that the others have troubled."""
    trading.snipers_off()
    trading.until_flat()
    trading.stop()
    books = read_books(trading.directory)
    assert findings(books, read_evidence(trading.directory, [row["address"] for row in books.wallets])) == []
    with running_chain(trading.directory / "localnet") as url:
        due = due_exits(books, trading.log(), troubles, Node(url), SLOT_MS)
    late = [one for one in due if one.is_late]
    assert late == [], story_of(late, books, trading.log())
    assert {one.trouble for one in due} == {one.name for one in troubles}
    secrets = [
        (trading.directory / "postgres" / "password").read_text().strip(),
        (trading.directory / "master.key").read_text().split(":")[1].strip(),
    ]
    streams = sorted(f"logs/{path.name}" for path in (trading.directory / "logs").iterdir())
    assert {name.split("-")[0] for name in streams} >= {"logs/trades", "logs/signals", "logs/system"}
    for name in ("bot.log", "console", "postgres/log", "localnet/log", "vault.log", *streams):
        text = (trading.directory / name).read_text(errors="replace")
        assert not any(secret in text for secret in secrets), name
