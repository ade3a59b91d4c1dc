"""`bot chat` against the real bot: every command, its good use and its bad one, on a pipe and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import pwd
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.commands import COMMANDS
from tests.whole.audit import audit
from tests.whole.real import BOT, POLL_S, ROOT, UNTIL_WITHIN_S, RealBot, clean_environment, real_bot
from tests.whole.real_evidence import rows_of_running
from tests.whole.real_market import FATES, LAUNCH_GAP_MS, TURN_MS, write_busy_market
from tests.whole.typed_about_wallets import ABOUT_WALLETS, SOMEBODY
from tests.whole.typed_of_people import OF_PEOPLE
from tests.whole.typed_with_codes import GUARDED, NO_TOKEN

pytestmark = pytest.mark.slow

LAUNCHES = 400
NEWCOMER = "4242"
OPERATOR = f"operator {pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture(scope="module")
def talking() -> Iterator[RealBot]:
    """One bot that trades while it is talked to."""
    with real_bot() as bot:
        bot.start("--market", str(write_busy_market(bot.directory / "busy.csv", LAUNCHES)))
        bot.until("a filled buy", lambda status: (status["trades_today"]["buys"] or 0) >= 1)
        yield bot


def quiet_mint(bot: RealBot) -> str:
    """A token that has met its fate, which was to stay where it is: nothing sells it before the test does."""
    behind = TURN_MS // LAUNCH_GAP_MS + 2
    bot.until_logged("token_detected", behind + len(FATES))
    mints = [event["mint"] for event in bot.log() if event["event"] == "token_detected"]
    last = len(mints) - 1 - behind
    return str(mints[last - (last - FATES.index("stays")) % len(FATES)])


def ordered(bot: RealBot, who: str, text: str) -> str:
    """The last line of what a confirmed order is answered with."""
    card = bot.say(who, text)
    assert card[-2].startswith("  /confirm "), card
    return bot.say(who, card[-2].strip())[-1]


# Every command on the pipe of one conversation: what is typed, and the words that its answer holds.
TYPED = (
    ("/start", "You are set up as demo-1 [live], wallet "),
    ("/start please", "usage: /start [agree]"),
    ("/help", "/panic - sell everything now"),
    ("/help panic", "Stop your sniper, your automated trader and your copying, and sell every open position now."),
    ("/help me now", "usage: /help [NAME]"),
    ("/wallet", "[live]"),
    ("/wallet 2", "usage: /wallet"),
    ("/status", "[live] today:"),
    ("/status now", "usage: /status"),
    ("/positions", "[live]"),
    ("/positions all", "usage: /positions"),
    ("/balance", "[live]"),
    ("/balance x", "usage: /balance"),
    (f"/price {NO_TOKEN}", "is no token of the launchpad; check the address"),
    ("/price", "usage: /price MINT"),
    (f"/info {NO_TOKEN}", "is no token of the launchpad; check the address"),
    ("/info", "usage: /info MINT"),
    ("/settings", "max_trade = 1 SOL"),
    ("/settings max_trade 0.5", "max_trade = 0.5 SOL; it holds from now on"),
    ("/settings max_trade", "max_trade = 0.5 SOL"),
    ("/settings max_trade -1", "is negative"),
    ("/settings max_trde", "there is no setting 'max_trde'"),
    ("/snipe", "The sniper is on: 0.1 SOL a token"),
    ("/snipe on", "usage: /snipe"),
    ("/deposit", "[live]"),
    ("/deposit 5", "usage: /deposit"),
    ("/wallets", "[live]"),
    ("/wallets 2", "usage: /wallets"),
    ("/wallets reset main", "holds money, and only virtual wallets are set back"),
    ("/card", "usage: /card MINT|POSITION"),
    (f"/card {NO_TOKEN}", "You hold no such position"),
    ("/card 01234567-89ab-cdef-0123-456789abcdef", "You hold no such position"),
    ("/orders", "[live]"),
    ("/orders all", "usage: /orders"),
    ("/history", "[live]"),
    ("/history x", "usage: /history"),
    ("/profit", "[live]"),
    ("/profit year", "usage: /profit"),
    ("/stats", "[live]"),
    ("/stats year", "usage: /stats"),
    ("/my_stats", "[live]"),
    ("/share a b", "usage: /share"),
    ("/my_stats x", "usage: /my_stats"),
    ("/performance", "[live]"),
    ("/performance x", "usage: /performance"),
    ("/diag", "Your sniper is on"),
    ("/diag x", "usage: /diag"),
    ("/alerts", "What you are told of"),
    ("/alerts noise off", "there is no such kind"),
    ("/health", "The bot has been up"),
    ("/health x", "usage: /health"),
    ("/version", "trading-bot 0.1.0"),
    ("/version x", "usage: /version"),
    *ABOUT_WALLETS,
    ("/pause", "Your entries are paused"),
    ("/pause x", "usage: /pause"),
    (f"/buy {NO_TOKEN} 0.1", "entries are paused"),
    ("/resume", "Your pause is over"),
    ("/resume", "You have not paused your entries"),
    ("/balance", "SOL in "),
    ("/balance 2", "usage: /balance"),
    ("/price", "usage: /price MINT"),
    (f"/price {NO_TOKEN}", "is no token of the launchpad"),
    ("/settings", "stop_loss = 10 % - sell at this loss on cost"),
    ("/settings stop_loss", "stop_loss = 10 %"),
    ("/settings stop_loss 12%", "stop_loss = 12 %; it holds for positions opened from now on"),
    ("/settings stop_loss -1%", "is not a percentage"),
    ("/settings stop_lost 1%", "did you mean stop_loss?"),
    ("/settings timezone Mars/Base", "time zone"),
    ("/snipe", "The sniper is on: 0.1 SOL a token"),
    ("/snipe now", "usage: /snipe"),
    ("/track", "You follow no wallet"),
    ("/track hello", "is not a wallet address"),
    (f"/track {NO_TOKEN}", "is wrapped SOL, a token; give a wallet's address"),
    (f"/track {SOMEBODY} somebody", "Following somebody"),
    (f"/track {SOMEBODY}", "You follow"),
    ("/copies", "You copy nobody; /copy_trader begins it."),
    (f"/copy_trader {SOMEBODY} 0.1 50% day=0.5", "Nobody promises a result."),
    (f"/stop_copy {SOMEBODY} sell", "you copy nobody"),
    ("/untrack", "usage: /untrack ADDRESS"),
    (f"/untrack {SOMEBODY}", "no more"),
    (f"/untrack {SOMEBODY}", "You do not follow"),
    ("/pause", "Your entries are paused: nothing is bought for you"),
    ("/pause", "paused already"),
    ("/pause now", "usage: /pause"),
    ("/resume", "Your pause is over"),
    ("/resume", "You have not paused"),
    ("/resume now", "usage: /resume"),
    ("/ack_outflow", "Nothing has left your wallet without this bot"),
    ("/mode", "Your mode is live."),
    ("/mode sideways", "here a user's mode is one of: live, dry_run"),
    ("/snipe_enable", "The sniper is on: up to 0.1 SOL a token"),
    ("/snipe_enable 5", "usage: /snipe_enable"),
    ("/snipe_disable", "The sniper is off; open positions keep their exits."),
    ("/snipe_disable x", "usage: /snipe_disable"),
    ("/snipe_enable", "The sniper is on"),
    ("/buy", "usage: /buy MINT SOL"),
    (f"/buy {NO_TOKEN}", "usage: /buy MINT SOL"),
    (f"/buy {NO_TOKEN} 0.1", "[live] Not done:"),
    ("/buy hello 0.1", "'hello' is not a token address"),
    ("/sell", "usage: /sell MINT|POSITION 50%|TOKENS|all"),
    (f"/sell {NO_TOKEN} all", "[live] Not done: you hold no position in this token"),
    ("/sell 01234567-89ab-cdef-0123-456789abcdef all", "You have no such position"),
    (f"/sell {NO_TOKEN} 101%", "more than 100 %"),
    (f"/sell {NO_TOKEN} -5%", "is negative"),
    (f"/sell {NO_TOKEN} half", "is not an amount"),
    ("/confirm", "usage: /confirm CODE"),
    ("/confirm a\0b", "There is no such offer for you, or not any more"),
    ("/confirm 0badc0de", "There is no such offer for you, or not any more"),
    ("/cancel", "usage: /cancel CODE"),
    ("/cancel 0badc0de", "There is no such offer for you"),
    ("/dca", "usage: /dca MINT SOL"),
    (f"/dca {NO_TOKEN} 0.1 1h 0", "is no number of buys"),
    (f"/dca {NO_TOKEN} 0.1 1h 5", "is no token of the launchpad"),
    ("/limit", "usage: /limit buy|sell MINT"),
    (f"/limit buy {NO_TOKEN} 0.1 1", "is no token of the launchpad"),
    (f"/limit sell {NO_TOKEN} all 1 soon", "is no length of time"),
    ("/users", "/users is for people with the role admin; yours is basic"),
    ("/role demo-2 admin", "/role is for people with the role admin"),
    ("/broadcast hello", "/broadcast is for people with the role admin"),
    ("/config", "/config is for people with the role admin; yours is basic"),
    ("/metrics", "/metrics is for people with the role admin; yours is basic"),
    ("/logs", "/logs is for people with the role operator; yours is basic"),
    ("/open", "usage: /open MINT SOL"),
    ("/close", "usage: /close "),
    ("/ai", "usage: /ai MINT"),
    ("/top x y z", "usage: /top"),
    ("/blacklist x y z w", "usage: /blacklist"),
    *OF_PEOPLE,
    *GUARDED,
    ("/close_account maybe", "usage: /close_account [yes]"),
    ("/close_account", "To close it: /close_account yes"),
    ("/panic now", "usage: /panic"),
    ("/why", "usage: /why"),
    ("/posittions", "there is no such command; did you mean /positions?"),
    ("buy some", "commands begin with a slash"),
    ("/" + "x" * 600, "longer than 512 characters"),
)


def test_every_command_answers_its_good_and_its_bad_use(talking: RealBot) -> None:
    """Slow for what the fixture waits for: a fresh bot that has bought."""
    named = {word.removeprefix("/").split()[0] for word, _ in TYPED if word.startswith("/")}
    missing = {command.name for command in COMMANDS} - named
    assert not missing, f"type these too: {missing}"
    told = "\n".join(talking.say("demo-1", *(line for line, _ in TYPED)))
    at = 0
    for line, words in TYPED:
        found = told.find(words, at)
        assert found >= 0, f"{line}: no {words!r} in {told[at:]}"
        at = found + 1


def test_newcomer_consents_buys_and_sells_in_parts(talking: RealBot) -> None:
    """Slow: four fills are waited for, one after the other."""
    first = talking.say(NEWCOMER, "/wallet", "/start")
    assert first[0] == "You have no wallet here yet; send /start first."
    assert "holds your wallet's private key" in "\n".join(first)
    assert first[-1].startswith("Send /start agree")
    address = re.search(r"Your wallet is (\w{32,44})\.", talking.say(NEWCOMER, "/start agree")[-1])
    assert address is not None
    funded = talking.say(NEWCOMER, "/wallet")
    assert funded[0] == f"[live] main {address[1]}"
    assert funded[1].startswith("balance 10 SOL")

    mint = quiet_mint(talking)
    assert ordered(talking, NEWCOMER, f"/buy {mint} 0.1").startswith("[live] Sent: buying for 0.1 SOL, at least ")
    talking.until_logged("buy_filled")
    assert f"/sell {mint} all" in talking.say(NEWCOMER, "/positions")[-1]
    assert "Updated " in talking.say(NEWCOMER, f"/card {mint}")[-1]
    before = sales_of(talking, mint)
    for amount in ("50%", "1000", "all"):
        assert ordered(talking, NEWCOMER, f"/sell {mint} {amount}").startswith("[live] Sent: selling "), amount
        before += 1
        talking.until(f"the sale of {amount}", lambda _, wanted=before: sales_of(talking, mint) >= wanted)  # type: ignore[misc]
    assert " closed, result " in talking.say(NEWCOMER, "/positions")[-1]
    assert talking.say(NEWCOMER, f"/sell {mint} all")[-1].startswith("[live] Not done: you hold no position")


def test_what_was_done_is_told_to_its_user_and_to_the_operator(talking: RealBot) -> None:
    """The newcomer's token of the test before this one: one buy, and three sales that close the position."""
    position_id = next(event["position"] for event in talking.log() if event["event"] == "buy_filled")
    story = obeyed(talking, "trace", position_id).splitlines()
    assert [line.rpartition(": ")[2] for line in story if line.startswith("intent ")] == ["filled"] * 4
    assert sum(" settled " in line for line in story) == 4
    signature = next(event["signature"] for event in talking.log() if event["event"] == "buy_filled")
    [order] = json.loads(obeyed(talking, "trace", signature, "--json"))["orders"]
    moments = [step["at"] for step in order["steps"]]
    assert (order["state"], moments == sorted(moments)) == ("filled", True), order
    assert "no order is named by 'nothing'" in refused(talking, "trace", "nothing")

    told = talking.say(NEWCOMER, f"/why {position_id}")
    assert [line.split()[0] for line in told if line.startswith(("Bought ", "Sold "))] == ["Bought", *["Sold"] * 3]
    assert told[-1].startswith("Closed; result ")

    diag = json.loads(obeyed(talking, "diag", "--user", NEWCOMER, "--json"))
    assert (diag["gates"]["sniper"], diag["gates"]["open_positions"], diag["looks"]) == ("off", 0, [])
    assert len(diag["checks"]) == 12
    assert [check["gate"] for check in diag["checks"] if check["refused"]] == []
    assert "funds that are free" in obeyed(talking, "diag", "--user", "demo-1")


