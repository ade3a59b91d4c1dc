"""What a stopped data directory holds, read from its own PostgreSQL and its own chain; nothing is judged here.

The chain is asked in plain JSON-RPC and the database in plain SQL: the bot's own readers are what the audit is about.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from bot.storage.address import DatabaseAddress, address_of_socket
from bot.storage.cluster import DATABASE, SUPERUSER
from bot.storage.embedded import embedded_postgres
from tests.leaks.places import leaks_in_database
from tests.storage.server_thread import run_sql

Row = Mapping[str, Any]

POOLS = "pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA"
LAUNCHPAD = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
TOKEN_PROGRAMS = ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
PAGE = 1_000  # getSignaturesForAddress gives at most this many
READY_WITHIN_S = 30.0
POLL_S = 0.02
SLOT_MS = 20
SETTLED_SLOTS = 3  # what waited in the chain's queue when it was stopped has landed and is confirmed by then

TABLES = {
    "wallets": "select id, user_id, address, mode from user_wallets order by seq",
    "intents": "select * from intents order by seq",
    "attempts": "select signature, intent_id, number, state, error from attempts order by created_at",
    "trades": "select * from trades order by seq",
    "positions": "select * from positions order by seq",
    "entries": "select id, kind, wallet_id, position_id, signature, slot from ledger_entries order by id",
    "legs": "select entry_id, account, lamports from ledger_legs order by id",
    "adjustments": "select * from adjustments order by id",
    "reversals": "select intent_id, signature, evidence from reversals order by trade_seq",
    "runs": "select * from snipe_runs order by seq",
    "messages": "select id, user_id, kind, trace_id, delivered_at from outbox order by seq",
}


@dataclass(frozen=True, slots=True)
class Books:
    """Every row that speaks of money, one list per table; see TABLES."""

    genesis_hash: str | None
    wallets: Sequence[Row]
    intents: Sequence[Row]
    attempts: Sequence[Row]
    trades: Sequence[Row]
    positions: Sequence[Row]
    entries: Sequence[Row]
    legs: Sequence[Row]
    adjustments: Sequence[Row]
    reversals: Sequence[Row]
    runs: Sequence[Row]
    messages: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Landed:
    """One transaction that touched a wallet: what it changed there. `signed` tells whether the wallet paid for it."""

    signature: str
    slot: int
    signed: bool
    succeeded: bool
    lamports: int
    tokens: Mapping[str, int]
    on_launchpad: bool


@dataclass(frozen=True, slots=True)
class WalletOnChain:
    """A wallet as the chain shows it: lamports, raw units by mint (empty accounts left out), all its transactions."""

    lamports: int
    tokens: Mapping[str, int]
    landed: Sequence[Landed]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the chain shows of the books' wallets, by address."""

    genesis_hash: str
    wallets: Mapping[str, WalletOnChain]


def read_books(directory: Path) -> Books:
    """All rows of the database in a data directory on which no bot runs; none of any table may hold a secret."""

    async def read() -> Books:
        async with embedded_postgres(directory / "postgres") as server:
            assert await leaks_in_database(server.address) == []
            return await read_books_at(server.address)

    return trio.run(read)


async def read_books_at(address: DatabaseAddress) -> Books:
    """All rows of a database of which nobody writes any more."""
    tables = {name: [dict(row) for row in await run_sql(address, sql)] for name, sql in TABLES.items()}
    program = await run_sql(address, "select genesis_hash from program")
    return Books(genesis_hash=program[0]["genesis_hash"] if program else None, **tables)


def rows_of_running(directory: Path, sql: str) -> list[Row]:
    """What a statement finds in the database of a data directory on which the bot runs."""
    root = directory / "postgres"
    told = (root / "data" / "postmaster.pid").read_text().splitlines()
    address = address_of_socket(
        Path(told[4]),
        port=int(told[3]),
        user=SUPERUSER,
        password=(root / "password").read_text().strip(),
        database=DATABASE,
        name="the database of a running bot",
    )
    return [dict(row) for row in trio.run(run_sql, address, sql)]


def change_books(directory: Path, *statements: str) -> None:
    """Run statements in the database of a data directory on which no bot runs, past every trigger that guards it."""

    async def change() -> None:
        async with embedded_postgres(directory / "postgres") as server:
            await run_sql(server.address, "set session_replication_role = replica", *statements, "select 1")

    trio.run(change)


