"""Orders of a user that wait for a price or come again, as a plan draws them."""

from __future__ import annotations

from bot.ports import User, Wallet
from bot.trading.standing import OPEN_MAX, StandingKind, StandingOrder, cancelled
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.simulation.events import Event
from tests.simulation.world import DoorWorld

KINDS = (StandingKind.LIMIT_BUY, StandingKind.LIMIT_SELL, StandingKind.DCA, StandingKind.BREAKOUT_BUY)
CAP_LAMPORTS = 28 * LAMPORTS_PER_SOL  # what a fresh curve is worth, near which most limits lie
EVERY_MS = 6_000


async def stands(world: DoorWorld, bot: TradingBot, owner: tuple[User, Wallet], mint: str | None, event: Event) -> None:
    """Place one of a token that is there; its kind and how far its price lies from a fresh curve's are the event's."""
    if mint is None:
        return
    user, wallet = owner
    kind, now_ms = KINDS[event.trader % len(KINDS)], world.clock.now_ms()
    code = f"{len(world.store._standings) + 1:08}"
    is_sale = kind is StandingKind.LIMIT_SELL
    order = StandingOrder(
        id=f"standing-{code}",
        code=code,
        user_id=user.id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        kind=kind,
        mint=mint,
        price_lamports=0 if kind is StandingKind.DCA else CAP_LAMPORTS * event.amount // BPS,
        created_at_ms=now_ms,
        due_at_ms=now_ms,
        spend_lamports=0 if is_sale else LAMPORTS_PER_SOL // 20,
        token_raw=10**11 if is_sale else 0,
        turns=3 if kind is StandingKind.DCA else 1,
        interval_ms=EVERY_MS if kind is StandingKind.DCA else 0,
    )
    if await bot.adapters.store.place_standing(order, most_open=OPEN_MAX):
        await bot.hunt.standing_changed(order.id)


async def takes_back(world: DoorWorld, bot: TradingBot, user: User) -> None:
    """Take back the newest of a user's orders that wait."""
    if waiting := await bot.adapters.store.standing_orders(user.id):
        newest = max(waiting, key=lambda order: order.code)
        await bot.adapters.store.move_standing(cancelled(newest, world.clock.now_ms()))
        await bot.hunt.standing_changed(newest.id)