def sales_of(bot: RealBot, mint: str) -> int:
    """How many manual sales of a mint the log tells of; the snipers' own exits are automated and not asked for."""
    manual = {
        event["intent"]
        for event in bot.log()
        if event["event"] == "intent_planned" and event["context"] == "manual_command"
    }
    return sum(event["event"] == "sell_filled" and event["intent"] in manual for event in bot.log())


def obeyed(bot: RealBot, *words: str) -> str:
    done = bot.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(bot: RealBot, *words: str) -> str:
    done = bot.command(*words)
    assert done.returncode == 1, done
    return done.stderr.strip()


def test_an_operator_handles_the_tree_of_a_bot_that_trades(talking: RealBot) -> None:
    again = obeyed(talking, "supervisor", "restart", "root/hunt/snipers/demo-1", "--why", "a look")
    assert again.endswith("was running and is running now.")
    assert "launch_watcher was running" in obeyed(talking, "supervisor", "restart", "launch_w")
    assert "--yes skips the question" in refused(talking, "supervisor", "restart", "root/money")
    assert "is running now" in obeyed(talking, "supervisor", "restart", "root/money", "--yes")
    talking.until_open()
    near = refused(talking, "supervisor", "release", "root/hnt")
    assert near == "bot: there is no 'hnt' below root; did you mean 'hunt'?"
    assert "not quarantined" in refused(talking, "supervisor", "release", "reconciler")
    assert obeyed(talking, "supervisor", "dead-letters", "root/money/reconciler") == "no dead letters"
    assert "there is no dead letter" in refused(talking, "supervisor", "dead-letters", "--replay", "root/hunt#9")
    shown = obeyed(talking, "supervisor", "status", "root/hunt", "--state", "quarantined").splitlines()
    assert [line for line in shown if line.startswith("  ")] == []

    running = talking.supervision_file.read_text()
    assert obeyed(talking, "supervision", "diff") == "no difference to what the bot runs with"
    other = talking.directory / "other.toml"
    other.write_text(
        running.replace("max_failures = 2", "max_failures = 3").replace("intensity = 20", "intensity = 30")
    )
    lines = obeyed(talking, "supervision", "diff", str(other)).splitlines()
    assert lines[0] == "[supervisor.root] intensity: 20 -> 30, at once"
    applied = obeyed(talking, "supervision", "reload", str(other), "--why", "patience").splitlines()
    assert applied[:-1] == lines
    assert applied[-1] == f"applied; the next start reads {talking.supervision_file}"
    assert obeyed(talking, "supervision", "diff", str(other)) == "no difference to what the bot runs with"
    other.write_text(running.replace('"rpc_pool", ', "").replace('"ops", "links"', '"ops", "rpc_pool", "links"'))
    assert refused(talking, "supervision", "reload", str(other)).splitlines()[-1].startswith("bot: nothing was applied")
    other.write_text(running.replace("intensity = 20", "intensity = -20"))
    assert refused(talking, "supervision", "reload", str(other)).startswith(f"bot: {other}:")
    assert obeyed(talking, "supervision", "reload").splitlines()[-1] == "applied"

    audited = rows_of_running(
        talking.directory, "select actor, action, facts from audit where action like 'supervision%'"
    )
    assert {(row["actor"], row["action"]) for row in audited} == {
        (OPERATOR, "supervision_restart"),
        (OPERATOR, "supervision_reload"),
    }
    assert any("a look" in str(row["facts"]) for row in audited)


