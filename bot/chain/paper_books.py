"""What virtual wallets hold: the ledger and the open positions of their rows, and what has landed since those were written.

The rows are the only record. A restart reads the balances from them; nothing else is kept anywhere.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from bot.chain.paper_rules import Outcome, Purse
from bot.errors import ChainUnavailable, StoreUnavailable
from bot.ports import Store, Wallet
from bot.trading.intent import Mode

READS = 3  # a settlement may come between two looks at the rows; so many in a row do not


@dataclass(frozen=True, slots=True)
class Landing:
    """A paper order that has landed: its attempt's name, its wallet's address and mint, where, and what it did."""

    signature: str
    address: str
    mint: str
    slot: int
    block_time_ms: int
    landed_at_s: float
    network_fee_lamports: int
    outcome: Outcome


@dataclass(slots=True)
class PaperBooks:
    """Reads of the virtual wallets of one mode. `start_lamports` is what a wallet holds whose books have not begun."""

    store: Store
    start_lamports: int
    mode: Mode = Mode.PAPER
    _wallets: dict[str, Wallet] = field(default_factory=dict)
    _unbooked: dict[str, Landing] = field(default_factory=dict)  # by signature: landed, and not seen in the ledger yet
    _seen: dict[str, tuple[Purse, frozenset[str]]] = field(default_factory=dict)  # the last look, and what it had in it

    def landed(self, landing: Landing) -> None:
        """Count a landing until the rows have it."""
        self._unbooked[landing.signature] = landing

    async def wallet(self, address: str) -> Wallet | None:
        """The virtual wallet of an address; None for one that is not ours. Raises StoreUnavailable."""
        if address not in self._wallets:
            wallets = await self.store.wallets()
            self._wallets = {wallet.address: wallet for wallet in wallets if wallet.mode is self.mode}
        return self._wallets.get(address)

    async def purse(self, wallet: Wallet) -> Purse:
        """What the wallet holds now. While the rows cannot be read it is the last look and what has landed since.

        Raises ChainUnavailable where there was no look yet.
        """
        try:
            return await self._read(wallet)
        except StoreUnavailable as error:
            known = self._seen.get(wallet.address)
            if known is None:
                raise ChainUnavailable(f"the virtual wallet's rows cannot be read: {error}") from error
            return self._with(known[0], wallet.address, without=known[1])

    async def _read(self, wallet: Wallet) -> Purse:
        for _ in range(READS):
            before = await self._booked_landings(wallet.address)
            ledger = await self.store.wallet_ledger(wallet.id)
            positions = await self.store.open_positions(wallet.user_id)
            booked = await self._booked_landings(wallet.address)
            if booked != before:
                continue
            lamports = ledger.booked_lamports + (self.start_lamports if ledger.opened_slot is None else 0)
            held = {
                row.mint: row.token_raw
                for row in positions
                if (row.wallet_id, row.mode) == (wallet.id, self.mode) and row.token_raw
            }
            # Only what this look has in it is forgotten: the next one may have to do with it and what has landed since.
            for signature in booked:
                self._unbooked.pop(signature, None)
            purse = self._with(Purse(lamports, held), wallet.address)
            self._seen[wallet.address] = (purse, frozenset(self._landings_of(wallet.address)))
            return purse
        raise ChainUnavailable("the virtual wallet's rows were written while they were read; ask again")

    async def _booked_landings(self, address: str) -> set[str]:
        """Those of the wallet's landings, not known to be in its ledger so far, that are in it now."""
        return {signature for signature in self._landings_of(address) if await self._is_booked(signature)}

    def _landings_of(self, address: str) -> list[str]:
        return [one.signature for one in self._unbooked.values() if one.address == address]

    async def _is_booked(self, signature: str) -> bool:
        for intent_id in await self.store.orders_of(signature):
            story = await self.store.order_story(intent_id)
            if story is not None and any(booked.entry.signature == signature for booked in story.booked):
                return True
        return False

    def _with(self, purse: Purse, address: str, without: Collection[str] = ()) -> Purse:
        for landing in list(self._unbooked.values()):
            if landing.address == address and landing.signature not in without:
                purse = purse.after(landing.mint, landing.outcome)
        return purse
