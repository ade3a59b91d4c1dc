"""The ledger against the chain: every lamport of a wallet is explained, by an order of ours or by what came from outside.

What no order explains is found in the wallet's history on the chain, transaction by transaction, and booked with that as
evidence, also where what left has come back.
Nothing is booked that no transaction shows: a difference that stays is told to an operator and left as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution import alerts
from bot.execution.alerts import Alert
from bot.execution.messages import lost_lamports, outflow_message, outflow_was_ours_message
from bot.ports import LedgerCheck, Store, Wallet, WalletBalances, WalletHistory, WalletLedger, WalletMove
from bot.trading.ledger import Entry, EntryKind, legs_of_outside
from bot.trading.units import format_sol

log = structlog.get_logger()

PAGE = 100
OVERLAP_SLOTS = 150  # an endpoint that lies behind lists a transaction later than another shows its balance
MAX_PAGES = 20  # further back a difference is not looked for; it stays one
KEEP_EVERY_MS = 600_000  # an unchanged comparison is kept this often
NOT_SIGNED_HERE = " was not signed here; see /ack_outflow"
DEEP_SLOTS = 32  # a transaction with as many confirmed slots behind it is final (Solana, "commitment")


# What others did to a wallet, or why nobody can say.
Others = Sequence[WalletMove] | ChainUnavailable


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How the ledgers of all wallets stood when each was last compared.

    `checked_at_ms` is the latest comparison, `oldest_at_ms` that of the wallet that was not compared for longest.
    """

    compared: int
    exact: int
    checked_at_ms: int | None
    oldest_at_ms: int | None


@dataclass(slots=True)
class _Seen:
    """How far a wallet's history was read, and which transactions of the last part need no second look.

    `unbooked` are others' transactions without an entry; those that moved tokens alone may never need one. `frozen_for`
    has why the wallet was frozen for each that took its key, `harmless` what is in the books and did not take it.
    """

    read_to_slot: int = 0
    done: dict[str, None] = field(default_factory=dict)
    unbooked: dict[str, WalletMove] = field(default_factory=dict)
    frozen_for: dict[str, str] = field(default_factory=dict)
    harmless: dict[str, None] = field(default_factory=dict)

    def taken_back(self, listed: dict[str, int], since_slot: int) -> list[str]:
        """What was listed after this slot and is not any more, or in another slot: the network took it back."""
        return [
            signature
            for signature, move in self.unbooked.items()
            if move.slot > since_slot and listed.get(signature) != move.slot
        ]


async def nothing_more(_: Wallet, __: str) -> None:
    """Nothing is done beside the freeze."""