def test_panic_sells_everything_and_switches_the_sniper_off(talking: RealBot) -> None:
    mint = quiet_mint(talking)
    bought = sum(event["event"] == "buy_filled" for event in talking.log())
    talking.say(NEWCOMER, "/start agree")
    ordered(talking, NEWCOMER, f"/buy {mint} 0.05")
    talking.until_logged("buy_filled", bought + 1)
    told = "\n".join(talking.say(NEWCOMER, "/panic"))
    assert "The sniper is off and your entries are paused; 1 position to sell, at any price" in told
    talking.until("panic's sale", lambda _: talking.say(NEWCOMER, "/status")[-1].endswith("0 open positions"))
    assert "you hold no position" in talking.say(NEWCOMER, "/panic")[-1]
    assert "Your pause is over" in talking.say(NEWCOMER, "/resume")[-1]

    assert "sniper off" in talking.say("demo-2", "/panic", "/status")[-1]
    assert talking.status()["snipers"] == 1
    assert "sniper on" in talking.say("demo-2", "/resume", "/snipe_enable", "/status")[-1]


def test_nobody_is_spoken_for_who_does_not_exist(talking: RealBot) -> None:
    done = talking.command("chat", "--as", "demo-9", text="/status\n")
    assert done.returncode == 1
    assert done.stderr == "bot: there is no user 'demo-9'; give a Telegram id, or the handle of an existing user\n"


