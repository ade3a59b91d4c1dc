"""Breaks whatever the real bot depends on, at random and at the same time, then holds its books against the chain.

`make faults`, or `python -m tests.faults.campaign --rounds 20 --seed 7`. Each round draws some troubles (a fault of one
endpoint or of all, an operator's pause, a user's panic, a flatten, the death of a server or of the bot itself) and lets
them overlap; after each the bot must trade again by itself. It takes minutes, so it is no part of the test suite. The
exit code is 1 when the bot does not recover, when an actor crashes, or when the audit finds anything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.whole.audit import findings
from tests.whole.real import FAST, RealBot, Status, real_bot, supervision_file
from tests.whole.real_evidence import Books, read_books, read_evidence
from tests.whole.real_market import LAUNCH_GAP_MS, write_busy_market

# Small orders and a full purse: neither a limit nor an empty wallet ends the trading before the campaign does.
SETTINGS = FAST.replace("[localnet]", "price_max_age_s = 0.4\n[localnet]\ndemo_fund_sol = 1000").replace(
    "[demo]", "[demo]\nsnipe_sol = 0.02\nsnipe_max_daily = 1000000"
)
SUPERVISION = supervision_file(dwell_s=0.01)  # the least that is taken; it doubles with each relapse within an hour
USERS = ("demo-1", "demo-2")
ENDPOINTS = ("all", "rpc-1", "rpc-2")
LIAR = "rpc-1"
LIES = ("stale", "empty", "genesis", "reorder", "flood", "flaky", "cut-logs")
WEATHER = ("skip-slots", "fail-tx")  # of the chain itself, on an ordinary day
MOST_AT_ONCE = 4
BEGINS_WITHIN_S = 6.0
# Shorter than the 30 s after which an RPC outage halts the bot, longer than the 150 blocks that an order lives.
SHORTEST_S, LONGEST_S = 0.3, 12.0
SLOWEST_MS = 4_000
RECOVERED_WITHIN_S = 180.0
ASK_AGAIN_S = 10.0  # what was said to a bot whose database was away is said again
ROUND_AT_MOST_S = 40.0  # on average, for the length of the market that is replayed


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is done to the bot, `at_s` seconds into its round; a fault ends by itself after `lasts_s`."""

    at_s: float
    told: str
    bring: Callable[[RealBot], None]
    lasts_s: float = 0.0


class NotRecovered(Exception):
    """The bot did not come back by itself, or crashed; the text says what was waited for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign and print what it did; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Break what the bot depends on, then audit it.")
    parser.add_argument("--rounds", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), metavar="SEED")
    arguments = parser.parse_args(argv)
    print(f"{arguments.rounds} rounds, seed {arguments.seed}", flush=True)
    draw = random.Random(arguments.seed)
    rounds = [_drawn(draw) for _ in range(arguments.rounds)]
    found: list[str] = []
    try:
        with real_bot(SETTINGS, SUPERVISION) as bot:
            found = _campaign(bot, rounds)
            if found:
                raise NotRecovered("the audit has findings")
    except (NotRecovered, AssertionError) as error:
        # What the notes tell is where the data directory is kept.
        print("\n".join(["findings:", *found, str(error), *getattr(error, "__notes__", ())]))
        return 1
    print("no findings: the books equal the chain")
    return 0


def _campaign(bot: RealBot, rounds: Sequence[Sequence[Trouble]]) -> list[str]:
    """All rounds, then quiet, then the audit's findings."""
    launches = int((len(rounds) + 2) * ROUND_AT_MOST_S * 1000 / LAUNCH_GAP_MS)
    write_busy_market(bot.directory / "busy.csv", launches)
    _start(bot)
    bot.until("a filled sale", lambda status: (status["trades_today"]["sells"] or 0) >= 1)
    for number, troubles in enumerate(rounds, 1):
        print(f"round {number}: " + "; ".join(f"{one.at_s:.1f} s {one.told}" for one in troubles), flush=True)
        started_s = time.monotonic()
        for one in troubles:
            _sleep_until(started_s + one.at_s)
            one.bring(bot)
        _sleep_until(started_s + max(one.at_s + one.lasts_s for one in troubles))
        recovered_s = _recover(bot)
        print(f"         trades again after {recovered_s:.1f} s", flush=True)
    bot.snipers_off()
    bot.until_flat(within_s=RECOVERED_WITHIN_S)
    bot.stop()
    books = read_books(bot.directory)
    print(_sums(books))
    return findings(books, read_evidence(bot.directory, [row["address"] for row in books.wallets]))


