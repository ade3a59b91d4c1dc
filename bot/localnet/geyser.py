"""The stand-in of a Yellowstone Geyser stream: slots and transactions of the local chain by the filters of a request.

Messages follow `geyser.proto` 15.1 and `solana-storage.proto` of rpcpool/yellowstone-grpc: transaction and slot filters,
commitment, pings, and a replay from a slot that is still kept. Sans-IO; the sockets are a shell over this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from bot.localnet.chain import Chain, Commitment
from bot.localnet.faults import STREAM_SILENT, FaultTable
from bot.localnet.log_lines import told_lines
from bot.localnet.protobuf import Malformed, number, numbers, parse, text
from bot.localnet.records import Block, ExecutedTransaction, TokenBalance

SUBSCRIBE = "/geyser.Geyser/Subscribe"
COMMITMENTS: tuple[Commitment, ...] = ("processed", "confirmed", "finalized")
PING = text(6, b"")

INVALID_ARGUMENT, OUT_OF_RANGE = 3, 11
MAX_FILTER_ACCOUNTS = 50_000  # of one filter, for each way to name them; operators choose theirs


class Refusal(Exception):
    """The call ends with this status and text."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(told)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Transactions:
    """A transaction filter: at least one of `include` where there are any, all of `required`, none of `exclude`."""

    name: str
    failed: bool | None
    include: frozenset[str]
    exclude: frozenset[str]
    required: frozenset[str]

    def matches(self, record: ExecutedTransaction) -> bool:
        if self.failed is not None and self.failed is (record.error is None):
            return False
        keys = set(record.account_keys)
        return (not self.include or bool(self.include & keys)) and self.required <= keys and not self.exclude & keys


@dataclass(frozen=True, slots=True)
class _Request:
    """What a client asked for; `slots` are the names of its slot filters, each with whether it goes by commitment."""

    transactions: tuple[_Transactions, ...]
    slots: tuple[tuple[str, bool], ...]
    commitment: Commitment
    from_slot: int | None


Deliver = Callable[[bytes], None]


class Geyser:
    """All open calls; `on_block` feeds them."""

    def __init__(self, chain: Chain, faults: FaultTable) -> None:
        self.chain = chain
        self.faults = faults
        self._sessions: set[GeyserSession] = set()

    def open(self, deliver: Deliver, on_close: Callable[[], None] = lambda: None) -> GeyserSession:
        """A new call. `deliver` takes each update at once and must not block; `on_close` is called when it is dropped."""
        session = GeyserSession(self, deliver, on_close)
        self._sessions.add(session)
        return session

    def forget(self, session: GeyserSession) -> None:
        """Remove a call whose client has gone."""
        self._sessions.discard(session)

    def drop_all(self) -> None:
        """End every call from the server's side, as an outage does."""
        for session in list(self._sessions):
            session.drop()

    @property
    def is_silent(self) -> bool:
        """Whether a fault keeps every update back; pings go on, as those of a server that is cut off from its node do."""
        return self.faults.get(STREAM_SILENT) is not None

    def on_block(self) -> None:
        """Tell every call what the newest block brings at its commitment."""
        if self.is_silent:
            return
        for session in list(self._sessions):
            session.on_block()


class GeyserSession:
    """One call of `Subscribe`."""

    def __init__(self, geyser: Geyser, deliver: Deliver, on_close: Callable[[], None]) -> None:
        self._geyser = geyser
        self._deliver = deliver
        self._on_close = on_close
        self._request: _Request | None = None

    def close(self) -> None:
        """End it from the client's side."""
        self._geyser.forget(self)

    def drop(self) -> None:
        """End it from the server's side."""
        self.close()
        self._on_close()

    def handle(self, message: bytes) -> None:
        """Take one request: a ping, or new filters in the place of the old ones. Raises Refusal."""
        try:
            asked = parse(message)
            if 9 in asked:
                self._deliver(text(9, number(1, _whole(parse(_raw(asked[9][-1])).get(1, [0])[-1]))))
                return
            self._request = _request(asked)
        except Malformed as error:
            raise Refusal(INVALID_ARGUMENT, f"failed to create filter: {error}") from None
        if self._request.from_slot is not None and not self._geyser.is_silent:
            self._replay(self._request.from_slot)

    def ping(self) -> None:
        """Ask the client for a sign of life."""
        self._deliver(PING)

    def on_block(self) -> None:
        """Deliver what the newest block brings."""
        if self._request is None:
            return
        chain = self._geyser.chain
        commitment = self._request.commitment
        if (block := chain.block_at(commitment)) is not None:
            self._tell_transactions(block)
        for name, by_commitment in self._request.slots:
            for status in (commitment,) if by_commitment else COMMITMENTS:
                if not chain.was_skipped(slot := chain.slot_at(status)):
                    self._tell_slot(name, slot, status)

    def _replay(self, from_slot: int) -> None:
        chain = self._geyser.chain
        assert self._request is not None
        newest_slot = chain.slot_at(self._request.commitment)
        kept = [block for block in chain.blocks if block.slot <= newest_slot]
        if not kept or from_slot < kept[0].slot:
            first = kept[0].slot if kept else newest_slot
            raise Refusal(OUT_OF_RANGE, f"broadcast from {from_slot} is not available, last available: {first}")
        for block in kept:
            if block.slot >= from_slot:
                self._tell_transactions(block)
                for name, _ in self._request.slots:
                    self._tell_slot(name, block.slot, self._request.commitment)

    def _tell_slot(self, name: str, slot: int, status: Literal["processed", "confirmed", "finalized"]) -> None:
        told = number(1, slot) + number(2, slot - 1) + number(3, COMMITMENTS.index(status))
        self._deliver(text(1, name) + text(3, told))

    def _tell_transactions(self, block: Block) -> None:
        assert self._request is not None
        for landed in block.transactions:
            names = [one.name for one in self._request.transactions if one.matches(landed.record)]
            if names:
                record = replace(landed.record, logs=tuple(told_lines(landed.record.logs, self._geyser.faults)))
                told = text(1, _transaction_info(record)) + number(2, block.slot)
                self._deliver(b"".join(text(1, name) for name in names) + text(4, told))


