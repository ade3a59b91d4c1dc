"""What a wallet must hold by what is known of it, so that an answer which shows less or more is not believed at once. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from bot.ports import WalletBalances
from bot.trading.failures import TOO_LITTLE_THERE
from bot.trading.fill import LandedTransaction

MAX_WALLETS = 4_096
REMEMBERED_LANDINGS = 256


@dataclass(slots=True)
class _Known:
    """The latest look that was believed, with what the wallet's own transactions did after it."""

    slot: int
    lamports: int
    token_raw: dict[str, int]
    is_witnessed: bool
    landed: OrderedDict[str, None] = field(default_factory=OrderedDict)


class KnownHoldings:
    """Remembers each wallet's latest believed look and adds its own landed transactions, each once."""

    def __init__(self) -> None:
        self._wallets: OrderedDict[str, _Known] = OrderedDict()
        self._newest_landing: OrderedDict[str, int] = OrderedDict()  # slot by address
        self._doubted: OrderedDict[str, int] = OrderedDict()  # the slot of the newest landing by then

    def least_slot(self, address: str) -> int:
        """A look from before this slot would not show what is known already; 0 where nothing is."""
        known = self._wallets.get(address)
        return max(known.slot if known else 0, self._newest_landing.get(address, 0))

    def is_known(self, address: str) -> bool:
        return address in self._wallets

    def is_witnessed(self, address: str) -> bool:
        """Whether what is known of a wallet began with what two endpoints showed."""
        known = self._wallets.get(address)
        return known is not None and known.is_witnessed

    def shows_less(self, address: str, look: WalletBalances, *, only: str | None = None) -> bool:
        """Whether a look lacks lamports or tokens that nothing known took from the wallet.

        `only` is the mint of a look at one token, which says nothing of the others.
        """
        known = self._wallets.get(address)
        if known is None:
            return look.lamports == 0
        if look.lamports < known.lamports:
            return True
        expected = known.token_raw.items() if only is None else [(only, known.token_raw.get(only, 0))]
        return any(look.token_raw.get(mint, 0) < amount for mint, amount in expected)

    def shows_more(self, address: str, look: WalletBalances, *, only: str | None = None) -> bool:
        """Whether a look has lamports or tokens that nothing known brought; `only` compares the tokens of one mint alone."""
        known = self._wallets.get(address)
        if known is None:
            return False
        if only is None and look.lamports > known.lamports:
            return True
        shown = look.token_raw.items() if only is None else [(only, look.token_raw.get(only, 0))]
        return any(amount > known.token_raw.get(mint, 0) for mint, amount in shown)

    def is_as_known(self, address: str, look: WalletBalances) -> bool:
        """Whether a look shows exactly what is known of its wallet; nothing is as known of one that is not known."""
        return self.is_known(address) and not self.shows_less(address, look) and not self.shows_more(address, look)

    def proven_of(self, address: str, look: WalletBalances) -> WalletBalances:
        """Of what a look shows no more than is known; of a wallet that is not known all of it."""
        known = self._wallets.get(address)
        if known is None:
            return look
        token_raw = {mint: min(amount, known.token_raw.get(mint, 0)) for mint, amount in look.token_raw.items()}
        return replace(look, lamports=min(look.lamports, known.lamports), token_raw=token_raw)

    def doubt(self, address: str) -> None:
        """What is known of a wallet was proved wrong; the next look at it needs a second endpoint, whatever it shows."""
        self._wallets.pop(address, None)
        self._doubted[address] = self._newest_landing.get(address, 0)
        if len(self._doubted) > MAX_WALLETS:
            self._doubted.popitem(last=False)

    def is_doubted(self, address: str) -> bool:
        """Whether what was known of a wallet was proved wrong, and no sale of its has succeeded since."""
        return address in self._doubted

    def believe(self, address: str, look: WalletBalances) -> None:
        """Take a look as what the wallet holds at its slot; one that is older than what is known changes nothing."""
        known = self._wallets.get(address)
        if known is not None and look.slot < known.slot:
            return
        landed = known.landed if known else OrderedDict[str, None]()
        self._wallets[address] = _Known(look.slot, look.lamports, dict(look.token_raw), look.is_witnessed, landed)
        self._wallets.move_to_end(address)
        while len(self._wallets) > MAX_WALLETS:
            self._wallets.popitem(last=False)

    def add(self, address: str, mint: str, landed: LandedTransaction) -> None:
        """Note what one transaction of the wallet did; told twice, or older than the latest look, it changes nothing.

        The look keeps its slot: another transaction of the wallet may have landed between the two. One that failed for
        want of what was known to be there says that this was wrong.
        """
        self._newest_landing[address] = max(self._newest_landing.get(address, 0), landed.slot)
        self._newest_landing.move_to_end(address)
        while len(self._newest_landing) > MAX_WALLETS:
            self._newest_landing.popitem(last=False)
        known = self._wallets.get(address)
        if known is not None and landed.signature in known.landed:
            return
        if landed.program_error in TOO_LITTLE_THERE:
            self.doubt(address)
            return
        if landed.token_delta_raw < 0 and landed.slot > self._doubted.get(address, landed.slot):
            del self._doubted[address]
        if known is None:
            return
        known.landed[landed.signature] = None
        if len(known.landed) > REMEMBERED_LANDINGS:
            known.landed.popitem(last=False)
        if landed.slot <= known.slot:
            return
        known.lamports += landed.wallet_delta_lamports
        known.token_raw[mint] = known.token_raw.get(mint, 0) + landed.token_delta_raw
