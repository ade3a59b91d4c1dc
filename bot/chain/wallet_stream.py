"""The port `WalletNews` over Yellowstone Geyser streams: what followed wallets do, at `confirmed`, however many they are.

A call carries a filter with many wallets; where a server allows fewer in one filter than are followed, there are more
calls. Wallets that come and go change the filter of a call that stands, which loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NoReturn

import structlog
import trio

from bot.chain.geyser import CONFIRMED, Ping, SlotTold, ping_request, subscribe_request
from bot.chain.geyser_records import RecordTold, decode_confirmed
from bot.chain.geyser_stream import Call, OpenCall
from bot.chain.landed import account_keys
from bot.chain.silence import Silence
from bot.chain.slot_bound import SlotBound
from bot.chain.swaps import swaps_in
from bot.errors import ChainUnavailable, DecodeError
from bot.ports import WalletListener, WalletNewsHealth, WalletTold

NAME = "grpc"
RECONNECT_MIN_S = 0.2
RECONNECT_MAX_S = 5.0
# A server takes up a new filter within a few slots of the request; until then nobody relies on it.
SETTLE_S = 2.0
# A call that is away for longer leaves its wallets to whoever reads their histories.
LOST_AFTER_S = 10.0
# A slot is confirmed by votes in later blocks: while leaders are away the last ones before them stay unconfirmed.
CONFIRMED_BEHIND_SLOTS = 2

log = structlog.get_logger()


class GeyserWallets:
    """As many calls as the wallets need, `per_call` of them in each; every one is opened again by itself.

    Wallets may be still for days: it is the slots that show that a call lives. No new one for `silence_s` means that it is
    dead, unless `newest_slot`, that of the RPC endpoints, 0 while it is not known, shows that the chain stands. A slot beyond
    the `bound` ends the call.
    """

    def __init__(
        self,
        open_call: OpenCall,
        newest_slot: Callable[[], int],
        *,
        silence_s: float,
        per_call: int,
        bound: SlotBound | None = None,
    ) -> None:
        self._open = open_call
        self._newest_slot = newest_slot
        self._bound = bound or SlotBound(newest_slot)
        self._silence_s = silence_s
        self._per_call = per_call
        self._shards: list[_Shard] = []
        self._more = trio.Event()

    def __repr__(self) -> str:
        return f"<GeyserWallets {sum(len(shard.wallets) for shard in self._shards)} wallets>"

    def want(self, addresses: Collection[str]) -> None:
        """Each wallet stays in its call; new ones go where there is room."""
        wanted = set(addresses)
        for shard in self._shards:
            shard.keep_only(wanted)
            wanted -= shard.wallets
        new = sorted(wanted)
        for shard in self._shards:
            room = self._per_call - len(shard.wallets)
            shard.wallets.update(new[:room])
            new = new[room:]
        for start in range(0, len(new), self._per_call):
            wallets = set(new[start : start + self._per_call])
            self._shards.append(_Shard(self._open, self._newest_slot, self._silence_s, self._bound, wallets))
        for shard in self._shards:
            shard.changed.set()
        self._more.set()

    def key_changed(self) -> None:
        """Open each call again, under the new key; what is told meanwhile is replayed, and else said to be lost."""
        for shard in self._shards:
            shard.open_again()

    async def follow(self, listener: WalletListener) -> NoReturn:
        """As the port says; whoever stops it hears that everything is lost."""
        try:
            async with trio.open_nursery() as nursery:
                at_work = 0
                while True:
                    self._more = trio.Event()
                    for shard in self._shards[at_work:]:
                        nursery.start_soon(shard.keep, listener)
                    at_work = len(self._shards)
                    await self._more.wait()
        finally:
            for shard in self._shards:
                shard.end(listener)

    def health(self) -> WalletNewsHealth:
        needed = [shard for shard in self._shards if shard.wallets]
        ages = [shard.age_s() for shard in needed]
        heard = [age for age in ages if age is not None]
        return WalletNewsHealth(
            name=NAME,
            wallets=sum(len(shard.wallets) for shard in needed),
            calls=len(needed),
            calls_up=sum(not shard.detail and shard.slot > 0 for shard in needed),
            age_s=max(heard) if heard and len(heard) == len(ages) else None,
            told=sum(shard.told for shard in self._shards),
            lost=sum(shard.unread for shard in self._shards),
            gaps=sum(shard.gaps for shard in self._shards),
            detail=next((shard.detail for shard in needed if shard.detail), ""),
        )


class _Shard:
    """One call. `wallets` are to be in its filter; `slot` is the newest that it told, 0 before the first."""

    def __init__(
        self,
        open_call: OpenCall,
        newest_slot: Callable[[], int],
        silence_s: float,
        bound: SlotBound,
        wallets: set[str],
    ) -> None:
        self._bound = bound
        self.wallets = wallets
        self.changed = trio.Event()
        self.slot = 0
        self.told = 0
        self.unread = 0
        self.gaps = 0
        self.detail = ""
        self._open = open_call
        self._newest_slot = newest_slot
        self._silence_s = silence_s
        self._heard_at_s: float | None = None
        self._covered: set[str] = set()
        self._settling: dict[str, float] = {}  # since when a wallet's filter is relied on
        self._replays_from: int | None = None  # asked for, and not answered yet
        self._call = trio.CancelScope()
        self._has_asked = False

    def age_s(self) -> float | None:
        """Seconds since its last new slot."""
        return None if self._heard_at_s is None else trio.current_time() - self._heard_at_s

    def keep_only(self, wanted: set[str]) -> None:
        """Forget the wallets that are not among these."""
        self.wallets &= wanted
        self._covered &= wanted
        self._settling = {one: at_s for one, at_s in self._settling.items() if one in wanted}

    def open_again(self) -> None:
        """End the call, if there is one, as if it had been asked for anew."""
        self._call.cancel()

    def end(self, listener: WalletListener) -> None:
        """Nobody follows it any more."""
        self._lose(listener)
        self._heard_at_s = None

    async def keep(self, listener: WalletListener) -> NoReturn:
        """Follow its wallets, and again when the call was lost."""
        rest_s = RECONNECT_MIN_S
        while True:
            while not self.wallets:
                self.changed = trio.Event()
                await self.changed.wait()
            before = self.slot
            try:
                await self._follow(listener)
                continue
            except ChainUnavailable as error:
                reason = str(error)
            if not self.detail:
                log.warning("wallet_stream_lost", wallets=len(self.wallets), reason=reason)
            self.detail, stood = reason, self.slot > before
            was_refused = self._has_asked and self._replays_from is not None
            if was_refused or (self.age_s() or 0.0) > LOST_AFTER_S:
                self._lose(listener)
            rest_s = RECONNECT_MIN_S if stood else min(rest_s * 2, RECONNECT_MAX_S)
            await trio.sleep(rest_s)

    def _lose(self, listener: WalletListener) -> None:
        """What is told next does not join what was told last."""
        if self._covered:
            self.gaps += 1
            log.warning("wallet_stream_gap", wallets=len(self._covered), after_slot=self.slot)
            listener.lost(frozenset(self._covered), self.slot)
        self._settling |= dict.fromkeys(self._covered, trio.current_time() + SETTLE_S)
        self._covered.clear()
        self.slot = 0

    async def _follow(self, listener: WalletListener) -> None:
        """Until nobody is wanted any more. Raises ChainUnavailable when the call is lost or silent."""
        silence = Silence(self._silence_s, self._newest_slot, self.slot, behind_slots=CONFIRMED_BEHIND_SLOTS)
        trouble: str | None = f"{NAME}: nothing heard for {self._silence_s:g} s, not even a new slot"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(silence.end, nursery.cancel_scope)
            try:
                with trio.CancelScope() as self._call:
                    await self._hear(listener, silence)
                trouble = None
            except ChainUnavailable as error:
                trouble = str(error)
            nursery.cancel_scope.cancel()
        if trouble is not None:
            raise ChainUnavailable(trouble)

    async def _hear(self, listener: WalletListener, silence: Silence) -> None:
        self._bound.refuse_caught(NAME)
        self._replays_from, self._has_asked = self.slot or None, False
        async with self._open() as call:
            self._settling.clear()
            await self._ask(call, self._replays_from)
            self._has_asked = True
            while True:
                update = self._read(await call.receive())
                if isinstance(update, Ping):
                    await call.send(ping_request())
                elif isinstance(update, RecordTold):
                    self._bound.check(NAME, update.record.slot)
                    self._tell(update, listener)
                elif update is not None and self._is_new(update, listener):
                    silence.heard(update.slot)
                # A server takes the latest of several requests alone, and with it no replay that an earlier one wanted.
                if self.changed.is_set() and self._replays_from is None:
                    if not self.wallets:
                        self.slot = 0
                        return
                    await self._ask(call, None)

    async def _ask(self, call: Call, from_slot: int | None) -> None:
        """Have the filter hold the wallets of now."""
        self.changed = trio.Event()
        settled_at_s = trio.current_time() + SETTLE_S
        for one in self.wallets - self._covered - self._settling.keys():
            self._settling[one] = settled_at_s
        await call.send(subscribe_request(sorted(self.wallets), from_slot, CONFIRMED))

    def _is_new(self, told: SlotTold, listener: WalletListener) -> bool:
        """Take a slot; whether it is a sign of life. The first one of a call tells whether it brings what was missed.

        Raises ChainUnavailable for one that cannot be yet.
        """
        self._bound.check(NAME, told.slot)
        if self._replays_from is not None:
            if told.slot > self._replays_from:
                self._lose(listener)
            self._replays_from = None
        if told.slot <= self.slot:
            return False
        self.slot = told.slot
        self._heard_at_s = now_s = trio.current_time()
        self.detail = ""
        settled = frozenset(one for one, at_s in self._settling.items() if at_s <= now_s)
        if settled:
            for one in settled:
                del self._settling[one]
            self._covered |= settled
            listener.covers(settled, self.slot)
        return True

    def _read(self, message: bytes) -> SlotTold | RecordTold | Ping | None:
        try:
            return decode_confirmed(message)
        except DecodeError as error:
            self.unread += 1
            log.warning("wallet_update_lost", reason=str(error))
            return None

    def _tell(self, told: RecordTold, listener: WalletListener) -> None:
        self.told += 1
        for one in self._told_of(told):
            listener.told(one)

    def _told_of(self, told: RecordTold) -> Iterator[WalletTold]:
        slot = told.record.slot
        for address in sorted(self.wallets.intersection(account_keys(told.record))):
            try:
                swaps = tuple(swaps_in(told.record, told.signature, address))
            except DecodeError as error:
                yield WalletTold(address, told.signature, slot, (), unread=str(error))
                continue
            yield WalletTold(address, told.signature, slot, swaps)
