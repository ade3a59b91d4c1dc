"""Kills the real bot at random moments, starts it again each time, and holds what is left against the chain.

`make crash`, or `python -m tests.crash.campaign --kills 10 --seed 7`. It runs on the bot's own intervals and takes a few
minutes, so it is no part of the test suite. Exit code 1 when the audit finds anything.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.whole.audit import findings
from tests.whole.real import Event, RealBot, real_bot
from tests.whole.real_evidence import Books, read_books, read_evidence
from tests.whole.real_market import write_busy_market

NORMAL = ""  # no settings: every interval is the default
LAUNCHES_PER_KILL = 60
LAUNCHES_AT_LEAST = 300
EARLIEST_S, LATEST_S = 0.5, 15.0  # a life's length from the start of its process; the shortest ends while it boots
CLOSED_WITHIN_S = 180.0
TABLE = "{:>4} {:>8}  {:<10} {:<26} {:<34} {}"


@dataclass(frozen=True, slots=True)
class Death:
    """One kill: after how long, how far the bot had come, and which intents were on their way at which step."""

    after_s: float
    phase: str
    on_their_way: dict[str, str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign, print its table; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Kill the bot at random moments, then audit it.")
    parser.add_argument("--kills", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), metavar="SEED")
    arguments = parser.parse_args(argv)
    print(f"{arguments.kills} kills, seed {arguments.seed}", flush=True)
    draw = random.Random(arguments.seed)
    with real_bot(NORMAL) as bot:
        launches = max(LAUNCHES_AT_LEAST, arguments.kills * LAUNCHES_PER_KILL)
        market = ("--market", str(write_busy_market(bot.directory / "busy.csv", launches)))
        deaths = [_live_and_die(bot, market, draw.uniform(EARLIEST_S, LATEST_S)) for _ in range(arguments.kills)]
        _last_life(bot, market)
        books = read_books(bot.directory)
        found = findings(books, read_evidence(bot.directory, [row["address"] for row in books.wallets]))
        _print_table(deaths, _lives(bot.log()), books)
    print(f"\n{_sums(books)}")
    print("\n".join(["findings:", *found]) if found else "no findings: the books equal the chain")
    return 1 if found else 0


def _live_and_die(bot: RealBot, market: Sequence[str], after_s: float) -> Death:
    """One life of this length."""
    bot.start(*market)
    time.sleep(after_s)
    bot.kill()
    death = Death(after_s, _phase(bot), bot.unresolved_intents())
    print(
        f"killed after {after_s:.2f} s, {death.phase}, on their way: {_counted(death.on_their_way.values())}",
        flush=True,
    )
    return death


def _last_life(bot: RealBot, market: Sequence[str]) -> None:
    """The life that nobody interrupts: no new entries, every position closed by its exits, then an orderly stop."""
    bot.start(*market)
    bot.until_open()
    bot.snipers_off()
    bot.until_flat(within_s=CLOSED_WITHIN_S)
    bot.stop()


def _phase(bot: RealBot) -> str:
    """How far the life that just ended had come."""
    events = {event["event"] for event in bot.this_life()}
    if "intent_planned" in events:
        return "trading"
    return "reconciled" if "boot_reconcile" in events else "starting"


def _lives(events: Iterable[Event]) -> list[Event]:
    """What each boot that got so far found, oldest first."""
    return [event for event in events if event["event"] == "boot_reconcile"]


def _print_table(deaths: Sequence[Death], boots: Sequence[Event], books: Books) -> None:
    states = {row["id"]: row["state"] for row in books.intents}
    boots_before = 0
    print(
        "\n" + TABLE.format("kill", "after", "phase", "on their way", "the next boot that got so far", "they ended as")
    )
    for number, death in enumerate(deaths, 1):
        boots_before += death.phase != "starting"
        boot = boots[boots_before] if boots_before < len(boots) else None
        took = (
            f"followed {boot['intents_in_flight']}, runs expired {boot['snipe_runs_expired']}"
            if boot is not None
            else "-"
        )
        ends = _counted(states.get(intent_id, "no row") for intent_id in death.on_their_way)
        steps = _counted(death.on_their_way.values())
        print(TABLE.format(number, f"{death.after_s:.2f} s", death.phase, steps, took, ends))


def _counted(words: Iterable[str]) -> str:
    counts = Counter(words)
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "nothing"


def _sums(books: Books) -> str:
    """What the whole campaign traded, as it stands in the books."""
    sides = Counter(row["side"] for row in books.trades)
    states = _counted(row["state"] for row in books.intents)
    result = sum(row["realized_lamports"] for row in books.trades)
    return f"{sides['buy']} buys, {sides['sell']} sells, intents: {states}; net result {result:+,} lamports"


if __name__ == "__main__":
    sys.exit(main())
