"""Ends the bot at every point of the money path and at random moments, and holds what is left against the chain.

`make crash`, or `python -m tests.crash.campaign --kills 10 --seed 7 --points all`. First the matrix in virtual time, then
SIGKILL at each point of the real bot on its chain and PostgreSQL, then random kills on the bot's own intervals. It takes
about half an hour, minutes with `--points virtual`, so it is no part of the test suite. Exit code 1 when an audit finds
anything.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.crash.matrices import real_matrix, virtual_matrix
from tests.whole.audit import findings
from tests.whole.real import SHIPPED, Event, RealBot, real_bot
from tests.whole.real_evidence import Books, read_books, read_evidence
from tests.whole.real_market import write_busy_market

NORMAL = ""  # no settings: every interval is the default
LAUNCHES_PER_KILL = 60
LAUNCHES_AT_LEAST = 300
EARLIEST_S, LATEST_S = 0.5, 15.0  # a life's length from the start of its process; the shortest ends while it boots
CLOSED_WITHIN_S = 180.0
TABLE = "{:>4} {:>8}  {:<10} {:<26} {:<34} {}"


@dataclass(frozen=True, slots=True)
class Life:
    """One life of the bot: how long it was let live, what it logged, and which intents were left at which step."""

    lasted_s: float
    events: Sequence[Event]
    on_their_way: dict[str, str]

    @property
    def phase(self) -> str:
        """How far it came."""
        seen = {event["event"] for event in self.events}
        if "intent_planned" in seen:
            return "trading"
        return "reconciled" if "boot_reconcile" in seen else "starting"

    def recovery(self) -> str | None:
        """What its boot took up from the lives before; None when it did not get so far."""
        boot = next((event for event in self.events if event["event"] == "boot_reconcile"), None)
        if boot is None:
            return None
        followed = {event["intent"] for event in self.events if event["event"] == "intent_adopted"}
        return f"{len(followed)} followed, {boot['snipe_runs_expired']} runs expired"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign, print its table; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Kill the bot at random moments, then audit it.")
    parser.add_argument("--points", choices=("all", "virtual", "none"), default="all", help="the crash matrix")
    parser.add_argument("--kills", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), metavar="SEED")
    arguments = parser.parse_args(argv)
    found: list[str] = []
    if arguments.points != "none":
        found += virtual_matrix()
    if arguments.points == "all":
        found += real_matrix()
    if arguments.kills:
        found += _random_kills(arguments.kills, arguments.seed)
    print("\n".join(["findings:", *found]) if found else "no findings: the books equal the chain")
    return 1 if found else 0


def _random_kills(kills: int, seed: int) -> list[str]:
    """Lives that end at random moments under load, on one data directory; what the audit finds after the last."""
    print(f"{kills} kills, seed {seed}", flush=True)
    draw = random.Random(seed)
    with real_bot(NORMAL, SHIPPED.read_text()) as bot:
        launches = max(LAUNCHES_AT_LEAST, kills * LAUNCHES_PER_KILL)
        market = ("--market", str(write_busy_market(bot.directory / "busy.csv", launches)))
        lives = [_live_and_die(bot, market, draw.uniform(EARLIEST_S, LATEST_S)) for _ in range(kills)]
        lives.append(_last_life(bot, market))
        books = read_books(bot.directory)
        found = findings(books, read_evidence(bot.directory, [row["address"] for row in books.wallets]))
        _print_table(lives, books)
    print(f"\n{_sums(books)}")
    return found


def _live_and_die(bot: RealBot, market: Sequence[str], lasts_s: float) -> Life:
    """One life of this length."""
    bot.start(*market)
    time.sleep(lasts_s)
    bot.kill()
    life = Life(lasts_s, bot.this_life(), bot.unresolved_intents())
    print(
        f"killed after {lasts_s:.2f} s, {life.phase}, on their way: {_counted(life.on_their_way.values())}", flush=True
    )
    return life


def _last_life(bot: RealBot, market: Sequence[str]) -> Life:
    """The life that nobody interrupts: no new entries, every position closed by its exits, then an orderly stop."""
    started_s = time.monotonic()
    bot.start(*market)
    bot.until_open()
    bot.snipers_off()
    bot.until_flat(within_s=CLOSED_WITHIN_S)
    bot.stop()
    return Life(time.monotonic() - started_s, bot.this_life(), bot.unresolved_intents())


def _print_table(lives: Sequence[Life], books: Books) -> None:
    """One line per kill: the moment, what was on its way, what the next life took up, and how it ended."""
    states = {row["id"]: row["state"] for row in books.intents}
    print("\n" + TABLE.format("kill", "after", "phase", "on their way", "the next boot", "they ended as"))
    for number, life in enumerate(lives[:-1], 1):
        recovery = next((told for later in lives[number:] if (told := later.recovery())), "none got so far")
        ends = _counted(states.get(intent_id, "no row") for intent_id in life.on_their_way)
        steps = _counted(life.on_their_way.values())
        print(TABLE.format(number, f"{life.lasted_s:.2f} s", life.phase, steps, recovery, ends))


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
