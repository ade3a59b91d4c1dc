"""One part of a recorded market through the whole bot: the same actors and the same road of money, on virtual time."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar, cast

import msgspec
import structlog
import trio
from trio.testing import MockClock

from actors.runtime import Report
from bot.adapters import Adapters, MarketRules
from bot.alarm import Alarm
from bot.backtest.baselines import BUY_ALL, RANDOM, Baseline
from bot.backtest.feed import Feed, Pace
from bot.backtest.market import RecordedMarket
from bot.backtest.parameters import ParameterSet
from bot.backtest.punctual_paper import PunctualPaper
from bot.backtest.recorded_chain import NoHistory, RecordedChain
from bot.backtest.seeded import seeded_scheduling
from bot.backtest.told import Told
from bot.backtest.trades import Played, played_by
from bot.chain.base58 import encode
from bot.chain.paper_books import PaperBooks
from bot.chain.paper_rules import LandingModel
from bot.clock import Clock, virtual_clock
from bot.commands import CONSENT_VERSION
from bot.console import ConsoleMessenger
from bot.errors import BotError
from bot.execution.entry_model import ChosenModel, chosen_model
from bot.execution.policy import Policy
from bot.ports import Chain, SealedKey, Store, User, Wallet
from bot.settings import Settings
from bot.shutdown import open_tree
from bot.signing_bounds import signing_bounds
from bot.storage.memory import MemoryStore
from bot.storage.memory_halt import MemoryHalt
from bot.supervision.sections import SHIPPED, load, outage_rules
from bot.trading.intent import Mode
from bot.trading.launch import TokenLaunch
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.roles import Role
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.vault.guard import SigningGuard
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from bot.vault.unsigned_vault import UnsignedVault

WARM_UP_MS = 60_000  # before the first event: the bot starts, compares its books and opens entries
START_LAMPORTS = 10_000 * LAMPORTS_PER_SOL  # so that nobody's trades end because his money has; results are of trades
AFTER_LAST_S = 10.0  # for an order of the last opinion to be on its way
AFTER_MAX_HOLD_S = 300.0
DRAINED_EVERY_S = 5.0
NO_MORE = 1 << 60
TROUBLES_MAX = 20

T = TypeVar("T")
Read = Callable[[Store, Chain, User], Awaitable[T]]


def _policy() -> Policy:
    """The operator's limits of a day and of positions are those of a service; a set has its own."""
    ceilings = Ceilings(max_daily_loss_lamports=NO_MORE, max_open_positions=100_000)
    return Policy(ceilings=ceilings, probe_interval_s=30.0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a backtest is played under; the defaults are those of profile paper.

    `buy_all_bps` and `random_bps` are the shares of all tokens that the two baselines buy, 0 for none of them. `model_folder` has
    the model that launches are judged by, where one is used.
    """

    landing: LandingModel = field(default_factory=LandingModel)
    observe_s: float = 6.0
    seed: int = 1
    buy_all_bps: int = 1_000
    random_bps: int = 200
    policy: Policy = field(default_factory=_policy)
    model_folder: Path | None = None


def nothing_heard(told: Told) -> None:  # noqa: ARG001 - nobody follows
    return


def play(
    market: RecordedMarket,
    sets: Sequence[ParameterSet],
    terms: Terms,
    *,
    heard: Callable[[Told], None] = nothing_heard,
    pace: Pace | None = None,
) -> list[Played]:
    """What each set and each baseline did in the market. Nothing of it hangs on the machine, its load or `pace`."""
    troubles: list[str] = []
    found = read_virtually(market, sets, terms, played_by, troubles, heard=heard, pace=pace)
    return [msgspec.structs.replace(one, troubles=tuple(troubles[:TROUBLES_MAX])) for one in found]


def read_virtually(
    market: RecordedMarket,
    sets: Sequence[ParameterSet],
    terms: Terms,
    read: Read[T],
    troubles: list[str],
    *,
    heard: Callable[[Told], None] = nothing_heard,
    pace: Pace | None = None,
) -> list[T]:
    """Play on virtual time and the store's twin; what `read` finds of each set and baseline. `troubles` takes what went wrong."""
    store = cast(Store, MemoryStore())
    clock = MockClock(rate=0.0, autojump_threshold=0.0)
    with seeded_scheduling(terms.seed), quiet(troubles):
        return trio.run(Play(market, tuple(sets), terms, heard, pace, troubles, store, read).run, clock=clock)


@dataclass(slots=True)
class Play(Generic[T]):
    """One part, and the world in which it is played on the clock that trio has; made anew for each.

    `time_s` is that clock for whoever asks from another thread, as a store's may.
    """

    market: RecordedMarket
    sets: tuple[ParameterSet, ...]
    terms: Terms
    heard: Callable[[Told], None]
    pace: Pace | None
    troubles: list[str]
    store: Store
    read: Read[T]
    time_s: Callable[[], float] = trio.current_time
    baselines: list[Baseline] = field(default_factory=list)

    async def run(self) -> list[T]:
        clock = virtual_clock(self.time_s, epoch_ms=self.market.first_ms - WARM_UP_MS, seed=self.terms.seed)
        chain = RecordedChain(clock)
        people = [(await _user(self.store, one.name, one.settings))[0] for one in self.sets]
        async with trio.open_nursery() as nursery:
            self.baselines = await _baselines(self.store, self.sets, self.terms, clock, nursery)
            people += [one.user for one in self.baselines]
            feed = Feed(self.market.told(), chain, clock, self._hear)
            if self.pace is not None:
                feed.pace = self.pace
            bot = self._bot(feed, nursery)
            for baseline in self.baselines:
                baseline.desk = bot.desk
            async with open_tree(bot.spec(_no_door, None), partial(self._report, bot)) as root:
                await bot.began(root)
                await _opened(bot, clock, self.market.first_ms)
                await feed.finished.wait()
                await self._drain(bot)
                bot.guard.stop_entries()
                found = [await self.read(self.store, chain, user) for user in people]
            nursery.cancel_scope.cancel()
        return found

    def _hear(self, told: Told) -> None:
        if isinstance(told.event, TokenLaunch):
            for baseline in self.baselines:
                baseline.launched(told.mint)
        self.heard(told)

    def _report(self, bot: TradingBot, report: Report) -> None:
        if report.leaves:
            self.troubles.append(f"{report.path}: {report.kind}: {report.leaves[0]!r}")
        bot.failures.report(report)

    def _bot(self, feed: Feed, nursery: trio.Nursery) -> TradingBot:
        store, clock = self.store, feed.clock
        books = PaperBooks(store, START_LAMPORTS)
        paper = PunctualPaper(feed.chain, books, self.terms.landing, clock, apart=True, nursery=nursery)
        # Nobody's key exists here, and the vault signs nothing of mode paper.
        guard = SigningGuard(signing_bounds(Settings(), is_local=True), clock)
        vault = UnsignedVault(LocalVault(MasterKey("backtest", bytes(32)), guard))
        supervision = load(SHIPPED, "paper")
        rules = MarketRules(model=used_model(self.terms.model_folder))
        return TradingBot(
            Adapters(store, paper, feed, NoHistory(), vault, clock, market_rules=rules),
            self.terms.policy,
            supervision,
            self.terms.observe_s,
            ConsoleMessenger(_unheard),
            outage_rules(supervision),
            MemoryHalt(),
            Alarm(self.troubles.append),
        )

    async def _drain(self, bot: TradingBot) -> None:
        """Until the last tokens were judged and everything is sold that a time of its own sells; what has none stays open."""
        await trio.sleep(self.terms.observe_s + AFTER_LAST_S)
        held_s = max((one.settings.max_hold_s or 0 for one in self.sets), default=0)
        deadline_s = trio.current_time() + held_s + AFTER_MAX_HOLD_S
        while await self.store.open_positions() or bot.in_flight.all():
            if trio.current_time() >= deadline_s:
                return
            await trio.sleep(DRAINED_EVERY_S)


def used_model(folder: Path | None) -> ChosenModel:
    """The model of a folder, or none; raises BotError for one that a bot would refuse: it would trade by the rules instead."""
    chosen = chosen_model(folder)
    if chosen.refused:
        raise BotError(f"{folder}: the model is refused: {chosen.refused}")
    return chosen


def _unheard(line: str) -> None:  # noqa: ARG001 - nobody is at the console of a backtest
    return


async def _no_door(ready: Callable[[], None]) -> None:
    ready()
    await trio.sleep_forever()


async def _opened(bot: TradingBot, clock: Clock, first_ms: int) -> None:
    """Wait until entries are open; raises BotError for a bot that would sleep through the beginning of the market."""
    while not (bot.guard.state == "OPEN" and bot.reconciler.reconciled):
        if clock.now_ms() >= first_ms:
            raise BotError("the bot did not open for entries before the market began; this is an error of the backtest")
        await trio.sleep(0.1)


def _address(name: str) -> str:
    return encode(hashlib.sha256(f"backtest {name}".encode()).digest())


async def _user(store: Store, name: str, settings: UserSettings) -> tuple[User, Wallet]:
    user = User(f"user {name}", name, None, Mode.PAPER, CONSENT_VERSION)
    wallet = Wallet(f"wallet {name}", user.id, _address(name), Mode.PAPER)
    await store.create_user(user, wallet, SealedKey("backtest", b"", b""), settings)
    return user, wallet


async def _baselines(
    store: Store, sets: Sequence[ParameterSet], terms: Terms, clock: Clock, nursery: trio.Nursery
) -> list[Baseline]:
    """They size and leave as the first set does, and know no limit of a day."""
    settings = replace(
        sets[0].settings,
        snipe_enabled=False,
        daily_loss_limit_lamports=NO_MORE,
        max_positions=None,
        role=Role.ADMIN,
        check_honeypots=False,
        min_curve_lamports=0,
    )
    found = []
    for name, share_bps in ((BUY_ALL, terms.buy_all_bps), (RANDOM, terms.random_bps)):
        if share_bps:
            user, wallet = await _user(store, name, settings)
            found.append(
                Baseline(
                    name=name,
                    user=user,
                    wallet=wallet,
                    settings=settings,
                    share_bps=share_bps,
                    after_s=terms.observe_s,
                    clock=clock,
                    nursery=nursery,
                )
            )
    return found


@contextmanager
def quiet(troubles: list[str]) -> Iterator[None]:
    """Events of level error are kept as troubles, everything else is dropped: millions of lines help nobody."""

    def keep(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        troubles.append(" ".join(f"{key}={value}" for key, value in sorted(event.items()))[:300])
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)