def read_evidence(directory: Path, addresses: Sequence[str]) -> Evidence:
    """What the chain of a data directory shows of these wallets, after everything that waited in its queue has landed."""
    with running_chain(directory / "localnet") as url:
        node = Node(url)
        waited_until = node.call("getSlot", {"commitment": "processed"}) + SETTLED_SLOTS
        while node.call("getSlot", {"commitment": "confirmed"}) < waited_until:
            time.sleep(POLL_S)
        return Evidence(node.call("getGenesisHash"), {address: node.wallet(address) for address in addresses})


@contextmanager
def running_chain(directory: Path) -> Iterator[str]:
    """The chain in `directory` with nobody else on it; its HTTP URL."""
    command = [sys.executable, "-m", "bot.localnet", "--data-dir", str(directory), "--no-market"]
    command += ["--slot-ms", str(SLOT_MS), "--parent-pid", str(os.getpid())]
    with (
        (directory / "audit.log").open("w") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            yield _url_of(process, directory)
        finally:
            process.terminate()
            process.wait(READY_WITHIN_S)


def _url_of(process: subprocess.Popen[bytes], directory: Path) -> str:
    """The URL that the chain writes down once it answers."""
    deadline_s = time.monotonic() + READY_WITHIN_S
    while True:
        assert process.poll() is None, (directory / "audit.log").read_text()
        assert time.monotonic() < deadline_s, f"the chain in {directory} did not get ready"
        try:
            record = json.loads((directory / "localnet.json").read_text())
        except (FileNotFoundError, ValueError):
            record = {}
        if record.get("pid") == process.pid:
            return str(record["http_url"])
        time.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class Node:
    """Blocking JSON-RPC to one node."""

    url: str

    def call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=READY_WITHIN_S) as response:
            answer = json.load(response)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def wallet(self, address: str) -> WalletOnChain:
        confirmed = {"commitment": "confirmed"}
        tokens: dict[str, int] = {}
        for program in TOKEN_PROGRAMS:
            accounts = self.call(
                "getTokenAccountsByOwner", address, {"programId": program}, {**confirmed, "encoding": "jsonParsed"}
            )
            for account in accounts["value"]:
                held = account["account"]["data"]["parsed"]["info"]
                tokens[held["mint"]] = tokens.get(held["mint"], 0) + int(held["tokenAmount"]["amount"])
        return WalletOnChain(
            lamports=self.call("getBalance", address, confirmed)["value"],
            tokens={mint: raw for mint, raw in tokens.items() if raw},
            landed=[self._landed(signature, address) for signature in self.signatures(address)],
        )

    def signatures(self, address: str) -> list[str]:
        """Signatures of all transactions that mention the address, oldest first."""
        found: list[str] = []
        page: list[Row] = []
        while not found or len(page) == PAGE:
            before = {"before": found[-1]} if found else {}
            page = self.call("getSignaturesForAddress", address, {"limit": PAGE, "commitment": "confirmed", **before})
            if not page:
                break
            found += [entry["signature"] for entry in page]
        return found[::-1]

    def transaction(self, signature: str) -> Any:
        """A confirmed transaction as the interface gives it."""
        config = {"commitment": "confirmed", "encoding": "json", "maxSupportedTransactionVersion": 0}
        return self.call("getTransaction", signature, config)

    def _landed(self, signature: str, address: str) -> Landed:
        record = self.transaction(signature)
        meta, message = record["meta"], record["transaction"]["message"]
        loaded = meta.get("loadedAddresses") or {"writable": [], "readonly": []}
        keys = message["accountKeys"] + loaded["writable"] + loaded["readonly"]
        index = keys.index(address)
        tokens: dict[str, int] = {}
        for balances, sign in ((meta["preTokenBalances"], -1), (meta["postTokenBalances"], 1)):
            for balance in balances:
                if balance["owner"] == address:
                    change = sign * int(balance["uiTokenAmount"]["amount"])
                    tokens[balance["mint"]] = tokens.get(balance["mint"], 0) + change
        return Landed(
            signature=signature,
            slot=record["slot"],
            signed=keys[0] == address,
            succeeded=meta["err"] is None,
            lamports=meta["postBalances"][index] - meta["preBalances"][index],
            tokens={mint: raw for mint, raw in tokens.items() if raw},
            on_launchpad=LAUNCHPAD in keys or POOLS in keys,
        )
