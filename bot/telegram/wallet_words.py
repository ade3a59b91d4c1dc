"""What buys from a wallet, in words."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ports import Wallet, wallet_in
from bot.trading.strategy import Strategy

BUYS = {
    Strategy.MANUAL: "what you buy by hand",
    Strategy.SNIPER: "what your sniper buys",
    Strategy.AUTO: "what /limit and /dca buy",
    Strategy.COPY: "what you copy",
}


def bought_from(wallet: Wallet, wallets: Sequence[Wallet]) -> str:
    """What buys from a wallet, as the end of a sentence."""
    used = [words for strategy, words in BUYS.items() if wallet_in(wallets, wallet.mode, strategy).id == wallet.id]
    return ", ".join(used) or "nothing buys from it"
