"""The source `polling`: launches and the trades of young coins, asked for over and over. For when every stream is silent.

Two kinds of accounts are asked about. The launchpad's mint authority is named by `create` and `create_v2` and by nothing
else, so that its transactions are the launches; those of the program itself are some hundred times as many. And the curves
of coins that were launched a moment ago are named by their trades.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import structlog
import trio

from bot.chain import addresses as at
from bot.chain import wire
from bot.chain.named_transactions import NamedStatistics, NamedTransactions, ReadRecord
from bot.chain.slot_bound import SlotBound
from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.ports import Listener, SourceLosses
from bot.trading.launch import StreamEvent, TokenLaunch

NAME = "polling"
LAUNCHES = str(at.MINT_AUTHORITY)
LOOKS_TO_LOSE = 3  # in a row without an answer
FIRST_PAGE = 20
PAGE = 100
MAX_LATE_SLOTS = 25  # ten seconds; launches that are older are too old to be hunted
SLOT_MS = 400

log = structlog.get_logger()


class ListSignatures(Protocol):
    """Lists confirmed transactions that named an account, newest first; raises ChainUnavailable."""

    async def __call__(self, address: str, *, until: str | None, limit: int) -> Sequence[wire.SignatureInfo]: ...


@dataclass(frozen=True, slots=True)
class PollingRule:
    """A look every `interval_s`, of at most `per_second` requests; a young coin's trades are followed for `follow_s`."""

    interval_s: float
    per_second: int
    follow_s: float

    @property
    def young_max(self) -> int:
        """Half of the budget is for asking, half for reading."""
        return max(1, int(self.per_second * self.interval_s) // 2)


class PolledLaunches:
    """Complete within its budget: of a crowd of coins the newest are followed, of a flood of trades some are passed over.

    `newest_slot` is that of the endpoints, 0 while it is not known.
    """

    name = NAME
    complete = True

    def __init__(
        self,
        list_signatures: ListSignatures,
        read: ReadRecord,
        newest_slot: Callable[[], int],
        clock: Clock,
        rule: PollingRule,
        *,
        bound: SlotBound | None = None,
    ) -> None:
        self._list = list_signatures
        self._newest_slot = newest_slot
        self._rule = rule
        self._named = NamedTransactions(read, clock, per_second=rule.per_second, source=NAME, bound=bound)

    def statistics(self) -> NamedStatistics:
        return self._named.statistics()

    def losses(self) -> SourceLosses:
        return self._named.losses()

    async def follow(self, listener: Listener) -> NoReturn:
        looks = _Looks(self._list, self._newest_slot, self._named, self._rule)
        trouble = ChainUnavailable(f"{NAME}: it ended without a reason")
        self._named.forget()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._named.work, _Noting(listener, looks))
            try:
                await looks.go_on(listener)
            except ChainUnavailable as error:
                trouble = error
            nursery.cancel_scope.cancel()
        raise trouble


class _Looks:
    """What one time of polling knows: the newest signature that it saw of each account, and which coins are young."""

    def __init__(
        self,
        list_signatures: ListSignatures,
        newest_slot: Callable[[], int],
        named: NamedTransactions,
        rule: PollingRule,
    ) -> None:
        self._list = list_signatures
        self._newest_slot = newest_slot
        self._named = named
        self._rule = rule
        self._seen: dict[str, str] = {}
        self._young: OrderedDict[str, float] = OrderedDict()  # curve -> trio's time until which it is followed

    def note(self, launch: TokenLaunch) -> None:
        """A coin was launched: its trades after that are asked for from now on."""
        curve = str(at.bonding_curve(at.key_from(launch.mint)))
        self._seen[curve] = launch.signature
        self._young[curve] = trio.current_time() + self._rule.follow_s
        while len(self._young) > self._rule.young_max:
            self._forget(next(iter(self._young)))

    async def go_on(self, listener: Listener) -> NoReturn:
        """Look for ever; raises ChainUnavailable when nobody answered several times in a row."""
        failed = 0
        while True:
            next_s = trio.current_time() + self._rule.interval_s
            try:
                await self._look()
                failed = 0
                listener.alive()
            except ChainUnavailable as error:
                failed += 1
                if failed == LOOKS_TO_LOSE:
                    raise ChainUnavailable(f"{NAME}: {error}") from None
            await trio.sleep_until(next_s)

    async def _look(self) -> None:
        """The launches and the trades since the last look; raises ChainUnavailable when launches cannot be asked for."""
        for curve in [one for one, until_s in self._young.items() if until_s <= trio.current_time()]:
            self._forget(curve)
        found: dict[str, list[wire.SignatureInfo]] = {}
        async with trio.open_nursery() as nursery:
            for curve in self._young:
                nursery.start_soon(self._list_trades, curve, found)
            troubles = await self._list_launches(found)
        if troubles is not None:
            raise troubles
        self._name(found.pop(LAUNCHES), is_launch=True)
        self._name(sorted((one for listed in found.values() for one in listed), key=lambda one: -one.slot))

    async def _list_launches(self, found: dict[str, list[wire.SignatureInfo]]) -> ChainUnavailable | None:
        """The trouble as a value, so that it does not come out of a nursery in a group."""
        try:
            found[LAUNCHES] = await self._since(LAUNCHES, PAGE if LAUNCHES in self._seen else FIRST_PAGE)
        except ChainUnavailable as error:
            return error
        return None

    async def _list_trades(self, curve: str, found: dict[str, list[wire.SignatureInfo]]) -> None:
        try:
            found[curve] = await self._since(curve, PAGE)
        except ChainUnavailable as error:
            log.info("trades_not_polled", curve=curve, reason=str(error))

    async def _since(self, address: str, limit: int) -> list[wire.SignatureInfo]:
        await self._named.pace()
        listed = list(await self._list(address, until=self._seen.get(address), limit=limit))
        if listed and (address == LAUNCHES or address in self._young):
            self._seen[address] = listed[0].signature
        return listed

    def _name(self, listed: Sequence[wire.SignatureInfo], *, is_launch: bool = False) -> None:
        """Have those that succeeded read, the oldest first; what is old counts as seen when it happened."""
        newest_slot = max(self._newest_slot(), max((one.slot for one in listed), default=0))
        for one in reversed(listed):
            late_slots = newest_slot - one.slot
            if one.err is None and late_slots <= MAX_LATE_SLOTS:
                self._named.put(one.signature, is_launch=is_launch, late_ms=late_slots * SLOT_MS, pause_s=0)

    def _forget(self, curve: str) -> None:
        del self._young[curve]
        self._seen.pop(curve, None)


@dataclass(slots=True)
class _Noting:
    """A listener that hears of launches on their way to the real one."""

    listener: Listener
    looks: _Looks

    async def tell(self, event: StreamEvent) -> None:
        if isinstance(event, TokenLaunch):
            self.looks.note(event)
        await self.listener.tell(event)

    def alive(self) -> None:
        self.listener.alive()

    def knows(self, signature: str) -> bool:
        return self.listener.knows(signature)

    def launch_was_known(self) -> None:
        self.listener.launch_was_known()
