"""Address lookup tables as the chain has them: what a v0 message may name by an index instead of by its key.

Layout: the address lookup table program's `LookupTableMeta`, 56 bytes, and 32 bytes for each address. Whoever proposes a
table is not asked what is in it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import trio
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.rpc import AccountData
from bot.chain.witnessed import WitnessedReads
from bot.errors import DecodeError

PROGRAM = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
META_BYTES = 56
KEY_BYTES = 32
INITIALIZED = 1
ACTIVE_SLOT = 2**64 - 1  # the slot of a deactivation that never was
MAX_AGE_S = 300.0  # addresses are only ever added to a table; a closed one has been deactivated for longer than this
MAX_TABLES = 500


class LookupTables:
    """Reads tables and keeps them for a while."""

    def __init__(self, reads: WitnessedReads) -> None:
        self._reads = reads
        self._known: OrderedDict[str, tuple[AddressLookupTableAccount, float]] = OrderedDict()

    async def of(self, names: Sequence[str]) -> list[AddressLookupTableAccount]:
        """The tables of these addresses; raises DecodeError for one that is none or is being closed, ChainUnavailable."""
        now_s = trio.current_time()
        keys = [at.key_from(name) for name in dict.fromkeys(names)]
        missing = [key for key in keys if self._is_old(str(key), now_s)]
        if missing:
            slot, accounts = await self._reads.accounts([str(key) for key in missing], "confirmed")
            for key in missing:
                table = decode_table(key, accounts[str(key)], slot)
                self._known[str(key)] = (table, now_s)
                self._known.move_to_end(str(key))
            while len(self._known) > MAX_TABLES:
                self._known.popitem(last=False)
        return [self._known[str(key)][0] for key in keys]

    def _is_old(self, name: str, now_s: float) -> bool:
        known = self._known.get(name)
        return known is None or now_s >= known[1] + MAX_AGE_S


def decode_table(key: Pubkey, account: AccountData | None, slot: int) -> AddressLookupTableAccount:
    """A table's addresses that a transaction of a later slot than `slot` may name; raises DecodeError for no such table."""
    if account is None or account.owner != str(PROGRAM):
        raise DecodeError(f"{key} is no lookup table")
    data = account.data
    if len(data) < META_BYTES or int.from_bytes(data[:4], "little") != INITIALIZED:
        raise DecodeError(f"the lookup table {key} has no content")
    if int.from_bytes(data[4:12], "little") != ACTIVE_SLOT:
        raise DecodeError(f"the lookup table {key} is being closed")
    if (len(data) - META_BYTES) % KEY_BYTES:
        raise DecodeError(f"the lookup table {key} ends within an address")
    count = (len(data) - META_BYTES) // KEY_BYTES
    if int.from_bytes(data[12:20], "little") >= slot:
        count = min(count, data[20])  # what was added in this slot is there for the next one
    places = range(META_BYTES, META_BYTES + count * KEY_BYTES, KEY_BYTES)
    return AddressLookupTableAccount(key, [Pubkey.from_bytes(data[place : place + KEY_BYTES]) for place in places])


def without(table: AddressLookupTableAccount, keys: frozenset[Pubkey]) -> AddressLookupTableAccount:
    """The table without these keys, every other at its index: a tip must not be reached through a table."""
    return AddressLookupTableAccount(table.key, [table.key if one in keys else one for one in table.addresses])
