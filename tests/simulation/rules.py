"""Rules that chance would seldom try: two turns of one wallet at once, and one position that cannot be sold.

Each plays a short scene in virtual time and says what was wrong, or nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import trio
from solders.account import Account
from solders.pubkey import Pubkey

from bot.errors import ChainUnavailable, StoreUnavailable
from bot.localnet.addresses import bonding_curve
from bot.ports import Submitted
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.trading_state import Halt
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.determinism import run_seeded
from tests.simulation.doors import Call, Life
from tests.simulation.world import DoorWorld, make_door_world
from tests.whole.crowd import Crowd
from tests.whole.ledgers import exact
from tests.whole.test_one_trade import order
from tests.whole.virtual import open_for_entries

CALM = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 20
FLAT_WITHIN_S = 60.0
SEED = 1


def two_turns_at_once_keep_the_limits() -> str:
    """The gate and the intent are one transaction: even without the executor's turn a limit of one position holds."""
    said: list[str] = []

    async def scene(world: DoorWorld, bot: TradingBot) -> None:
        crowd = Crowd(world.chain)
        user, wallet = await world.user("demo-1", CALM)
        mints = [crowd.launch(), crowd.launch()]
        await trio.sleep(2)

        async def buy(mint: str) -> None:
            request = order(user, wallet, mint, key=mint, spend_lamports=SPEND_LAMPORTS)
            if isinstance(await bot.desk.pipeline.submit(request, wallet), Submitted):
                said.append(mint)

        async with trio.open_nursery() as nursery:
            for mint in mints:
                nursery.start_soon(buy, mint)

    _play(scene, Ceilings(max_open_positions=1))
    return "" if len(said) == 1 else f"{len(said)} of two buys at once were admitted where one position is the limit"


def what_cannot_be_sold_holds_up_nothing_else() -> str:
    """A flatten sells every position that can be sold, whatever is wrong with the one before it."""
    left: list[str] = []

    async def scene(world: DoorWorld, bot: TradingBot) -> None:
        crowd = Crowd(world.chain)
        user, wallet = await world.user("demo-1", replace(CALM, max_position_lamports=LAMPORTS_PER_SOL))
        mints = [crowd.launch() for _ in range(3)]
        await trio.sleep(2)
        for mint in mints:
            await bot.desk.submit(order(user, wallet, mint, key=mint, spend_lamports=SPEND_LAMPORTS))
            await trio.sleep(3)
        _spoil(world, mints[0])
        bot.guard.latch(Halt("operator", world.clock.now_ms(), "operator", "a drill"))
        await trio.sleep(FLAT_WITHIN_S)
        held = [row.mint for row in await world.store.open_positions()]
        left.extend(mint for mint in mints[1:] if mint in held)

    _play(scene, Ceilings())
    return f"still held after a flatten: {left}" if left else ""


def a_pause_that_comes_while_a_buy_is_judged_binds_it() -> str:
    """The gate has the last word: what was open when the order came may be paused when it is admitted."""
    said: list[str] = []

    async def scene(world: DoorWorld, bot: TradingBot) -> None:
        crowd = Crowd(world.chain)
        user, wallet = await world.user("demo-1", CALM)
        mint = crowd.launch()
        await trio.sleep(2)
        world.life.watches = (_PausesOn("balances", bot),)
        await bot.desk.submit(order(user, wallet, mint, spend_lamports=SPEND_LAMPORTS))
        if world.store._intents:
            said.append("a buy was admitted though entries had been paused since it was asked for")

    _play(scene, Ceilings())
    return "; ".join(said)


@dataclass(frozen=True, slots=True)
class _PausesOn:
    """An operator who pauses entries whenever the bot asks this of a port."""

    method: str
    bot: TradingBot

    async def before(self, call: Call) -> None:
        if call.method == self.method:
            self.bot.guard.pause("operator", by="operator", why="a drill")

    async def after(self, call: Call, answer: Any) -> None:
        return


