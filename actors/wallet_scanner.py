"""One scanner per followed wallet: every swap of it on the launchpad, in pools or at Raydium becomes a recorded signal, once.

The launch stream tells of a trade first; the wallet's own history, read by polling, is what counts: a hint only makes
the scanner look sooner. Where it stopped is a row, so that a restart goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import DecodeError, Unavailable
from bot.ports import TrackingStore, WalletCursor, WalletHistory, WalletTransaction
from bot.trading.launch import CurveTrade

log = structlog.get_logger()

POLL_S = 30.0
PAGE = 100
BACKLOG_MAX = 1_000  # transactions that are read back after a gap; about one busy hour of an automatic trader
HINTED_POLL_S = 0.5  # a hint comes at `processed`, the history shows the transaction at `confirmed`
HINT_LIFE_S = 20.0
HINTS_MAX = 64
RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
UNSHOWN_TRIES = 10  # looks at a listed transaction that no endpoint shows, before it is given up


@dataclass(slots=True)
class ScannerLook:
    """One scanner as status shows it: when it last read to the end, and counts since it began.

    `unread` transactions could not be read, `left_out` ones were beyond the bound; `trouble` says why it waits.
    """

    checked_at_ms: int = 0
    signals: int = 0
    unread: int = 0
    left_out_gaps: int = 0
    trouble: str = ""


@dataclass(slots=True)
class Followed:
    """The scanners at work by address; whoever sees a trade first tells them through it."""

    scanners: dict[str, WalletScanner] = field(default_factory=dict)

    def hint(self, trade: CurveTrade) -> None:
        """A trade was seen on the stream; it counts once the trader's own history shows it."""
        scanner = self.scanners.get(trade.trader)
        if scanner is not None:
            scanner.hint(trade.signature)


@dataclass(slots=True, repr=False)
class WalletScanner:
    """Follows one address for all who track it. It waits out an unavailable chain or database."""

    address: str
    store: TrackingStore
    history: WalletHistory
    clock: Clock
    followed: Followed
    poll_s: float = POLL_S
    look: ScannerLook = field(default_factory=ScannerLook)
    _hints: dict[str, float] = field(default_factory=dict)
    _hinted: trio.Event = field(default_factory=trio.Event)
    _unshown: dict[str, int] = field(default_factory=dict)

    def hint(self, signature: str) -> None:
        """Look soon, and until this transaction has been read or the hint is too old."""
        if len(self._hints) < HINTS_MAX:
            self._hints[signature] = trio.current_time() + HINT_LIFE_S
        self._hinted.set()

    async def run(self, ctx: Context) -> None:
        self.followed.scanners[self.address] = self
        try:
            ctx.ready()
            rest_s = RETRY_MIN_S
            while True:
                self._hinted = trio.Event()
                try:
                    await self._catch_up()
                except Unavailable as error:
                    self._waits(str(error))
                    await trio.sleep(rest_s)
                    rest_s = min(rest_s * 2, RETRY_MAX_S)
                    continue
                rest_s = RETRY_MIN_S
                self.look.checked_at_ms, self.look.trouble = self.clock.now_ms(), ""
                await self._rest()
        finally:
            del self.followed.scanners[self.address]

    def _waits(self, reason: str) -> None:
        if not self.look.trouble:
            log.warning("wallet_scanner_waits", address=self.address, reason=reason)
        self.look.trouble = reason

    async def _rest(self) -> None:
        """Until the next poll, which is soon while a hinted or listed transaction has not been read."""
        now_s = trio.current_time()
        self._hints = {signature: until_s for signature, until_s in self._hints.items() if until_s > now_s}
        if self._hints or self._unshown:
            await trio.sleep(HINTED_POLL_S)
            return
        with trio.move_on_after(self.poll_s):
            await self._hinted.wait()

    async def _catch_up(self) -> None:
        cursor = await self.store.cursor(self.address)
        if cursor is None:
            await self._begin()
            return
        for transaction in await self._news(cursor):
            if not await self._read(transaction):
                return
            await self.store.move_cursor(WalletCursor(self.address, transaction.signature, transaction.slot))
            self._hints.pop(transaction.signature, None)

    async def _begin(self) -> None:
        """A wallet that is followed from now on: what it did before is nobody's signal."""
        newest = await self.history.transactions(self.address, limit=1)
        signature, slot = (newest[0].signature, newest[0].slot) if newest else (None, 0)
        await self.store.move_cursor(WalletCursor(self.address, signature, slot))
        log.info("wallet_followed", address=self.address, signature=signature, slot=slot)

    async def _news(self, cursor: WalletCursor) -> list[WalletTransaction]:
        """What came after the cursor, the oldest first, at most BACKLOG_MAX of it; what is older than those is said.

        The slot ends the reading too: an endpoint that does not know the cursor's transaction gives everything.
        """
        found: list[WalletTransaction] = []
        while len(found) <= BACKLOG_MAX:
            before = found[-1].signature if found else None
            page = await self.history.transactions(self.address, limit=PAGE, before=before, until=cursor.signature)
            new = [one for one in page if one.slot >= cursor.slot]
            found += new
            if len(page) < PAGE or len(new) < len(page):
                break
        if len(found) > BACKLOG_MAX:
            await self._leave_out(cursor, found[BACKLOG_MAX])
        return found[BACKLOG_MAX - 1 :: -1]

    async def _leave_out(self, cursor: WalletCursor, newest_left: WalletTransaction) -> None:
        """Give up what lies between the cursor and `newest_left`, for good, so that it is said once."""
        await self.store.move_cursor(WalletCursor(self.address, newest_left.signature, newest_left.slot))
        self.look.left_out_gaps += 1
        log.warning(
            "wallet_history_left_out",
            address=self.address,
            after_slot=cursor.slot,
            until_slot=newest_left.slot,
            read_back=BACKLOG_MAX,
        )

    async def _read(self, transaction: WalletTransaction) -> bool:
        """Record a transaction's swaps; False when no endpoint shows it yet, so that it is looked at again."""
        if transaction.failed:
            return True
        try:
            swaps = await self.history.swaps(transaction.signature, self.address)
        except DecodeError as error:
            self._unreadable(transaction, str(error))
            return True
        if swaps is None:
            return self._not_shown(transaction)
        self._unshown.pop(transaction.signature, None)
        for swap in swaps:
            if await self.store.record_signal(swap):
                self.look.signals += 1
                log.info(
                    "wallet_signal",
                    address=swap.address,
                    side=swap.side,
                    mint=swap.mint,
                    token_raw=swap.token_raw,
                    quote_lamports=swap.quote_lamports,
                    slot=swap.slot,
                    signature=swap.signature,
                )
        return True

    def _not_shown(self, transaction: WalletTransaction) -> bool:
        """Whether to give up a transaction that is listed and that no endpoint shows."""
        tries = self._unshown[transaction.signature] = self._unshown.get(transaction.signature, 0) + 1
        if tries < UNSHOWN_TRIES:
            return False
        del self._unshown[transaction.signature]
        self._unreadable(transaction, f"listed, but not shown by any endpoint in {UNSHOWN_TRIES} tries")
        return True

    def _unreadable(self, transaction: WalletTransaction, reason: str) -> None:
        self.look.unread += 1
        log.warning("wallet_transaction_unread", address=self.address, signature=transaction.signature, reason=reason)
