"""Word of followed wallets from Helius's `transactionSubscribe`: which of them a transaction is said to name, and no more.

Nothing of it is believed. It makes the scanner of that wallet look at its history sooner than it would by itself. Shapes:
helius.dev/docs, "transactionSubscribe" (2026).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NoReturn

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.silence import Silence
from bot.chain.subscriptions import Notification, Subscribe, Subscriptions
from bot.chain.wire import Wire
from bot.errors import ChainUnavailable
from bot.ports import WalletListener, WalletNewsHealth

NAME = "helius"
MAX_ACCOUNTS = 50_000  # of one subscription
RECONNECT_MIN_S = 0.2
RECONNECT_MAX_S = 30.0
CHANGE_S = 1.0  # changes within this time are one new connection
SLOTS = Subscribe("slotSubscribe", [])
OPTIONS = {
    "commitment": "confirmed",
    "encoding": "jsonParsed",
    "transactionDetails": "accounts",
    "showRewards": False,
    "maxSupportedTransactionVersion": 1,
}

log = structlog.get_logger()


class _Account(Wire, frozen=True):
    pubkey: str


class _Message(Wire, frozen=True):
    account_keys: tuple[_Account, ...] = ()


class _Body(Wire, frozen=True):
    """The accounts stand in the message, or beside the signatures where no more than accounts were asked for."""

    account_keys: tuple[_Account, ...] = ()
    message: _Message = _Message()


class _Transaction(Wire, frozen=True):
    transaction: _Body


class _Told(Wire, frozen=True):
    signature: str
    transaction: _Transaction


_told = msgspec.json.Decoder(_Told)
_slot = msgspec.json.Decoder(wire.SlotInfo)


class EnhancedHints:
    """The port `WalletNews`, without ever covering a wallet: one connection for all, opened anew when they change.

    No new slot for `silence_s` means that the connection is dead, unless `newest_slot`, that of the RPC endpoints, 0 while it
    is not known, shows that the chain stands.
    """

    def __init__(self, source: Subscriptions, newest_slot: Callable[[], int], *, silence_s: float) -> None:
        self._source = source
        self._newest_slot = newest_slot
        self._silence_s = silence_s
        self._slot = 0
        self._wallets: frozenset[str] = frozenset()
        self._changed = trio.Event()
        self._heard_at_s: float | None = None
        self._hints = 0
        self._unread = 0
        self._trouble = ""

    def __repr__(self) -> str:
        return f"<EnhancedHints {self._source.name}>"

    def want(self, addresses: Collection[str]) -> None:
        wanted = frozenset(addresses)
        if wanted != self._wallets:
            self._wallets = wanted
            self._changed.set()

    def health(self) -> WalletNewsHealth:
        is_needed = bool(self._wallets)
        return WalletNewsHealth(
            name=NAME,
            wallets=len(self._wallets),
            calls=int(is_needed),
            calls_up=int(is_needed and self._heard_at_s is not None and not self._trouble),
            age_s=None if self._heard_at_s is None else trio.current_time() - self._heard_at_s,
            told=self._hints,
            lost=self._unread,
            detail=self._trouble,
            is_believed=False,
        )

    async def follow(self, listener: WalletListener) -> NoReturn:
        rest_s = RECONNECT_MIN_S
        while True:
            self._changed = trio.Event()
            if not self._wallets:
                await self._changed.wait()
                continue
            before_s = self._heard_at_s
            trouble = await self._until_they_change(listener)
            if not trouble:
                continue
            if not self._trouble:
                log.warning("wallet_hints_lost", reason=trouble)
            self._trouble = trouble
            rest_s = RECONNECT_MIN_S if self._heard_at_s != before_s else min(rest_s * 2, RECONNECT_MAX_S)
            await trio.sleep(rest_s)

    async def _until_they_change(self, listener: WalletListener) -> str:
        """What ended the connection; empty where other wallets are wanted."""
        troubles: list[str] = []

        async with trio.open_nursery() as nursery:

            async def hear() -> None:
                troubles.append(await self._hear(listener))
                nursery.cancel_scope.cancel()

            nursery.start_soon(hear)
            await self._changed.wait()
            await trio.sleep(CHANGE_S)
            nursery.cancel_scope.cancel()
        return troubles[0] if troubles else ""

    async def _hear(self, listener: WalletListener) -> str:
        silence = Silence(self._silence_s, self._newest_slot, self._slot)
        trouble = f"{self._source.name}: nothing heard for {self._silence_s:g} s, not even a new slot"

        async def deliver(notification: Notification) -> None:
            await trio.lowlevel.checkpoint()
            if notification.method == "slotNotification":
                self._note_slot(notification.result, silence)
            elif notification.method == "transactionNotification":
                self._hint(notification.result, listener)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(silence.end, nursery.cancel_scope)
            try:
                await self._source.follow([SLOTS, *self._wanted()], deliver, lambda: None)
            except ChainUnavailable as error:
                trouble = str(error)
            nursery.cancel_scope.cancel()
        return trouble

    def _note_slot(self, result: msgspec.Raw, silence: Silence) -> None:
        try:
            slot = _slot.decode(result).slot
        except wire.UNREADABLE:
            raise ChainUnavailable(f"{self._source.name}: a notification of another shape") from None
        if slot > self._slot:
            self._slot, self._heard_at_s, self._trouble = slot, trio.current_time(), ""
            silence.heard(slot)

    def _wanted(self) -> Iterator[Subscribe]:
        wallets = sorted(self._wallets)
        for start in range(0, len(wallets), MAX_ACCOUNTS):
            some = {"accountInclude": wallets[start : start + MAX_ACCOUNTS], "vote": False, "failed": False}
            yield Subscribe("transactionSubscribe", [some, OPTIONS])

    def _hint(self, result: msgspec.Raw, listener: WalletListener) -> None:
        try:
            told = _told.decode(result)
        except wire.UNREADABLE as error:
            self._unread += 1
            log.warning("wallet_hint_not_read", reason=str(error))
            return
        self._hints += 1
        body = told.transaction.transaction
        named = {one.pubkey for one in (*body.account_keys, *body.message.account_keys)}
        for address in self._wallets & named:
            listener.hinted(address, told.signature)