def _sleep_until(moment_s: float) -> None:
    time.sleep(max(0.0, moment_s - time.monotonic()))


def _recover(bot: RealBot) -> float:
    """Wait until a buy and a sale have filled while entries are open, ending what only people end; how long that took."""
    started_s = time.monotonic()
    before: Status = {}

    def trades(status: Status) -> bool:
        nonlocal before
        if status["state"] != "OPEN" or status["causes"]:
            _end_what_people_end(bot, status)
            return False
        before = before or status["trades_today"]
        if all(status["trades_today"][side] > before[side] for side in ("buys", "sells")):
            return True
        if time.monotonic() - started_s > ASK_AGAIN_S:
            _snipers_on(bot)
        return False

    bot.until("an answer", lambda _: True, within_s=RECOVERED_WITHIN_S)
    _snipers_on(bot)
    bot.until("further trades", trades, within_s=RECOVERED_WITHIN_S)
    return time.monotonic() - started_s


def _end_what_people_end(bot: RealBot, status: Status) -> None:
    """Rearm after a halt, and end an operator's pause. What is refused now is asked again at the next look."""
    if status["state"] == "HALTED":
        _ordered(bot, ["rearm"])
    elif any(cause["cause"] == "operator" for cause in status["causes"]):
        _ordered(bot, ["resume"])
    elif any(cause["cause"] in {"paused", "panic"} for cause in status["causes"]):
        _snipers_on(bot)


def _snipers_on(bot: RealBot) -> None:
    for user in USERS:
        _said(bot, user, "/resume\n/snipe_enable")


# -------------------------------------------------------------------------------------------------------- the troubles


def _drawn(draw: random.Random) -> list[Trouble]:
    """The troubles of one round in the order of their moments."""
    makers = [_drawn_fault, _drawn_fault, _drawn_fault, _drawn_lie, _drawn_database_fault, _drawn_order, _drawn_death]
    drawn = [draw.choice(makers)(draw, draw.uniform(0, BEGINS_WITHIN_S)) for _ in range(draw.randint(1, MOST_AT_ONCE))]
    return sorted(drawn, key=lambda trouble: trouble.at_s)


def _drawn_fault(draw: random.Random, at_s: float) -> Trouble:
    """A fault of the chain's endpoints, of one or of all, or of the chain itself."""
    name = draw.choice(("rpc-down", "rpc-slow", "rate-limit", "stream-drop", "drop-tx", *WEATHER))
    lasts_s = draw.uniform(SHORTEST_S, LONGEST_S)
    endpoint = draw.choice(ENDPOINTS)
    words = ["localnet", "fault", name, "--for", f"{lasts_s:.1f}s"]
    if name not in WEATHER:
        words += ["--endpoint", endpoint]
    if name == "rpc-slow":
        words += ["--delay-ms", str(draw.randint(50, SLOWEST_MS))]
    return Trouble(at_s, " ".join(words[2:]), partial(_ordered, words=words), lasts_s)


def _drawn_lie(draw: random.Random, at_s: float) -> Trouble:
    """The preferred endpoint answers, and not what is so. Always the same: who is lied to by all knows nothing better."""
    lasts_s = draw.uniform(SHORTEST_S, LONGEST_S)
    words = ["localnet", "fault", draw.choice(LIES), "--for", f"{lasts_s:.1f}s", "--endpoint", LIAR]
    return Trouble(at_s, " ".join(words[2:]), partial(_ordered, words=words), lasts_s)


