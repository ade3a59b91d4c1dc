"""A day of the whole bot in virtual time, weighed every hour: `make day`, or `make day SEED=7 HOURS=6 PEOPLE=30 REMEMBERED=128`.

Snipers, followers and people who talk live on a market of launches; after each hour it says what the process holds. What the bot
itself holds at the end may be a tenth more than after the warm-up, nothing may exceed its bound (`bounds.py`), and whatever has
none may not have grown throughout; else it exits with 1. The store is the twin in memory, whose rows are told beside it.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import mean

import pytest
import structlog
import trio
from trio.testing import MockClock

from bot.backtest.seeded import seeded_scheduling
from bot.localnet.inprocess import InProcessChain
from bot.telegram.gateway_memory import MemoryTelegram
from bot.tree import TradingBot
from tests.day.bounds import bounds, over, shorten
from tests.day.market import LEADERS, DayMarket
from tests.day.people import followers, snipers, talkers
from tests.day.weigh import Weight, empty_caches, grown, weigh
from tests.telegram.telegram_bot import Talk, bot_on_telegram
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, make_world

GROWTH = 1.10
STEADY = 1.03  # the mean of the last quarter over that of the one before it
MORE = 50  # entries by which a container may grow, whatever share of it that is
WARM = 0.25  # of the day
SHOWN = 25


@dataclass(frozen=True, slots=True)
class DayPlan:
    """How much of everything there is, and how often, in seconds on average."""

    seed: int = 1
    hours: float = 24.0
    people: int = 20
    launch_every_s: float = 60.0
    word_every_s: float = 300.0
    weighed_every_s: float = 3_600.0
    remembered: int | None = None  # entries at most of each of its memories, None for as many as the shipped bot has


@dataclass(slots=True)
class Day:
    """What a day came to: a weight for each hour."""

    weights: list[Weight] = field(default_factory=list)
    launched: int = 0
    done: Counter[str] = field(default_factory=Counter)
    reports: list[str] = field(default_factory=list)
    bounds: Mapping[str, int] = field(default_factory=bounds)

    @property
    def warm(self) -> Weight:
        """That after the warm-up."""
        return self.weights[max(round(len(self.weights) * WARM) - 1, 0)]

    def leaks(self) -> list[str]:
        """What is not flat, in words; containers that had grown at half time already, and went on."""
        last, half = self.weights[-1], self.weights[len(self.weights) // 2]
        found = []
        if last.own_bytes > self.warm.own_bytes * GROWTH:
            found.append(f"the bot's own memory: {_mib(self.warm.own_bytes)} to {_mib(last.own_bytes)}")
        quarter = max(len(self.weights) // 4, 1)
        before, at_last = (
            mean([one.own_bytes for one in part])
            for part in (self.weights[-2 * quarter : -quarter], self.weights[-quarter:])
        )
        if at_last > before * STEADY:
            found.append(f"the bot's own memory, on average of a quarter: {_mib(before)} to {_mib(at_last)}")
        found += over(last.held, self.bounds)
        # Executors stay until there are ten thousand, some dozens of each wallet that sells many tokens.
        tasks, at_first = last.tasks - last.kinds["Executor"], self.warm.tasks - self.warm.kinds["Executor"]
        if tasks > at_first * GROWTH + 5:
            found.append(f"tasks besides executors: {at_first} to {tasks}")
        found += [
            f"{name}: {getattr(self.warm, name)} to {getattr(last, name)}"
            for name in ("handles", "threads")
            if getattr(last, name) > getattr(self.warm, name) * GROWTH + 5
        ]
        went_on = grown(half.held, last.held, by=GROWTH, at_least=MORE).keys() - self.bounds.keys()
        grew = grown(self.warm.held, last.held, by=GROWTH, at_least=MORE)
        return found + [line for name, line in grew.items() if name in went_on]


def play(plan: DayPlan) -> Day:
    """Play one day from its seed."""
    day = Day()

    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            if plan.remembered is not None:
                shorten(patch, plan.remembered)
            day.bounds = bounds()
            await _live(plan, day, patch)

    with seeded_scheduling(plan.seed):
        trio.run(main, clock=MockClock(autojump_threshold=0.0))
    return day


async def _live(plan: DayPlan, day: Day, patch: pytest.MonkeyPatch) -> None:
    world = make_world(InProcessChain(seed=plan.seed))
    draw, telegram = Random(plan.seed), MemoryTelegram(world.clock)
    market = DayMarket(Crowd(world.chain), draw)
    for trader in (1, *LEADERS):
        market.crowd._trader(trader)
    await snipers(world, plan.people // 2)
    async with bot_on_telegram(Talk(world, telegram), patch, with_cards=True) as bot, trio.open_nursery() as nursery:
        await followers(world, market, bot, max(plan.people // 5, 1))
        nursery.start_soon(market.run, plan.launch_every_s)
        for person in talkers(world, telegram, market, draw, plan.people):
            nursery.start_soon(person.run, plan.word_every_s)
        await _weighed(plan, day, world, bot, [telegram, market, world.chain, world.told, world.alerts, world.reports])
        day.launched = market.launched
        nursery.cancel_scope.cancel()
    day.reports = [str(report) for report in world.reports]


async def _weighed(plan: DayPlan, day: Day, world: World, bot: TradingBot, besides: list[object]) -> None:
    looks = max(round(plan.hours * 3_600 / plan.weighed_every_s), 2)
    besides += [world.recording, world.journal, world.drawings, day]
    print(HEAD)
    for number in range(1, looks + 1):
        began_s = time.process_time()
        await trio.sleep(plan.weighed_every_s)
        if plan.remembered is not None:
            empty_caches()
        weight = weigh(world.store, besides)
        day.weights.append(weight)
        sums = await world.store.day(0)
        day.done = Counter(buys=sums.buys, sells=sums.sells, failed=sums.failed)
        print(_line(number * plan.weighed_every_s / 3_600, weight, day.done, time.process_time() - began_s), flush=True)
    assert bot.guard.state  # it lives to the end


HEAD = "  hour   own memory   objects  tasks  handles  threads     rows    buys   sells  failed   CPU"


def _line(hour: float, one: Weight, done: Counter[str], cpu_s: float) -> str:
    return (
        f"{hour:6.2f} {_mib(one.own_bytes):>12} {one.objects:>9,} {one.tasks:>6} {one.handles:>8} {one.threads:>8}"
        f" {one.rows.total():>8,} {done['buys']:>7,} {done['sells']:>7,} {done['failed']:>7,} {cpu_s:4.0f} s"
    )


def _mib(count: float) -> str:
    return f"{count / 2**20:.2f} MiB"


def main(argv: Sequence[str] | None = None) -> int:
    """Play the day that was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="day", description="A day of the whole bot in virtual time, weighed.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--launch-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--weighed-every", type=float, default=3_600.0, metavar="SECONDS")
    parser.add_argument(
        "--remembered",
        type=int,
        metavar="COUNT",
        help="of each of the bot's memories at most, so that a day fills them",
    )
    asked = parser.parse_args(argv)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    plan = DayPlan(
        seed=asked.seed,
        hours=asked.hours,
        people=asked.people,
        launch_every_s=asked.launch_every,
        weighed_every_s=asked.weighed_every,
        remembered=asked.remembered,
    )
    print(f"seed {plan.seed}: {plan.hours:g} hours of {plan.people} people, a launch every {plan.launch_every_s:g} s")
    day = play(plan)
    print(f"{day.launched:,} launches; crashes: {len(day.reports)}")
    print("\n".join(day.reports[:SHOWN]))
    rows = sorted((count - day.warm.rows[name], name, count) for name, count in day.weights[-1].rows.items())
    print("rows, and how many came after the warm-up:")
    print("\n".join(f"  {name}: {count:,}, {more:+,}" for more, name, count in reversed(rows)))
    found = day.leaks()
    kinds = sorted(
        (count - day.weights[len(day.weights) // 2].kinds[name], name) for name, count in day.weights[-1].kinds.items()
    )
    print("instances that came in the second half: " + ", ".join(f"{name} {more:+,}" for more, name in kinds[:-9:-1]))
    print("not flat:\n" + "\n".join(f"  {line}" for line in found[:SHOWN]) if found else "flat")
    return 1 if found or day.reports else 0


if __name__ == "__main__":
    sys.exit(main())
