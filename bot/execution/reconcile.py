"""The chain against the books: what boot and the periodic audit do for each wallet. The chain decides quantities.

A wallet that always has an order on its way is compared like every other: what its unsettled orders are proven to have
done is taken from what the chain shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution.balance_book import BalanceBook
from bot.execution.emptied_book import EmptiedBook
from bot.execution.finality import LANDINGS_AT_ONCE
from bot.execution.in_flight import InFlight
from bot.execution.ledger_audit import LedgerAudit, is_deep
from bot.execution.messages import adjustment_message
from bot.execution.under_way import UnderWay, under_way
from bot.ports import Chain, Store, Wallet, WalletBalances, WalletLedger, WalletMove
from bot.trading.intent import IntentState
from bot.trading.position import Position, PositionState

log = structlog.get_logger()

# Two looks that show the same difference beside an order on its way count when they are this far apart: an endpoint that
# is late with what landed has caught up by then.
BUSY_APART_SLOTS = 32


@dataclass(slots=True)
class Reconciler:
    """Compares one wallet at a time. A difference is acted on only when two looks at the chain in a row agree on it."""

    store: Store
    chain: Chain
    clock: Clock
    in_flight: InFlight
    balances: BalanceBook
    ledgers: LedgerAudit
    emptied: EmptiedBook
    _suspected: dict[str, int] = field(default_factory=dict)

    async def wallet(self, wallet: Wallet) -> bool:
        """Look once; True when positions equal the chain, its ledger has begun and nothing of the wallet is unresolved.

        What others did is looked at first: whatever keeps the rest from being compared, a stolen key freezes its wallet.

        A ledger that differs is told to operators and pauses nobody: limits are held against the chain's own balance.

        Raises ChainUnavailable or StoreUnavailable when a side cannot be asked: then nothing is concluded.
        """
        known = await self.ledgers.read(wallet)
        before, ledger = await self._positions(wallet), await self.store.wallet_ledger(wallet.id)
        look = await self.chain.balances(wallet.address)
        self.balances.looked(wallet, look.lamports, look.slot, self.clock.now_ms())
        self.emptied.looked(wallet.id, look, self.clock.now_ms())
        moving = await under_way(self.store, self.chain, wallet, look.slot)
        if moving is None or not await self._still(wallet, before, ledger):
            return False
        balances = moving.taken_from(look)
        if self._differs(before, ledger, balances) and not await self._stands(wallet):
            return False
        agrees = all([await self._position(wallet, position, balances, moving) for position in before])
        if not agrees and isinstance(known, ChainUnavailable):
            raise known
        if not agrees or await self._positions(wallet) != before:
            return False  # what moved tokens may have moved SOL, and is booked: the next look compares both
        undecided = moving.undecided or wallet.id in self.in_flight.wallet_ids()
        apart_slots = BUSY_APART_SLOTS if undecided or moving.mints else 1
        compared = await self.ledgers.compare(
            wallet, ledger, balances, known, apart_slots=apart_slots, unsettled=moving.mints
        )
        return compared and not undecided

    async def _still(self, wallet: Wallet, before: Sequence[Position], ledger: WalletLedger) -> bool:
        """Whether the books say what they said before the look: what was settled meanwhile may be in it or not."""
        booked_lamports = (await self.store.wallet_ledger(wallet.id)).booked_lamports
        return booked_lamports == ledger.booked_lamports and await self._positions(wallet) == before

    def _differs(self, positions: Sequence[Position], ledger: WalletLedger, balances: WalletBalances) -> bool:
        held = all(balances.token_raw.get(row.mint, 0) == row.token_raw for row in positions)
        return not held or balances.lamports != ledger.booked_lamports

    async def _stands(self, wallet: Wallet) -> bool:
        """Whether the chain has everything of this wallet that is not final where the books have it.

        A difference beside a fill that the network is taking back is that fill's: it is reversed, and never adjusted.
        """
        landed = await self.store.unfinal(LANDINGS_AT_ONCE, wallet.id)
        if not landed:
            return True
        seen = await self.chain.sightings([one.attempt.signature for one in landed])
        if any(one.intent.request.is_sweep and one.intent.request.mint for one in landed):
            log.info(
                "difference_waits_for_finality", wallet=wallet.id
            )  # a position that is ended by a sweep stays ended
            return False
        slots = [one.attempt.landed_slot for one in landed]
        stands = all(
            one.status is not None and one.status.slot == slot
            for slot, sightings in zip(slots, seen, strict=True)
            for one in sightings
        )
        if not stands:
            log.info("difference_waits_for_finality", wallet=wallet.id)
        return stands

    async def _positions(self, wallet: Wallet) -> list[Position]:
        return [row for row in await self.store.open_positions(wallet.user_id) if row.wallet_id == wallet.id]

    async def _position(self, wallet: Wallet, position: Position, balances: WalletBalances, moving: UnderWay) -> bool:
        """Put a position right that two looks in a row show differently; whether it is as the chain shows it.

        While an order of its token is on its way only what a transaction shows is believed.
        """
        held_raw = balances.token_raw.get(position.mint, 0)
        if held_raw == position.token_raw:
            self._suspected.pop(position.id, None)
            return True
        if self._suspected.get(position.id) != held_raw:
            self._suspected[position.id] = held_raw
            return False
        known = [move for move in await self.ledgers.foreign(wallet) if position.mint in move.token_raw]
        moves = _explaining(known, position.mint, held_raw - position.token_raw)
        if not all(is_deep(move, balances) for move in moves):
            return False  # the network may still take it back
        for move in moves:
            position = await self._moved(wallet, position, move)
        del self._suspected[position.id]
        if held_raw == position.token_raw or position.state is not PositionState.OPEN:
            return True
        if position.mint in moving.mints or held_raw < 0:
            return False
        if held_raw > position.token_raw and not balances.is_witnessed:
            return False  # tokens that no transaction brought, on the word of one endpoint
        evidence = f"at slot {balances.slot} the wallet held {held_raw}, the books {position.token_raw}"
        if sweep_id := await self._swept_by(position, position.token_raw - held_raw):
            evidence += f"; sweep {sweep_id} sent them to the safe address of their user"
        log.warning("position_adjusted", position=position.id, mint=position.mint, evidence=evidence)
        await self.store.adjust(
            position.id,
            held_raw,
            evidence=evidence,
            now_ms=self.clock.now_ms(),
            message=adjustment_message(self.clock, position, held_raw, swept=sweep_id is not None),
            sweep_id=sweep_id,
        )
        return True

    async def _swept_by(self, position: Position, missing_raw: int) -> str | None:
        """The sweep that sent so many tokens of a position out, perhaps with others that were in none; None where none did."""
        for intent_id in reversed(await self.store.orders_of(position.id) if missing_raw > 0 else ()):
            intent = await self.store.intent(intent_id)
            if intent is not None and intent.state is IntentState.FILLED and intent.request.is_sweep:
                return intent.id if intent.request.token_raw >= missing_raw else None
        return None

    async def _moved(self, wallet: Wallet, position: Position, move: WalletMove) -> Position:
        """Adopt what one transaction that is no order of ours did to a position, with what it brought.

        One that takes the wallet's key freezes it first, so that a crash in between freezes it again.
        """
        left_raw = max(0, position.token_raw + move.token_raw[position.mint])
        if position.state is not PositionState.OPEN or left_raw == position.token_raw:
            return position
        if move.used_the_key:
            await self.ledgers.freeze(wallet, [move])
        evidence = (
            f"transaction {move.signature} in slot {move.slot}, which is no order of ours, left {left_raw} of"
            f" {position.token_raw} tokens and changed the wallet by {move.lamports} lamports"
        )
        log.warning("position_moved_outside", position=position.id, mint=position.mint, evidence=evidence)
        return await self.store.adjust(
            position.id,
            left_raw,
            evidence=evidence,
            now_ms=self.clock.now_ms(),
            message=adjustment_message(self.clock, position, left_raw, move),
            by=move,
        )


def _explaining(moves: Sequence[WalletMove], mint: str, difference_raw: int) -> Sequence[WalletMove]:
    """The newest moves that together are the difference; without such, those that took tokens or brought or took SOL.

    `moves` are oldest first. An older one may have been sold with the position that it came to, before anybody looked, and
    then it is in no book. Tokens alone that came in are adopted from the chain's quantity as well: they cost nothing.
    """
    for first in range(len(moves)):
        if sum(move.token_raw[mint] for move in moves[first:]) == difference_raw:
            return moves[first:]
    return [move for move in moves if move.lamports or move.token_raw[mint] < 0]