@dataclass(slots=True)
class LedgerAudit:
    """Compares one wallet at a time. A difference is acted on only when two looks in a row show the same one.

    `freeze_user` freezes a user's wallet, for a reason, until he says that an outflow was his, and returns the reason that
    it is frozen for, which is the first one; `unfreeze_user` ends the freeze that has this reason, and no other;
    `frozen_by` is the reason of the freeze that stands, of an earlier process too. `alert` tells operators.
    `compromised` hears of a wallet whose key was used elsewhere, and why that is known, before its user does.
    `listed` hears which orders of ours a history lists: one that the books have given up is followed again.
    """

    store: Store
    history: WalletHistory
    clock: Clock
    freeze_user: Callable[[str, str], Awaitable[str]]
    unfreeze_user: Callable[[str, str], Awaitable[bool]]
    frozen_by: Callable[[str], str | None]
    alert: Callable[[Alert], None]
    listed: Callable[[Sequence[str]], Awaitable[None]]
    compromised: Callable[[Wallet, str], Awaitable[None]] = nothing_more
    _suspected: dict[str, tuple[int, int]] = field(default_factory=dict)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _checks: dict[str, LedgerCheck] = field(default_factory=dict)

    def state(self) -> LedgerState:
        """The latest comparison of each wallet, for status."""
        checks = self._checks.values()
        moments = [check.at_ms for check in checks]
        exact = sum(check.is_exact for check in checks)
        return LedgerState(len(checks), exact, max(moments, default=None), min(moments, default=None))

    async def compare(
        self,
        wallet: Wallet,
        ledger: WalletLedger,
        balances: WalletBalances,
        known: Others,
        *,
        apart_slots: int = 1,
        unsettled: frozenset[str] = frozenset(),
    ) -> bool:
        """Hold a wallet's ledger against a look at the chain; False while its books have not begun.

        To be called with a ledger and a look without what unsettled orders of the wallet did, and with what `read` gave. Two
        looks that show the same difference count when they are `apart_slots` apart. What others did to a token of
        `unsettled`, the mints of orders that have no outcome in the books, is booked after it, with the position that it
        moved. Raises StoreUnavailable, and ChainUnavailable when the history that would explain a difference cannot be read.
        """
        missing, is_open = balances.lamports - ledger.booked_lamports, ledger.opened_slot is not None
        if isinstance(known, ChainUnavailable):
            if missing:
                raise known
            known = []
        if is_open and await self._explain(wallet, ledger, balances, known, unsettled):
            return True  # the next look says what is left
        if missing == 0 and is_open:
            self._suspected.pop(wallet.id, None)
            await self._note(wallet, ledger, balances)
            return True
        before = self._suspected.get(wallet.id)
        if before is None or before[0] != missing:
            self._suspected[wallet.id] = (missing, balances.slot)
            return is_open
        if balances.slot < before[1] + apart_slots:
            return is_open
        if not is_open:
            return await self._open(wallet, ledger, balances)
        await self._note(wallet, ledger, balances)
        return True

    async def read(self, wallet: Wallet) -> Others:
        """See `foreign`. A history that cannot be read holds up only who needs it, for a difference."""
        try:
            return await self.foreign(wallet)
        except ChainUnavailable as error:
            log.info("history_not_read", wallet=wallet.id, reason=str(error))
            return error

    async def _open(self, wallet: Wallet, ledger: WalletLedger, balances: WalletBalances) -> bool:
        """The books of a wallet begin with what it holds beyond the orders that they know."""
        missing = balances.lamports - ledger.booked_lamports
        opening = Entry(
            EntryKind.OPENING,
            wallet.id,
            legs_of_outside(missing),
            slot=balances.slot,
            evidence=f"the wallet held {balances.lamports} lamports at slot {balances.slot}",
        )
        if not await self.store.book([opening], booked_lamports=ledger.booked_lamports):
            return False
        log.info("ledger_opened", wallet=wallet.id, lamports=missing, slot=balances.slot)
        opened = replace(ledger, booked_lamports=balances.lamports, opened_slot=balances.slot)
        self._suspected.pop(wallet.id, None)
        await self._note(wallet, opened, balances)
        return True

    async def freeze(self, wallet: Wallet, moves: Sequence[WalletMove]) -> None:
        """Freeze a wallet whose key made these transactions elsewhere, tell its user and operators; once for each of them."""
        seen = self._seen.setdefault(wallet.id, _Seen())
        fresh = [move for move in moves if move.signature not in seen.frozen_for]
        if not fresh:
            return
        signatures = [move.signature for move in fresh]
        reason = await self.freeze_user(wallet.user_id, _not_signed_here(signatures[-1]))
        await self.compromised(wallet, reason)
        await self.store.post(outflow_message(self.clock, wallet, fresh, reason))
        seen.frozen_for |= dict.fromkeys(signatures, reason)
        self.alert(alerts.outflow(wallet, fresh))
        log.warning("outflow_adopted", wallet=wallet.id, signatures=signatures, lamports=lost_lamports(fresh))

    async def _explain(
        self,
        wallet: Wallet,
        ledger: WalletLedger,
        balances: WalletBalances,
        known: Sequence[WalletMove],
        unsettled: frozenset[str],
    ) -> bool:
        """Book what others' transactions changed in lamports, up to a look; False when there is nothing to book or to await.

        A transaction is booked once the network does not take it back any more; its wallet is frozen before that.
        """
        paid = [move for move in known if move.lamports and move.slot <= balances.slot]
        moves = [move for move in paid if is_deep(move, balances) and unsettled.isdisjoint(move.token_raw)]
        if not moves:
            return bool(paid)
        entries = [_entry_of(wallet, move) for move in moves]
        if await self.store.book(entries, booked_lamports=ledger.booked_lamports):
            log.info("ledger_completed", wallet=wallet.id, entries=len(entries))
        self._suspected.pop(wallet.id, None)
        return True

    async def foreign(self, wallet: Wallet) -> list[WalletMove]:
        """What others' transactions changed in the wallet since its books began that no entry tells of yet, oldest first.

        Every transaction is looked at once for as long as this process runs, whatever the balance says: what left may
        have come back. The history may lie behind a look at the balance, so that a little more of it is read each time.
        The wallet is frozen at the first look at one that took its key; one that the network took back is left out.
        """
        ledger = await self.store.wallet_ledger(wallet.id)
        if ledger.opened_slot is None:
            return []
        seen = self._seen.setdefault(wallet.id, _Seen())
        if not seen.read_to_slot and ledger.check is not None and ledger.check.is_exact:
            seen.read_to_slot = ledger.check.slot
        since_slot = max(ledger.opened_slot, seen.read_to_slot - OVERLAP_SLOTS)
        found: list[str] = []
        listed: dict[str, int] = {}
        newest_slot = seen.read_to_slot
        before: str | None = None
        for _ in range(MAX_PAGES):
            page = await self.history.transactions(wallet.address, limit=PAGE, before=before)
            listed |= {one.signature: one.slot for one in page}
            found += [one.signature for one in page if one.slot > since_slot and one.signature not in seen.done]
            newest_slot = max([newest_slot, *(one.slot for one in page)])
            if len(page) < PAGE or page[-1].slot <= since_slot:
                break
            before = page[-1].signature
        for signature in seen.taken_back(listed, since_slot):
            del seen.unbooked[signature]
            seen.done.pop(signature, None)
            found += [signature] if signature in listed else []
        asked = [*seen.unbooked, *found]
        ours = await self.store.ours(wallet.id, asked) if asked else set()
        if ours:
            await self.listed(sorted(ours))
        for signature in ours:
            seen.unbooked.pop(signature, None)
        for signature in reversed(found):
            if signature in ours:
                continue
            move = await self.history.moved(signature, wallet.address)
            if move is None:
                raise ChainUnavailable(f"no endpoint shows {signature}, which its own history lists")
            if move.lamports or move.token_raw:
                seen.unbooked[signature] = move
            seen.done[signature] = None
        seen.done.update(dict.fromkeys(ours))
        seen.read_to_slot = newest_slot
        _forget_oldest(seen.done)
        _forget_oldest(seen.unbooked)
        _forget_oldest(seen.frozen_for)
        moves = list(seen.unbooked.values())
        await self.freeze(wallet, [move for move in moves if move.lamports and move.used_the_key])
        await self._unfreeze(wallet, seen)
        return moves

    async def _unfreeze(self, wallet: Wallet, seen: _Seen) -> None:
        """End a freeze once all that the wallet was frozen for turned out to be orders of this bot.

        Their bytes were in the journal of a bot that died, and came later.
        """
        reason = self.frozen_by(wallet.user_id)
        if reason is None:
            return
        here = {_not_signed_here(signature) for signature in seen.frozen_for}
        if reason not in here and not await self._was_ours_before(wallet, seen, reason):
            return
        for signature in seen.frozen_for:
            if not await self.store.orders_of(signature):
                return
        seen.frozen_for.clear()
        if await self.unfreeze_user(wallet.user_id, reason):
            log.warning("outflow_was_ours", wallet=wallet.id, reason=reason)
            await self.store.post(outflow_was_ours_message(self.clock, wallet, reason))

    async def _was_ours_before(self, wallet: Wallet, seen: _Seen, reason: str) -> bool:
        """Whether an earlier process froze this wallet for orders of this bot alone, as far as the books can say.

        A freeze names one transaction, and nobody remembers the others that it stood for. What took the wallet's key
        without us is in the books as a movement from outside: any that stands there, however old, keeps the freeze.
        """
        if not await self._is_order_of(wallet, _named_in(reason)):
            return False
        outside = [one for one in await self.store.outside(wallet.id) if one not in seen.harmless]
        for signature in outside[:PAGE]:
            move = await self.history.moved(signature, wallet.address)
            if move is None or move.used_the_key:
                return False
            seen.harmless[signature] = None
        return len(outside) <= PAGE

    async def _is_order_of(self, wallet: Wallet, signature: str) -> bool:
        for intent_id in await self.store.orders_of(signature):
            intent = await self.store.intent(intent_id)
            if intent is not None and intent.request.wallet_id == wallet.id:
                return True
        return False

    async def _note(self, wallet: Wallet, ledger: WalletLedger, balances: WalletBalances) -> None:
        """Remember a comparison for status, keep it in the database when it says something new, and tell a change."""
        now_ms = self.clock.now_ms()
        check = LedgerCheck(wallet.id, balances.slot, balances.lamports, ledger.booked_lamports, now_ms)
        before = self._checks.get(wallet.id)
        self._checks[wallet.id] = check
        if _says_something_new(check, ledger.check):
            await self.store.keep_check(check)
        if check.is_exact:
            if before is not None and not before.is_exact:
                log.info("ledger_exact_again", wallet=wallet.id)
                self.alert(alerts.ledger_exact(wallet))
            return
        missing = check.chain_lamports - check.booked_lamports
        if before is None or before.is_exact:
            log.error("ledger_mismatch", wallet=wallet.id, chain=check.chain_lamports, booked=check.booked_lamports)
        self.alert(alerts.ledger_mismatch(wallet, format_sol(missing, signed=True)))


