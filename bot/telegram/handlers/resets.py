"""Virtual wallets set back to what they began with. Their books stay: what was added or taken away is an entry like any other."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ports import Store, Wallet
from bot.telegram.parsing import UsageError
from bot.telegram.words import mode_label
from bot.trading.intent import Mode
from bot.trading.ledger import Entry, EntryKind, legs_of_outside
from bot.trading.units import counted, format_sol

EVIDENCE = "its user set the virtual wallet back"
MOVED_ON = "something of that wallet was booked in this moment; send it again"


@dataclass(frozen=True, slots=True)
class WalletResets:
    """`start_lamports` is what every virtual wallet begins with."""

    store: Store
    start_lamports: int

    async def reset(self, wallet: Wallet, *, agreed: bool) -> str:
        """Set one back, where nothing of it is held or on its way; raises UsageError. Without a yes it is only explained."""
        if wallet.mode is Mode.LIVE:
            raise UsageError(f"{wallet.name} holds money, and only virtual wallets are set back")
        label, start = mode_label(wallet.mode.value), format_sol(self.start_lamports)
        await self._refuse_while_in_use(wallet)
        ledger = await self.store.wallet_ledger(wallet.id)
        if ledger.opened_slot is None or ledger.booked_lamports == self.start_lamports:
            return f"{label} {wallet.name} holds the {start} SOL of play money that it began with."
        if not agreed:
            return (
                f"{label} {wallet.name} holds {format_sol(ledger.booked_lamports)} SOL of play money. /wallets reset"
                f" {wallet.name} yes sets it back to {start} SOL; its history and results stay, with the difference as an entry"
                " of its own that is no gain and no loss."
            )
        missing = self.start_lamports - ledger.booked_lamports
        kind = EntryKind.DEPOSIT if missing > 0 else EntryKind.OUTFLOW
        entry = Entry(kind, wallet.id, legs_of_outside(missing), evidence=EVIDENCE)
        if not await self.store.book([entry], booked_lamports=ledger.booked_lamports):
            raise UsageError(MOVED_ON)
        return f"{label} {wallet.name} holds {start} SOL of play money again. Its history and results stay."

    async def _refuse_while_in_use(self, wallet: Wallet) -> None:
        held = [one for one in await self.store.open_positions(wallet.user_id) if one.wallet_id == wallet.id]
        if held:
            raise UsageError(f"{wallet.name} holds {counted(len(held), 'open position')}; sell what it holds first")
        moving = [one for one, _ in await self.store.in_flight() if one.request.wallet_id == wallet.id]
        if moving or await self.store.unfinal(1, wallet.id):
            raise UsageError(
                f"an order of {wallet.name} is on its way or not final yet; send it again in half a minute"
            )
