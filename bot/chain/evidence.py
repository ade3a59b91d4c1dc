"""What a landed transaction of ours did, as two endpoints show it: the record of one alone may be a lie.

Both are asked at the same time. Where they contradict each other a third decides, and who was proved wrong is distrusted;
without a third nothing is concluded, and whoever waits asks again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog
import trio
from solders.transaction import VersionedTransaction

from bot.chain import base58, wire
from bot.chain.endpoints import Endpoints
from bot.chain.landed import landed_from
from bot.chain.rpc import RpcClient
from bot.errors import ChainUnavailable, DecodeError
from bot.trading.fill import EvidenceError, LandedTransaction, fill_from
from bot.trading.intent import Side

# How long a second endpoint may take over a record that one has shown already.
WITNESS_WITHIN_S = 0.5
WITNESS_PAUSE_S = 0.1

# What endpoints said of signatures is remembered for this many, so that a lie has its teller's name.
SAID_KEPT = 4_096

log = structlog.get_logger()


class SaidStatuses:
    """Who said of a signature last that it landed with an error, or without one; a record that is borne out judges it."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._said: OrderedDict[str, tuple[str, wire.Status]] = OrderedDict()

    def heard(self, name: str, signatures: Sequence[str], statuses: Sequence[wire.Status | None]) -> None:
        """An endpoint answered with these statuses."""
        for signature, status in zip(signatures, statuses, strict=True):
            if status is not None:
                self._said[signature] = (name, status)
                self._said.move_to_end(signature)
        while len(self._said) > SAID_KEPT:
            self._said.popitem(last=False)

    def judge(self, landed: LandedTransaction) -> None:
        """Distrust who said the opposite of what two records of the same slot show; another slot is another fork."""
        name, status = self._said.pop(landed.signature, ("", None))
        if status is None or status.slot != landed.slot or (status.err is None) is (landed.error is None):
            return
        said = "an error" if status.err is not None else "no error"
        self._endpoints.distrust(
            name, f"it showed {said} of {landed.signature} in slot {landed.slot}, and two records deny it"
        )


@dataclass(slots=True)
class _Reader:
    """Reads the records of one transaction of ours; one that equals an earlier one is not read twice.

    `raw` are the bytes that were signed, empty where the caller does not have them.
    """

    endpoints: Endpoints
    signature: str
    address: str
    mint: str
    raw: bytes
    _read: list[tuple[wire.TransactionRecord, LandedTransaction]] = field(default_factory=list)

    async def ask(self, client: RpcClient) -> LandedTransaction | None:
        """What one endpoint shows; None for nothing yet. Raises DecodeError for a record that cannot be this transaction's."""
        record = await client.transaction(self.signature, "confirmed")
        if record is None:
            return None
        for known, landed in self._read:
            if known == record:
                return landed
        if self.raw and not is_message_of(record, self.raw):
            self.endpoints.distrust(client.name, f"its record of {self.signature} is not what was signed")
            raise DecodeError(f"{client.name}: its record of {self.signature} is not what was signed")
        landed = landed_from(record, self.signature, self.address, self.mint)
        self._read.append((record, landed))
        return landed


class LandedEvidence:
    """Reads what landed transactions did to a wallet and a mint."""

    def __init__(self, endpoints: Endpoints, said: SaidStatuses) -> None:
        self._endpoints = endpoints
        self._said = said

    async def read(self, signature: str, address: str, mint: str, raw: bytes = b"") -> LandedTransaction | None:
        """The evidence, `borne_out` where a second endpoint shows the same or there is no other; None for nothing yet.

        What one shows and two others do not is nothing yet.
        Raises DecodeError for what nobody can read, ChainUnavailable when nobody answers and when two contradict each other
        and no third agrees with one of them.
        """
        reader = _Reader(self._endpoints, signature, address, mint, raw)
        until_s = trio.current_time() + WITNESS_WITHIN_S
        seen, denials = await self._endpoints.known_by_two(reader.ask, within_s=WITNESS_WITHIN_S)
        while len(seen) == 1 and denials and trio.current_time() < until_s:
            await trio.sleep(WITNESS_PAUSE_S)  # who is a slot late shows it in a moment
            seen, denials = await self._endpoints.known_by_two(reader.ask, within_s=WITNESS_WITHIN_S)
        if not seen or (len(seen) == 1 and denials > 1):
            return None
        first = seen[0][1]
        if len(self._endpoints.names) == 1:
            return first
        if len(seen) == 1:
            log.debug("evidence_of_one_endpoint", signature=signature, endpoint=seen[0][0], denials=denials)
            return replace(first, borne_out=False, denied=denials > 0)
        agreed = agreed_on(first, seen[1][1]) or await self._decided(reader, seen)
        self._said.judge(agreed)
        return agreed

    async def _decided(self, reader: _Reader, seen: Sequence[tuple[str, LandedTransaction]]) -> LandedTransaction:
        """What a third endpoint says of two that contradict each other, when it agrees with one of them."""
        names = [name for name, _ in seen]
        about = f"{' and '.join(names)} contradict each other about {reader.signature}"
        log.warning("evidence_contradicted", signature=reader.signature, endpoints=names)
        try:
            third, _ = await self._endpoints.known_by_two(reader.ask, within_s=0.0, besides=names)
        except (ChainUnavailable, DecodeError) as error:
            raise ChainUnavailable(f"{about}: {error}") from None
        for _, told in third:
            for name, landed in seen:
                if (agreed := agreed_on(landed, told)) is not None:
                    [wrong] = [other for other in names if other != name]
                    self._endpoints.distrust(wrong, f"two others contradict its record of {reader.signature}")
                    return agreed
        raise ChainUnavailable(f"{about}, and nobody agrees with one of them")


def agreed_on(one: LandedTransaction, other: LandedTransaction) -> LandedTransaction | None:
    """What two records say together, None where they contradict each other.

    The time of a block and the units that were used are no money. A node may keep no events of a transaction: then those of
    the other count, if they explain what the balances of both show.
    """
    if one is other:
        return one
    block_time_s = one.block_time_s or other.block_time_s
    alike = replace(
        other, block_time_s=one.block_time_s, compute_units=one.compute_units, trade=one.trade, borne_out=one.borne_out
    )
    if alike != one:
        return None
    one = replace(one, block_time_s=block_time_s, compute_units=one.compute_units or other.compute_units)
    if one.trade == other.trade:
        return one
    if one.trade is not None and other.trade is not None:
        return None
    told = replace(one, trade=one.trade or other.trade)
    return told if _explains(told) else None


def _explains(landed: LandedTransaction) -> bool:
    side = Side.BUY if landed.trade is not None and landed.trade.is_buy else Side.SELL
    try:
        fill_from(landed, side)
    except EvidenceError:
        return False
    return True


def is_message_of(record: wire.TransactionRecord, raw: bytes) -> bool:
    """Whether a record is of these signed bytes: its accounts, blockhash and instructions are theirs, and its signature."""
    try:
        signed = VersionedTransaction.from_bytes(raw)
    except ValueError:
        raise DecodeError("these bytes are no transaction") from None
    told, message = record.transaction, signed.message
    if told.signatures[:1] != [str(signed.signatures[0])]:
        return False
    if told.message.account_keys != [str(key) for key in message.account_keys]:
        return False
    if told.message.recent_blockhash not in {"", str(message.recent_blockhash)}:
        return False
    theirs = [(one.program_id_index, one.accounts, one.data) for one in told.message.instructions]
    ours = [(one.program_id_index, list(one.accounts), base58.encode(bytes(one.data))) for one in message.instructions]
    return theirs == ours
