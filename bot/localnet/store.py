"""The chain on disk: one SQLite transaction per block, so that it outlives the death of its process at any moment.

History is read from here and not from memory. A chain without a data directory uses the same code on an in-memory
database.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.localnet.chain import Position
from bot.localnet.errors import LocalnetError
from bot.localnet.records import Block, BlockHeader, ExecutedTransaction, TransactionStatus

FORMAT = 2
# The market's own transactions are forgotten first; everybody else's stay twenty times as long.
HISTORY_TRANSACTIONS = 100_000
OTHERS_KEPT_TIMES = 20
BLOCKS_KEPT = 100_000
PRUNE_EVERY_BLOCKS = 256

SCHEMA = """
create table if not exists meta (key text primary key, value blob not null) without rowid;
create table if not exists accounts (
  address blob primary key, lamports integer not null, owner blob not null, executable integer not null,
  rent_epoch blob not null, data blob not null
) without rowid;
create table if not exists transactions (
  id integer primary key, signature blob not null unique, slot integer not null, time_s integer not null,
  error text, short_lived integer not null, record blob not null
);
create index if not exists transactions_by_slot on transactions (slot);
create table if not exists blocks (
  slot integer primary key, height integer not null, time_s integer not null, blockhash text not null
);
create table if not exists address_transactions (
  address integer not null, id integer not null, primary key (address, id)
) without rowid;
create table if not exists pending (id integer primary key, raw blob not null);
create table if not exists market (key text primary key, value blob not null) without rowid;
"""


class StoreError(LocalnetError):
    """The data directory cannot be used; the text is one line for the operator."""


def _address_key(address: Pubkey) -> int:
    """The first 8 bytes of an address as SQLite's signed integer: a fifth of the index, and never the only proof."""
    return int.from_bytes(bytes(address)[:8], "big", signed=True)


