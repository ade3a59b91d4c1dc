"""Users who follow others: they copy leaders, by the words of the command, leave them, and have the automated trader buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.execution.copy_book import Fate
from bot.ports import TrackedWallet, User, Wallet
from bot.telegram.handlers.copy_terms import terms_of
from bot.trading.copying import CopyRule
from bot.trading.units import LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.events import Event
from tests.simulation.plan_doings import LEADERS
from tests.simulation.world import DoorWorld
from tests.whole.crowd import Crowd
from tests.whole.leaders import has_won

Owner = tuple[User, Wallet]


async def leaders_have_won(world: DoorWorld, crowd: Crowd) -> None:
    """What the scanners of an earlier day have recorded, so that leaders have a score."""
    for leader in LEADERS:
        await has_won(world.store, crowd.address(leader), world.clock.now_ms())


async def copies(world: DoorWorld, bot: TradingBot, users: Sequence[Owner], crowd: Crowd, event: Event) -> None:
    """Copy a trader, or the next user, who may copy this one: two such commands at once are a circle.

    The rule's id follows from who copies whom and when, as that of a command follows from the command.
    """
    user, wallet = users[event.user]
    other, others_wallet = users[(event.user + 1) % len(users)]
    is_user = event.trader not in LEADERS
    terms = terms_of(event.name.split())
    rule = CopyRule(
        id=f"rule-{event.user}-{event.trader}-{event.at_s}",
        code=f"{event.user}{event.trader}",
        user_id=user.id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        leader=others_wallet.address if is_user else crowd.address(event.trader),
        label="a leader",
        sizing=terms.sizing,
        amount=terms.amount,
        caps=terms.caps,
        filter=terms.filter,
        since_ms=world.clock.now_ms(),
        leader_user_id=other.id if is_user else None,
    )
    await bot.hunt.copies.book.begin(rule)


async def copies_no_more(bot: TradingBot, user: User, event: Event) -> None:
    """Leave the leader who has been copied longest, and say what becomes of open copies."""
    if rules := await bot.adapters.store.copy_rules(user.id):
        await bot.hunt.copies.book.stop(rules[0], Fate(event.name), "enough")


async def auto_starts(bot: TradingBot, user: User, crowd: Crowd, event: Event) -> None:
    """Follow the leaders, and have bought what so many of them buy."""
    store = bot.adapters.store
    for leader in LEADERS:
        await store.track(TrackedWallet(user.id, crowd.address(leader), f"leader-{leader}", 0))
    await bot.hunt.tracking_changed()
    before = await store.auto_plan(user.id)
    wanted = {"entry_lamports": LAMPORTS_PER_SOL // 40, "min_confidence_bps": 2_000, "min_wallets": event.amount}
    await store.save_auto_plan(replace(before, is_on=True, epoch=before.epoch + 1, **wanted))
    await bot.hunt.auto_changed(user.id)


async def auto_stops(bot: TradingBot, user: User) -> None:
    await bot.adapters.store.stop_auto(user.id)
    await bot.hunt.auto_changed(user.id)
