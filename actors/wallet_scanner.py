"""One scanner per followed wallet: every swap of it on the launchpad, in pools or at Raydium becomes a recorded signal, once.

A stream of confirmed transactions tells of it where there is one, and the wallet's own history, read by polling, of all that
the stream did not; word of an unconfirmed trade only makes the scanner look sooner. Where it stopped is a row, so that a
restart goes on from there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import DecodeError, Unavailable
from bot.execution.leader_swaps import LeaderSwaps, leader_swap
from bot.execution.scan_schedule import ScanSchedule
from bot.ports import TrackingStore, WalletCursor, WalletHistory, WalletSignal, WalletTold, WalletTransaction
from bot.trading.launch import CurveTrade

log = structlog.get_logger()

PAGE = 100
BACKLOG_MAX = 1_000  # transactions that are read back after a gap; about one busy hour of an automatic trader
HINTED_POLL_S = 0.5  # a hint comes at `processed`, the history shows the transaction at `confirmed`
HINT_LIFE_S = 20.0
HINTS_MAX = 64
TOLD_MAX = 256  # transactions that the stream told and that wait to be recorded; beyond them the history is read
RECENT_MAX = 64  # signatures that are remembered, for a stream that repeats itself
RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
WAKE_AT_ONCE = 50  # scanners: when ten thousand are to look at what has changed, they do not all do so in one moment
UNSHOWN_TRIES = 10  # looks at a listed transaction that no endpoint shows, before it is given up


@dataclass(slots=True)
class ScannerLook:
    """One scanner as status shows it: when it last read to the end, and counts since it began.

    `unread` transactions could not be read, `left_out` ones were beyond the bound; `trouble` says why it waits.
    `traded_at_ms` is when a swap was recorded last, 0 before the first.
    """

    checked_at_ms: int = 0
    traded_at_ms: int = 0
    signals: int = 0
    unread: int = 0
    left_out_gaps: int = 0
    trouble: str = ""


@dataclass(slots=True)
class Followed:
    """The scanners at work by address, and whoever tells them what their wallets do.

    `covered` has for each wallet that a stream tells of the slot after which it told everything to its scanner.
    `looks` counts the readings of histories that came to their end, and `looked_s` is how long they took together.
    """

    scanners: dict[str, WalletScanner] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    looks: int = 0
    looked_s: float = 0.0
    _to_wake: deque[str] = field(default_factory=deque)

    def keep_only(self, wanted: Collection[str]) -> None:
        """Nobody follows the other wallets any more; what the stream says of them later counts anew."""
        self.covered = {address: slot for address, slot in self.covered.items() if address in wanted}

    def hint(self, trade: CurveTrade) -> None:
        """A trade was seen on the stream; it counts once the trader's own history shows it."""
        self.hinted(trade.trader, trade.signature)

    def hinted(self, address: str, signature: str) -> None:
        """Somebody says that a transaction names this wallet; it counts once the wallet's own history shows it."""
        scanner = self.scanners.get(address)
        if scanner is not None:
            scanner.hint(signature)

    def told(self, told: WalletTold) -> None:
        """A transaction that counts by itself. One that no scanner takes is found in the wallet's history."""
        scanner = self.scanners.get(told.address)
        if scanner is None or not scanner.take(told):
            self.passed_over(told)

    def passed_over(self, told: WalletTold) -> None:
        """What was told to a scanner that could not take it is read by it from the history."""
        if told.address in self.covered:
            self.covered[told.address] = max(told.slot, self.covered[told.address])
            self._wake([told.address])

    def covers(self, addresses: Collection[str], slot: int) -> None:
        """The histories are to be read once more, until this slot; then the stream suffices."""
        for address in addresses:
            self.covered[address] = slot
        self._wake(addresses)

    def lost(self, addresses: Collection[str], slot: int) -> None:
        """The histories are all there is."""
        for address in addresses:
            self.covered.pop(address, None)
        self._wake(addresses)

    def _wake(self, addresses: Collection[str]) -> None:
        """Wake some, of whom each wakes the next one before it does anything else, until all are awake."""
        self._to_wake.extend(addresses)
        for _ in range(min(WAKE_AT_ONCE, len(addresses))):
            self.pass_on()

    def pass_on(self) -> None:
        """Wake the next one that rests; the others look at what has changed before they rest again."""
        while self._to_wake:
            scanner = self.scanners.get(self._to_wake.popleft())
            if scanner is not None and scanner.wake_in_turn():
                return


