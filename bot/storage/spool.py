"""The store that goes on with exits while the database is away: from memory, through a journal, and then into the rows.

While the database answers every call is the database's. Once one that exits need was not answered, exits are judged and
followed from memory, and their bytes are on the local disk before they may leave; whatever would buy is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog

from bot.errors import StoreUnavailable
from bot.execution.ordered_causes import is_operator
from bot.ports import OutboxMessage, SpoolState, Store, WalletLedger
from bot.storage.spool_charge import Charge, WritesRefused
from bot.storage.spool_codec import Kept
from bot.storage.spool_entries import Audited, Posted
from bot.storage.spool_journal import Journal
from bot.storage.spool_orders import SpooledOrders
from bot.storage.spool_people import SpooledPeople
from bot.trading.trading_state import GLOBAL, Cause

log = structlog.get_logger()


class SpooledStore(SpooledPeople, SpooledOrders):
    """Implements `Store` around another one, and `Spool`.

    What exits do not need is handed through by name, so that a new call of the port needs no line here; `as_store`
    gives the whole as what it is.
    """

    def __init__(self, store: Store, journal: Journal, *, overtaken: bool = False, trouble: str | None = None) -> None:
        """`overtaken` says that another bot has led since an earlier process wrote what the journal holds.

        `trouble` is what operators are to hear of it.
        """
        super().__init__(store, Charge(store, journal, overtaken=overtaken, trouble=trouble))

    def __repr__(self) -> str:
        return f"<SpooledStore {self._charge!r} around {self._store!r}>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @property
    def as_store(self) -> Store:
        return cast(Store, self)

    def spool(self) -> SpoolState:
        return self._charge.state()

    def on_trouble(self, listener: Callable[[str], None]) -> None:
        self._charge.on_trouble(listener)

    async def catch_up(self) -> None:
        """Carry out what an earlier process left in the journal, and read what is open; raises StoreUnavailable."""
        await self._charge.catch_up()

    async def ping(self) -> None:
        """The probe of the database is also what puts it in charge again.

        Its answer counts even where that must wait. One that takes no write is as good as away.
        """
        await self._store.ping()
        try:
            await self._charge.catch_up()
        except WritesRefused:
            raise
        except StoreUnavailable as error:
            log.info("journal_waits", reason=str(error))

    async def post(self, message: OutboxMessage) -> None:
        """A message is no reason to stop an exit: while the database is away it waits in memory."""
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    await self._store.post(message)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    return
            self._charge.enter(Posted(message))

    async def audit(self, by: str, action: str, detail: dict[str, object], now_ms: int) -> None:
        """An operator acts while the database is away as well; what he did is in the log then, and in its rows afterwards."""
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    await self._store.audit(by, action, detail, now_ms)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                else:
                    return
            self._charge.enter(Audited(by, action, detail, now_ms))

    async def wallet_ledger(self, wallet_id: str) -> WalletLedger:
        """What memory has decided is in no ledger yet: while it is in charge nobody compares one with the chain."""
        return await self._charge.read(lambda: self._store.wallet_ledger(wallet_id), lambda: None)

    async def ours(self, wallet_id: str, signatures: Sequence[str]) -> set[str]:
        """The rows do not know the attempts in the journal: while memory is in charge nobody can say."""
        return await self._charge.read(lambda: self._store.ours(wallet_id, signatures), lambda: None)

    async def causes(self) -> list[Cause]:
        """What an earlier process left in the journal is among them: whoever takes them over would drop it otherwise."""
        await self._charge.ready()
        return await self._store.causes()

    async def save_cause(self, cause: Cause) -> None:
        """What a person ordered is kept in the journal; the program's own causes are about what is away and wait."""
        waits = cause.scope == GLOBAL and not is_operator(cause.by)
        async with self._charge.writing():
            if self._charge.away is None:
                try:
                    await self._store.save_cause(cause)
                except StoreUnavailable as error:
                    self._charge.lost(error)
                    if waits:
                        raise
                else:
                    return
            if waits:
                raise self._charge.refusal()
            await self._charge.record(Kept(cause))

    async def clear_cause(self, name: str, scope: str, by: str, now_ms: int | None = None) -> None:
        """Not before what waits is in the rows: a pause that was ended first would be written behind its end."""
        async with self._charge.writing():
            if self._charge.away is not None:
                raise self._charge.refusal()
            await self._store.clear_cause(name, scope, by, now_ms)