def is_deep(move: WalletMove, look: WalletBalances) -> bool:
    """Whether a transaction lies so far behind a look that the network does not take it back any more."""
    return move.slot + DEEP_SLOTS <= look.slot


def _forget_oldest(kept: dict[str, Any]) -> None:
    while len(kept) > MAX_PAGES * PAGE:
        kept.pop(next(iter(kept)))


def _says_something_new(check: LedgerCheck, kept: LedgerCheck | None) -> bool:
    if kept is None or check.at_ms - kept.at_ms >= KEEP_EVERY_MS:
        return True
    return (kept.chain_lamports, kept.is_exact) != (check.chain_lamports, check.is_exact)


def _not_signed_here(signature: str) -> str:
    return f"{signature}{NOT_SIGNED_HERE}"


def _named_in(reason: str) -> str:
    """The transaction that a freeze names; empty for a reason that names none."""
    return reason.removesuffix(NOT_SIGNED_HERE) if reason.endswith(NOT_SIGNED_HERE) else ""


def _entry_of(wallet: Wallet, move: WalletMove) -> Entry:
    return Entry(
        EntryKind.OUTFLOW if move.lamports < 0 else EntryKind.DEPOSIT,
        wallet.id,
        legs_of_outside(move.lamports),
        signature=move.signature,
        slot=move.slot,
        evidence=f"transaction {move.signature} in slot {move.slot}, which is no order of ours",
    )