@dataclass(slots=True, repr=False)
class WalletScanner:
    """Follows one address for all who track it, and hands each new swap on. It waits out an unavailable chain or database."""

    address: str
    store: TrackingStore
    history: WalletHistory
    clock: Clock
    followed: Followed
    schedule: ScanSchedule
    swaps: LeaderSwaps = field(default_factory=LeaderSwaps)
    look: ScannerLook = field(default_factory=ScannerLook)
    _hints: dict[str, float] = field(default_factory=dict)
    _told: deque[WalletTold] = field(default_factory=deque)
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    _woken: trio.Event = field(default_factory=trio.Event)
    _unshown: dict[str, int] = field(default_factory=dict)
    _is_new: bool | None = None
    _checked_at_s: float = -math.inf
    _turn_at_s: float | None = None
    _rests: bool = False
    _passes_on: bool = False
    _read_until_slot: int = -1  # the slot that the history was read at, as far as the stream asked for one

    @property
    def is_told(self) -> bool:
        """Whether the stream tells of all that the history, as far as it was read, has not told."""
        needed = self.followed.covered.get(self.address)
        return needed is not None and self._read_until_slot >= needed

    def hint(self, signature: str) -> None:
        """Look soon, and until this transaction has been read or the hint is too old."""
        if self.is_told:
            return
        if len(self._hints) < HINTS_MAX:
            self._hints[signature] = trio.current_time() + HINT_LIFE_S
        self.wake()

    def take(self, told: WalletTold) -> bool:
        """Have a transaction recorded; False where too many wait."""
        if len(self._told) >= TOLD_MAX:
            return False
        self._told.append(told)
        self.wake()
        return True

    def wake(self) -> None:
        """Look whether there is something to do."""
        self._woken.set()

    def wake_in_turn(self) -> bool:
        """The same; whether it rested and is now to wake the next one."""
        passes_on = self._rests and not self._woken.is_set()
        self._passes_on = self._passes_on or passes_on
        self.wake()
        return passes_on

    def _pass_on(self) -> None:
        if self._passes_on:
            self._passes_on = False
            self.followed.pass_on()

    async def run(self, ctx: Context) -> None:
        self._begin_again()
        self.followed.scanners[self.address] = self
        self.schedule.enter(self.address)
        try:
            ctx.ready()
            rest_s = RETRY_MIN_S
            while True:
                self._woken = trio.Event()
                try:
                    await self._record_told()
                    if self._is_new is None:
                        self._is_new = await self.store.cursor(self.address) is None
                    if self._due_in_s() <= 0:
                        await self._look()
                except Unavailable as error:
                    self._waits(str(error))
                    await trio.sleep(rest_s)
                    rest_s = min(rest_s * 2, RETRY_MAX_S)
                    continue
                rest_s, self.look.trouble = RETRY_MIN_S, ""
                await self._rest()
                self._pass_on()
        finally:
            self._pass_on()
            self.schedule.leave(self.address)
            del self.followed.scanners[self.address]

    def _begin_again(self) -> None:
        """A new life reads the history first, and what an earlier one left unrecorded from there."""
        for told in self._told:
            self.followed.passed_over(told)
        self._told.clear()
        self._checked_at_s, self._read_until_slot, self._turn_at_s, self._is_new = -math.inf, -1, None, None

    def _due_in_s(self) -> float:
        """Seconds until the history is to be read; 0 or less for now. A look that no hint asks for waits for its turn."""
        now_s = trio.current_time()
        self._hints = {signature: until_s for signature, until_s in self._hints.items() if until_s > now_s}
        self.schedule.told(self.address, by_stream=self.is_told)
        if self._hints or self._unshown or (self._is_new and math.isinf(self._checked_at_s)):
            return 0.0
        if self.is_told or self.address not in self.followed.covered:
            rest_s = self._checked_at_s + self.schedule.interval_s(self.address) - now_s
            if rest_s > 0:
                return rest_s
        if self._turn_at_s is None:
            self._turn_at_s = self.schedule.book()
        return self._turn_at_s - now_s

    async def _look(self) -> None:
        """Read the history; a look without a turn of its own puts back those that wait for theirs."""
        if self._turn_at_s is None:
            self.schedule.book(is_urgent=True)
        began_s = trio.current_time()
        if await self._catch_up():
            self.followed.looks += 1
            self.followed.looked_s += trio.current_time() - began_s
            self._checked_at_s, self.look.checked_at_ms = trio.current_time(), self.clock.now_ms()
        self._turn_at_s = None

    def _waits(self, reason: str) -> None:
        if not self.look.trouble:
            log.warning("wallet_scanner_waits", address=self.address, reason=reason)
        self.look.trouble = reason

    async def _rest(self) -> None:
        """Until somebody has something to tell or the next poll, which is soon while a transaction has not been read."""
        due_in_s = self._due_in_s()
        if due_in_s <= 0:
            await trio.sleep(HINTED_POLL_S)
            return
        with trio.move_on_after(due_in_s):
            self._rests = True
            try:
                await self._woken.wait()
            finally:
                self._rests = False

    async def _record_told(self) -> None:
        """What the stream told since the last time. Until the history has been read the cursor stays where it is."""
        newest: WalletTold | None = None
        while self._told:
            told = self._told[0]
            if told.signature not in self._recent:
                if told.unread and not await self._read(WalletTransaction(told.signature, told.slot, failed=False)):
                    break
                await self._record(told.swaps)
                self._recent.append(told.signature)
            newest = self._told.popleft()
        if newest is not None and self.is_told:
            await self.store.move_cursor(WalletCursor(self.address, newest.signature, newest.slot))

    async def _catch_up(self) -> bool:
        """Read the history to its end; False where something in it cannot be read yet."""
        since_slot = self.followed.covered.get(self.address, 0)
        cursor = await self.store.cursor(self.address)
        if cursor is None:
            await self._begin(since_slot)
        else:
            news = await self._news(cursor, since_slot)
            self.schedule.looked(self.address, len(news))
            for transaction in news:
                if not await self._read(transaction):
                    return False
                await self.store.move_cursor(WalletCursor(self.address, transaction.signature, transaction.slot))
                self._hints.pop(transaction.signature, None)
        self._read_until_slot = since_slot
        return True

    async def _begin(self, since_slot: int) -> None:
        """A wallet that is followed from now on: what it did before is nobody's signal."""
        newest = await self.history.transactions(self.address, limit=1, not_before=since_slot)
        signature, slot = (newest[0].signature, newest[0].slot) if newest else (None, 0)
        await self.store.move_cursor(WalletCursor(self.address, signature, slot))
        log.info("wallet_followed", address=self.address, signature=signature, slot=slot)

    async def _news(self, cursor: WalletCursor, since_slot: int) -> list[WalletTransaction]:
        """What came after the cursor, the oldest first, at most BACKLOG_MAX of it; what is older than those is said.

        The slot ends the reading too: an endpoint that does not know the cursor's transaction gives everything.
        """
        found: list[WalletTransaction] = []
        while len(found) <= BACKLOG_MAX:
            before = found[-1].signature if found else None
            page = await self.history.transactions(
                self.address, limit=PAGE, before=before, until=cursor.signature, not_before=since_slot
            )
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
        await self._record(swaps)
        self._recent.append(transaction.signature)
        return True

    async def _record(self, swaps: Collection[WalletSignal]) -> None:
        for told in swaps:
            swap = replace(told, seen_at_ms=self.clock.now_ms())
            if await self.store.record_signal(swap):
                self.look.signals += 1
                self.swaps.on_swap(leader_swap(swap))
                self.look.traded_at_ms = self.clock.now_ms()
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
