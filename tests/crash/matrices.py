"""The crash matrix as a table for people: one line per point, what became of a crash before it and of one after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from tests.crash.matrix import walk
from tests.crash.points import points
from tests.crash.real_points import SETTINGS, die_at, dooms
from tests.crash.scenarios import SCENARIOS
from tests.crash.stage import Doom
from tests.simulation.determinism import run_seeded
from tests.whole.audit import findings
from tests.whole.real import real_bot
from tests.whole.real_evidence import read_books, read_evidence
from tests.whole.real_market import LAUNCH_GAP_MS, write_busy_market

SEED = 1
ROW = "{:<50} {:<24} {}"
LIFE_AT_MOST_S = 70.0
FLAT_WITHIN_S = 300.0
NOT_REACHED = "not reached"


def virtual_matrix() -> list[str]:
    """Every point of every scenario in virtual time; prints the table and returns what was found."""
    found: list[str] = []
    came: dict[Doom, list[str]] = defaultdict(list)
    for scenario in SCENARIOS:
        walked, _ = run_seeded(SEED, partial(walk, scenario, seed=SEED))
        found += [f"{scenario.name}: {told}" for told in walked.findings]
        for doom in walked.died:
            came[doom].append(scenario.name)
    _print("in virtual time", {doom: f"{len(names)} scenarios" for doom, names in came.items()})
    missing = [str(doom) for doom in _all_dooms() if doom not in came]
    return found + [f"no scenario leads to a crash {doom}" for doom in missing]


def real_matrix() -> list[str]:
    """SIGKILL at every point that a real market leads to, life after life; prints the table, returns the audit's findings."""
    became: dict[Doom, str] = {}
    with real_bot(SETTINGS) as bot:
        every = list(dooms())
        launches = int((len(every) + 4) * LIFE_AT_MOST_S * 1000 / LAUNCH_GAP_MS)
        market = ("--market", str(write_busy_market(bot.directory / "busy.csv", launches)))
        for doom in every:
            died = die_at(bot, market, doom)
            left = ", ".join(sorted(set(bot.unresolved_intents().values()))) or "nothing"
            became[doom] = f"killed, {left} on its way" if died else NOT_REACHED
            print(f"{doom}: {became[doom]}", flush=True)
        bot.start(*market)
        bot.until_open()
        bot.snipers_off()
        bot.until_flat(within_s=FLAT_WITHIN_S)
        bot.stop()
        books = read_books(bot.directory)
        found = findings(books, read_evidence(bot.directory, [row["address"] for row in books.wallets]))
    _print("on the real chain and PostgreSQL", became)
    return found + [f"no life came to a crash {doom}" for doom, what in became.items() if what == NOT_REACHED]


def _all_dooms() -> list[Doom]:
    return [Doom(point, after) for point in points() for after in (False, True)]


def _print(where: str, became: Mapping[Doom, str]) -> None:
    print(f"\nThe crash matrix {where}\n" + ROW.format("point", "before", "after"))
    for point in points():
        before, after = (became.get(Doom(point, when), "-") for when in (False, True))
        print(ROW.format(point, before, after))
    print(flush=True)