class Store:
    """Accounts, history, queue and market state of one chain. `directory` None keeps everything in memory.

    Only one process may hold a directory; a second one gets StoreError.
    """

    def __init__(self, directory: Path | None = None, *, history_transactions: int = HISTORY_TRANSACTIONS) -> None:
        self._lock = None if directory is None else _lock_directory(directory)
        self._history_transactions = history_transactions
        target = ":memory:" if directory is None else str(directory / "chain.sqlite3")
        self._database = sqlite3.connect(target, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")
        self._database.executescript(SCHEMA)
        stored = self.meta("format")
        if stored is not None and stored != FORMAT:
            self.close()
            raise StoreError(f"the local chain in {directory} has format {stored}, this version reads {FORMAT}")
        self._encode_record = msgspec.msgpack.Encoder().encode
        self._decode_record = msgspec.msgpack.Decoder(ExecutedTransaction).decode

    def close(self) -> None:
        """Close the database and let go of the directory."""
        self._database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def meta(self, key: str) -> Any:
        """A stored property of the chain, or None."""
        row = self._database.execute("select value from meta where key = ?", (key,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0])

    def set_meta(self, **properties: Any) -> None:
        """Store properties of the chain; each value must be JSON."""
        rows = [(key, msgspec.json.encode(value)) for key, value in properties.items()]
        self._database.executemany("insert or replace into meta values (?, ?)", rows)

    def create(self, genesis_hash: Hash, seed: int) -> None:
        """Make this the store of a new chain."""
        self.set_meta(format=FORMAT, genesis_hash=str(genesis_hash), seed=seed)

    def seed(self) -> int | None:
        """The seed of the stored chain; None when there is none yet."""
        stored = self.meta("seed")
        return None if stored is None else int(stored)

    def genesis_hash(self) -> Hash | None:
        """The genesis hash of the stored chain; None when there is none yet."""
        text = self.meta("genesis_hash")
        return None if text is None else Hash.from_string(text)

    def position(self) -> Position | None:
        """Where the stored chain stands; None before its first block."""
        stored = self.meta("position")
        return None if stored is None else msgspec.convert(stored, Position)

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """Every stored account."""
        for address, lamports, owner, executable, rent_epoch, data in self._database.execute("select * from accounts"):
            epoch = int.from_bytes(rent_epoch, "little")
            yield Pubkey(address), Account(lamports, data, Pubkey(owner), bool(executable), epoch)

    def pending(self) -> list[bytes]:
        """Transactions that waited when the last block was stored."""
        return [row[0] for row in self._database.execute("select raw from pending order by id")]

    def market_state(self) -> dict[str, bytes]:
        """What the market last handed to `commit`."""
        return dict(self._database.execute("select key, value from market").fetchall())

    def commit(
        self,
        block: Block | None,
        position: Position,
        accounts: Mapping[Pubkey, Account | None],
        *,
        pending: list[bytes],
        market: Mapping[str, bytes | None],
        short_lived: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Store one block with everything that belongs to it, whole or not at all.

        `short_lived` says of a fee payer whether its transactions may be forgotten early.
        """
        database = self._database
        database.execute("begin")
        try:
            if block is not None:
                self._insert_transactions(block, short_lived)
                header = (block.slot, block.height, block.block_time_s, block.blockhash)
                database.execute("insert into blocks values (?, ?, ?, ?)", header)
            self._write_accounts(accounts)
            self._write_pending(pending)
            gone = [(key,) for key, value in market.items() if value is None]
            kept = [(key, value) for key, value in market.items() if value is not None]
            database.executemany("delete from market where key = ?", gone)
            database.executemany("insert or replace into market values (?, ?)", kept)
            self.set_meta(position=msgspec.to_builtins(position))
            if position.height % PRUNE_EVERY_BLOCKS == 0:
                self._prune()
        except BaseException:
            database.execute("rollback")
            raise
        database.execute("commit")

    def roll_back(
        self, stayed_slot: int, position: Position, accounts: Mapping[Pubkey, Account | None], *, pending: list[bytes]
    ) -> None:
        """Forget every transaction after a slot, with the accounts as they were before them, whole or not at all."""
        database = self._database
        database.execute("begin")
        try:
            gone = database.execute("select id, record from transactions where slot > ?", (stayed_slot,)).fetchall()
            self._forget(gone)
            database.execute("delete from blocks where slot > ?", (stayed_slot,))
            self._write_accounts(accounts)
            self._write_pending(pending)
            self.set_meta(position=msgspec.to_builtins(position))
        except BaseException:
            database.execute("rollback")
            raise
        database.execute("commit")

    def _write_pending(self, pending: list[bytes]) -> None:
        self._database.execute("delete from pending")
        self._database.executemany("insert into pending (raw) values (?)", [(raw,) for raw in pending])

    def _write_accounts(self, accounts: Mapping[Pubkey, Account | None]) -> None:
        gone = [(bytes(key),) for key, account in accounts.items() if account is None]
        kept = [
            (
                bytes(key),
                account.lamports,
                bytes(account.owner),
                account.executable,
                account.rent_epoch.to_bytes(8, "little"),
                account.data,
            )
            for key, account in accounts.items()
            if account is not None
        ]
        self._database.executemany("delete from accounts where address = ?", gone)
        self._database.executemany("insert or replace into accounts values (?, ?, ?, ?, ?, ?)", kept)

    def _insert_transactions(self, block: Block, short_lived: Callable[[str], bool]) -> None:
        for landed in block.transactions:
            record = landed.record
            error = None if record.error is None else msgspec.json.encode(record.error).decode()
            cursor = self._database.execute(
                "insert into transactions (signature, slot, time_s, error, short_lived, record) values (?, ?, ?, ?, ?, ?)",
                (
                    bytes(Signature.from_string(record.signature)),
                    record.slot,
                    record.block_time_s,
                    error,
                    short_lived(record.account_keys[0]),
                    zlib.compress(self._encode_record(record), 1),
                ),
            )
            mentions = {_address_key(Pubkey.from_string(key)) for key in record.account_keys}
            self._database.executemany(
                "insert into address_transactions values (?, ?)", [(key, cursor.lastrowid) for key in mentions]
            )

    def _prune(self) -> None:
        """Drop the oldest transactions beyond the bound, index entries first, and blocks that are not whole any more."""
        (newest,) = self._database.execute("select coalesce(max(id), 0) from transactions").fetchone()
        last = newest - self._history_transactions
        self._database.execute(
            "delete from blocks where slot <= (select max(slot) from blocks) - ?"
            " or slot <= (select slot from transactions where id <= ? order by id desc limit 1)",
            (BLOCKS_KEPT, last),
        )
        rows = self._database.execute(
            "select id, record from transactions where id <= ? and (short_lived or id <= ?)",
            (last, newest - self._history_transactions * OTHERS_KEPT_TIMES),
        ).fetchall()
        self._forget(rows)

    def _forget(self, rows: list[tuple[int, bytes]]) -> None:
        """Drop transactions by id and record, their index entries first."""
        for row_id, blob in rows:
            record = self._decode_record(zlib.decompress(blob))
            mentions = {_address_key(Pubkey.from_string(key)) for key in record.account_keys}
            self._database.executemany(
                "delete from address_transactions where address = ? and id = ?", [(key, row_id) for key in mentions]
            )
            self._database.execute("delete from transactions where id = ?", (row_id,))

    def has(self, signature: Signature) -> bool:
        """Whether a transaction with this signature was executed."""
        row = self._database.execute("select 1 from transactions where signature = ?", (bytes(signature),)).fetchone()
        return row is not None

    def status(self, signature: Signature) -> TransactionStatus | None:
        """Slot and outcome of an executed transaction."""
        row = self._database.execute(
            "select slot, time_s, error from transactions where signature = ?", (bytes(signature),)
        ).fetchone()
        return None if row is None else _status(str(signature), *row)

    def transaction(self, signature: Signature) -> ExecutedTransaction | None:
        """The whole record of an executed transaction."""
        row = self._database.execute(
            "select record from transactions where signature = ?", (bytes(signature),)
        ).fetchone()
        return None if row is None else self._decode_record(zlib.decompress(row[0]))

    def block(self, slot: int) -> BlockHeader | None:
        """The block of a slot; None where there was none, or where it is not whole any more."""
        return self._one_block("select * from blocks where slot = ?", slot)

    def block_before(self, slot: int) -> BlockHeader | None:
        """The newest block before a slot that is still known."""
        return self._one_block("select * from blocks where slot < ? order by slot desc limit 1", slot)

    def first_block(self) -> BlockHeader | None:
        """The oldest block that is still known."""
        return self._one_block("select * from blocks where slot >= ? order by slot limit 1", 0)

    def _one_block(self, query: str, slot: int) -> BlockHeader | None:
        row = self._database.execute(query, (slot,)).fetchone()
        return None if row is None else BlockHeader(*row)

    def slots_with_blocks(self, first: int, last: int, limit: int) -> list[int]:
        """The slots of a range that have a block, ascending, at most so many."""
        rows = self._database.execute(
            "select slot from blocks where slot between ? and ? order by slot limit ?", (first, last, limit)
        )
        return [slot for (slot,) in rows.fetchall()]

    def transactions_in(self, slot: int) -> list[ExecutedTransaction]:
        """The transactions of a slot in their order."""
        rows = self._database.execute("select record from transactions where slot = ? order by id", (slot,)).fetchall()
        return [self._decode_record(zlib.decompress(record)) for (record,) in rows]

    def transactions_of(
        self, address: Pubkey, *, newest_slot: int, before: Signature | None, until: Signature | None, limit: int
    ) -> list[TransactionStatus]:
        """Transactions that mention `address`, newest first, down from `before` and not reaching `until`.

        An unknown `before` or `until` is ignored.
        """
        upper = self._id_of(before)
        lower = self._id_of(until)
        rows = self._database.execute(
            "select t.signature, t.slot, t.time_s, t.error from address_transactions a join transactions t using (id)"
            " where a.address = ? and t.slot <= ? and a.id < ? and a.id > ? order by a.id desc limit ?",
            (_address_key(address), newest_slot, upper if upper is not None else 1 << 62, lower or 0, limit),
        ).fetchall()
        return [_status(str(Signature(row[0])), *row[1:]) for row in rows]

    def _id_of(self, signature: Signature | None) -> int | None:
        if signature is None:
            return None
        row = self._database.execute("select id from transactions where signature = ?", (bytes(signature),)).fetchone()
        return None if row is None else int(row[0])


def _status(signature: str, slot: int, time_s: int, error: str | None) -> TransactionStatus:
    return TransactionStatus(signature, slot, time_s, None if error is None else msgspec.json.decode(error))


def _lock_directory(directory: Path) -> int:
    """Hold the directory until the process ends; the kernel lets go of the lock however the process dies."""
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory / "chain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StoreError(f"another local chain runs in {directory}; stop it or choose another --data-dir") from None
    return handle