@contextmanager
def terminal(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`bot` with these arguments on a terminal of its own, and our end of that terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*BOT, *arguments], cwd=ROOT, env=clean_environment(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(ours: int, words: str) -> str:
    """What the terminal shows until these words are there."""
    shown = ""
    deadline_s = time.monotonic() + UNTIL_WITHIN_S
    while words not in shown:
        assert time.monotonic() < deadline_s, f"no {words!r} in {shown}"
        if select.select([ours], [], [], POLL_S)[0]:
            shown += os.read(ours, 65_536).decode()
    return shown


def test_conversation_on_a_terminal_is_told_of_fills_as_they_come(talking: RealBot) -> None:
    with terminal("chat", "--as", "demo-2", "--data-dir", str(talking.directory)) as (process, ours):
        read_until(ours, "> ")
        os.write(ours, b"/status\n")
        assert "level 1" in read_until(ours, "[live] today:")
        # Nothing is typed from here on: demo-2's sniper trades, and the conversation hears of it.
        read_until(ours, "[live] Bought")
        read_until(ours, "[live] Sold")
        os.write(ours, b"\nexit\n")
        assert process.wait(UNTIL_WITHIN_S) == 0


def test_conversation_ends_with_the_bot_and_the_books_are_clean(talking: RealBot) -> None:
    """Last in this file: it stops the bot that the others talk to."""
    talking.snipers_off()
    talking.until_flat()
    with terminal("chat", "--as", "demo-1", "--data-dir", str(talking.directory)) as (process, ours):
        read_until(ours, "> ")
        talking.stop()
        read_until(ours, "the bot has stopped")
        assert process.wait(UNTIL_WITHIN_S) == 0
    assert audit(talking.directory) == []