def books_wait_for_orders_on_their_way() -> str:
    """A sale that has landed and cannot be settled yet is no difference between books and chain, and keeps nobody from
    comparing them."""
    adjusted: list[str] = []

    async def scene(world: DoorWorld, bot: TradingBot) -> None:
        crowd = Crowd(world.chain)
        user, wallet = await world.user("demo-1", CALM)
        mint = crowd.launch()
        await trio.sleep(2)
        await bot.desk.submit(order(user, wallet, mint, key="in", spend_lamports=SPEND_LAMPORTS))
        await trio.sleep(3)
        await exact(bot, world)
        world.life.watches = (_SettlesNothing(adjusted),)
        await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        await trio.sleep(2)
        since_ms = world.clock.now_ms()
        bot.supervisor("money").kill("reconciler")  # the next one compares every wallet until it agrees
        await trio.sleep(5)
        state = bot.reconciler.ledgers()
        if state.exact != 1 or (state.checked_at_ms or 0) <= since_ms:
            adjusted.append(f"what the sale did is not told from a difference: {state}")

    _play(scene, Ceilings())
    return "; ".join(adjusted)


def a_read_that_fails_says_nothing_of_what_a_wallet_holds() -> str:
    """While nobody says what a wallet holds its positions stay as they are, though all else can be asked."""
    adjusted: list[str] = []

    async def scene(world: DoorWorld, bot: TradingBot) -> None:
        user, wallet = await world.user("demo-1", CALM)
        mint = Crowd(world.chain).launch()
        await trio.sleep(2)
        await bot.desk.submit(order(user, wallet, mint, key="in", spend_lamports=SPEND_LAMPORTS))
        await trio.sleep(3)
        await exact(bot, world)
        world.life.watches = (_NoBalances(adjusted),)
        for _ in range(4):
            bot.supervisor("money").kill("reconciler")  # the next one compares every wallet until it agrees
            await trio.sleep(10)

    _play(scene, Ceilings())
    return "; ".join(adjusted)


@dataclass(frozen=True, slots=True)
class _NoBalances:
    """A chain that does not say what wallets hold; it notes who adjusts a position all the same."""

    adjusted: list[str]

    async def before(self, call: Call) -> None:
        if call.method == "balances":
            raise ChainUnavailable("nobody says what the wallet holds")
        if call.method == "adjust":
            self.adjusted.append(f"position {call.arguments[0]} is adjusted by a read that failed")

    async def after(self, call: Call, answer: Any) -> None:
        return


@dataclass(frozen=True, slots=True)
class _SettlesNothing:
    """A store that takes no settlement; it notes who adjusts a position instead."""

    adjusted: list[str]

    async def before(self, call: Call) -> None:
        if call.method == "settle":
            raise StoreUnavailable("the database is away for settlements")
        if call.method == "adjust":
            self.adjusted.append(f"position {call.arguments[0]} is adjusted while its sale waits to be settled")

    async def after(self, call: Call, answer: Any) -> None:
        return


def _spoil(world: DoorWorld, mint: str) -> None:
    """Make a token's curve unreadable by decree."""
    accounts = world.chain.cluster.chain.accounts
    key = bonding_curve(Pubkey.from_string(mint))
    account = accounts.get(key)
    assert account is not None
    accounts.put(key, Account(account.lamports, b"\xff" * 8, account.owner, account.executable, account.rent_epoch))


Scene = Callable[[DoorWorld, TradingBot], Awaitable[None]]


def _play(scene: Scene, ceilings: Ceilings) -> None:
    """One life in a world of its own, for as long as the scene takes."""

    async def main() -> None:
        world = make_door_world(SEED)

        async def body(bot: TradingBot) -> None:
            await open_for_entries(bot)
            await scene(world, bot)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.chain.run)
            await world.live(Life(), body, ceilings=ceilings)
            nursery.cancel_scope.cancel()

    run_seeded(SEED, main)


RULES: dict[str, Callable[[], str]] = {
    "two turns at once": two_turns_at_once_keep_the_limits,
    "a pause in between": a_pause_that_comes_while_a_buy_is_judged_binds_it,
    "a read that fails": a_read_that_fails_says_nothing_of_what_a_wallet_holds,
    "books wait": books_wait_for_orders_on_their_way,
    "what cannot be sold": what_cannot_be_sold_holds_up_nothing_else,
}
