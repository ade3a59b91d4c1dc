"""Other people's wallets with a past: what they won before anybody looked, as the store would have recorded it."""

from __future__ import annotations

from bot.ports import Store, TrackedWallet, User, WalletSignal
from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL

HOLD_S = 300


async def has_won(store: Store, address: str, now_ms: int, *, rounds: int = 40, times: int = 2) -> None:
    """So many rounds within the last day, each of which brought `times` what it cost, or nothing for none."""
    for number in range(rounds):
        at_s = now_ms // 1000 - 80_000 + number * 1_000
        for place, side, lamports in ((0, Side.BUY, LAMPORTS_PER_SOL), (1, Side.SELL, times * LAMPORTS_PER_SOL)):
            slot = 2 * number + place
            signal = WalletSignal(
                address, f"Past{number}", side, 1_000, lamports, slot, at_s + place * HOLD_S, f"{address}-{slot}"
            )
            assert await store.record_signal(signal)


async def follows(store: Store, user: User, *addresses: str) -> None:
    """Have a user follow wallets, which he calls leader-1 and so on."""
    for number, address in enumerate(addresses, start=1):
        await store.track(TrackedWallet(user.id, address, f"leader-{number}", 0))