def _drawn_database_fault(draw: random.Random, at_s: float) -> Trouble:
    lasts_s = draw.uniform(SHORTEST_S, LONGEST_S)
    words = ["localnet", "fault", draw.choice(("db-down", "db-hang")), "--for", f"{lasts_s:.1f}s"]
    return Trouble(at_s, " ".join(words[2:]), partial(_ordered, words=words), lasts_s)


def _drawn_order(draw: random.Random, at_s: float) -> Trouble:
    """Something that an operator or a user wants, whatever else goes on."""
    user = draw.choice(USERS)
    orders: list[tuple[str, Callable[[RealBot], None]]] = [
        ("pause", partial(_ordered, words=["pause", "--why", "the campaign"])),
        ("flatten", partial(_ordered, words=["flatten", "--yes", "--why", "the campaign"])),
        (f"/panic by {user}", partial(_said, user=user, text="/panic")),
        (f"/pause by {user}", partial(_said, user=user, text="/pause")),
    ]
    told, bring = draw.choice(orders)
    return Trouble(at_s, told, bring)


def _drawn_death(draw: random.Random, at_s: float) -> Trouble:
    deaths: list[tuple[str, Callable[[RealBot], None]]] = [
        ("kill the bot", _kill_and_start),
        ("kill PostgreSQL", _kill_database),
        ("kill a backend of PostgreSQL, which restarts within whatever was written", _kill_backend),
        ("kill the chain", _kill_chain),
    ]
    told, bring = draw.choice(deaths)
    return Trouble(at_s, told, bring)


def _ordered(bot: RealBot, words: Sequence[str]) -> None:
    """A verb of the command line; one that is refused is told, because a trouble before it may be why."""
    done = bot.command(*words)
    if done.returncode != 0:
        print(f"         {' '.join(words)}: {done.stderr.strip()}", flush=True)


def _said(bot: RealBot, user: str, text: str) -> None:
    """A command of the chat; what it answers is no part of the campaign."""
    done = bot.command("chat", "--as", user, text=f"{text}\n")
    if done.returncode != 0:
        print(f"         {user} {text.splitlines()[0]}: {done.stderr.strip()}", flush=True)


def _start(bot: RealBot) -> None:
    bot.start("--market", str(bot.directory / "busy.csv"))


def _kill_and_start(bot: RealBot) -> None:
    bot.kill()
    _start(bot)


def _kill_database(bot: RealBot) -> None:
    _kill(bot, "postgres/data/postmaster.pid", lambda text: int(text.split()[0]))


def _kill_backend(bot: RealBot) -> None:
    """The server ends all of its connections over it, at whatever point their transactions are, and recovers by itself."""

    def a_backend(text: str) -> int:
        server = text.split(maxsplit=1)[0]
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        backends = [pid for pid in children if "[local]" in Path(f"/proc/{pid}/cmdline").read_text()]
        if not backends:
            raise FileNotFoundError("no connection of PostgreSQL")
        return int(backends[0])

    _kill(bot, "postgres/data/postmaster.pid", a_backend)


def _kill_chain(bot: RealBot) -> None:
    _kill(bot, "localnet/localnet.json", lambda text: int(json.loads(text)["pid"]))


def _kill(bot: RealBot, record: str, pid_in: Callable[[str], int]) -> None:
    """Kill the server whose process id stands in a file of the data directory; one that is not there is dead already."""
    try:
        os.kill(pid_in((bot.directory / record).read_text()), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError) as error:
        print(f"         nothing to kill: {error}", flush=True)


def _sums(books: Books) -> str:
    """What the whole campaign traded, as it stands in the books."""
    sides = Counter(row["side"] for row in books.trades)
    states = Counter(row["state"] for row in books.intents)
    ends = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"{sides['buy']} buys, {sides['sell']} sells, intents: {ends}"


if __name__ == "__main__":
    sys.exit(main())