# ------------------------------------------------------------------------------------------------------------- requests


def _request(asked: dict[int, list[int | bytes]]) -> _Request:
    level = _whole(asked.get(6, [0])[-1])
    if level >= len(COMMITMENTS):
        raise Malformed(f"commitment {level}")
    return _Request(
        transactions=tuple(_transactions(name, parse(body)) for name, body in _entries(asked.get(3, []))),
        slots=tuple((name, bool(parse(body).get(1, [0])[-1])) for name, body in _entries(asked.get(2, []))),
        commitment=COMMITMENTS[level],
        from_slot=_whole(asked[11][-1]) if 11 in asked else None,
    )


def _entries(values: list[int | bytes]) -> Iterator[tuple[str, bytes]]:
    """The entries of a map from names to messages."""
    for value in values:
        entry = parse(_raw(value))
        yield _raw(entry.get(1, [b""])[-1]).decode("utf-8", "replace"), _raw(entry.get(2, [b""])[-1])


def _transactions(name: str, body: dict[int, list[int | bytes]]) -> _Transactions:
    def keys(field: int) -> frozenset[str]:
        if len(body.get(field, [])) > MAX_FILTER_ACCOUNTS:
            raise Malformed(f"Max amount of Pubkeys reached, only {MAX_FILTER_ACCOUNTS} allowed")
        return frozenset(_raw(value).decode("utf-8", "replace") for value in body.get(field, []))

    failed = bool(body[2][-1]) if 2 in body else None
    return _Transactions(name, failed, keys(3), keys(4), keys(6))


def _raw(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Malformed("a number where a message was expected")
    return value


def _whole(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise Malformed("a message where a number was expected")
    return value


# -------------------------------------------------------------------------------------------------------------- updates


def _transaction_info(record: ExecutedTransaction) -> bytes:
    """`SubscribeUpdateTransactionInfo`."""
    signature = bytes(Signature.from_string(record.signature))
    return text(1, signature) + text(3, _transaction(record)) + text(4, _meta(record)) + number(5, record.index)


def _transaction(record: ExecutedTransaction) -> bytes:
    decoded = VersionedTransaction.from_bytes(record.raw)
    message, header = decoded.message, decoded.message.header
    counts = (
        header.num_required_signatures,
        header.num_readonly_signed_accounts,
        header.num_readonly_unsigned_accounts,
    )
    body = text(1, b"".join(number(place, count) for place, count in enumerate(counts, 1)))
    body += b"".join(text(2, bytes(key)) for key in message.account_keys)
    body += text(3, bytes(message.recent_blockhash))
    body += b"".join(
        text(4, number(1, one.program_id_index) + text(2, bytes(one.accounts)) + text(3, bytes(one.data)))
        for one in message.instructions
    )
    return b"".join(text(1, bytes(one)) for one in decoded.signatures) + text(2, body)


def _meta(record: ExecutedTransaction) -> bytes:
    """`TransactionStatusMeta` without return data. An error's bytes are not those of a real node."""
    body = b"" if record.error is None else text(1, text(1, str(record.error)))
    body += number(2, record.fee_lamports) + numbers(3, record.pre_lamports) + numbers(4, record.post_lamports)
    for index, invoked in record.inner:
        calls = b"".join(
            text(2, number(1, one.program_index) + text(2, one.accounts) + text(3, one.data)) for one in invoked
        )
        body += text(5, number(1, index) + calls)
    body += b"".join(text(6, line) for line in record.logs)
    body += b"".join(text(7, _token_balance(one)) for one in record.pre_tokens)
    body += b"".join(text(8, _token_balance(one)) for one in record.post_tokens)
    writable_end = record.static_count + record.loaded_writable_count
    for place, key in enumerate(record.account_keys[record.static_count :], record.static_count):
        body += text(12 if place < writable_end else 13, bytes(Pubkey.from_string(key)))
    return body + number(16, record.compute_units)


def _token_balance(balance: TokenBalance) -> bytes:
    """`TokenBalance`; its amount without the floating-point form, which is deprecated."""
    amount = number(2, balance.decimals) + text(3, str(balance.amount_raw))
    told = number(1, balance.account_index) + text(2, balance.mint) + text(3, amount)
    return told + text(4, balance.owner) + text(5, balance.program)
