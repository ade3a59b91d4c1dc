"""What a wallet that sells holds: ten sales of one wallet within a slot look once, because nothing else shows it sooner."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from bot.execution.in_flight import InFlight
from bot.ports import Chain, Wallet, WalletBalances

# Confirmed balances change once a slot: a look that is younger shows what another one would.
SLOT_S = 0.4


@dataclass(frozen=True, slots=True)
class _Look:
    asked_s: float
    outcomes: int
    balances: WalletBalances


@dataclass(slots=True)
class ExitBalances:
    """Shared by the exits of all wallets; each wallet's own come one after the other."""

    chain: Chain
    in_flight: InFlight
    _looks: dict[str, _Look] = field(default_factory=dict)

    async def of(self, wallet: Wallet, mint: str) -> WalletBalances:
        """The wallet's lamports and what it holds of the token, as they are asked now or were asked within a slot.

        It is asked anew once an attempt of the wallet has had its outcome since, and for a token that the look did not
        show. Raises ChainUnavailable.

        A sale looks once, here: the amount that it sells, whether that is all, and what is left for its fee. It is a look
        and not what the books say, since a sale of what is no longer there would fail and pay for it.
        """
        now_s, outcomes = trio.current_time(), self.in_flight.outcomes(wallet.id)
        for address in [address for address, look in self._looks.items() if now_s - look.asked_s >= SLOT_S]:
            del self._looks[address]
        look = self._looks.get(wallet.address)
        if look is not None and look.outcomes == outcomes and look.balances.token_raw.get(mint):
            return look.balances
        balances = await self.chain.holding(wallet.address, mint)
        self._looks[wallet.address] = _Look(now_s, outcomes, balances)
        return balances
