"""Orders of mode `dry_run`: real transactions, built on the newest blockhash and signed by their wallet's key, and never sent.

What is kept of one is wrapped in bytes that no cluster takes for a transaction, under a name that is no signature; the same
landing model as on paper fills it in a virtual wallet.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.chain.paper import PaperChain
from bot.chain.paper_order import PaperOrder, paper_order
from bot.errors import DecodeError, SendRejected
from bot.ports import Blockhash, SwapOrder
from bot.trading.route import Route

# A transaction begins with the number of its signatures and cannot begin with these bytes.
MARK = b"\xff\xff\xffdry run, signed and never sent\x00"
# The first half of an attempt's name; no key's signature has it.
NAME_MARK = b"dry run, signed and never sent.."
MAX_BUILT = 1_000  # orders between their building and their signature; each takes a moment
ROUTED = "routed"


class DryRunAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """What decides an attempt's fill, and the signed transaction that would have been sent for it."""

    order: PaperOrder
    transaction: bytes


_decoder = msgspec.msgpack.Decoder(DryRunAttempt)


def is_dry_run(raw: bytes) -> bool:
    """Whether these are an attempt's bytes of mode dry_run."""
    return raw.startswith(MARK)


def is_dry_run_name(signature: str) -> bool:
    """Whether this names an attempt of mode dry_run, and not a transaction."""
    try:
        return bytes(Signature.from_string(signature)).startswith(NAME_MARK)
    except ValueError:
        return False


def name_of(raw: bytes) -> str:
    """The name of an attempt in base58, in the form of a signature; nobody's key has made it."""
    return str(Signature.from_bytes(NAME_MARK + hashlib.sha256(raw).digest()))


def read_attempt(raw: bytes) -> DryRunAttempt:
    """The attempt in these bytes; raises DecodeError for bytes that are none."""
    if not is_dry_run(raw):
        raise DecodeError("these bytes are no order of a dry run; they are sent nowhere")
    try:
        return _decoder.decode(raw[len(MARK) :])
    except msgspec.DecodeError as error:
        raise DecodeError(f"an order of a dry run cannot be read: {error}") from None


@dataclass(slots=True, repr=False)
class DryRunChain(PaperChain):
    """A paper chain whose orders are `real`'s transactions, signed. Its reads, fills and landings are those of paper.

    A simulation on the cluster would be one of a wallet that holds nothing there, so that an order is tried by its quote.
    """

    _built: OrderedDict[bytes, PaperOrder] = field(default_factory=OrderedDict)

    def __repr__(self) -> str:
        return f"<DryRunChain {self.real!r}>"

    def tip_account(self, mint: str) -> str | None:
        return self.real.tip_account(mint)

    async def compute_units(self, order: SwapOrder) -> int:
        """As on paper; raises SendRejected for an aggregator's offer, whose transaction exists only once it was simulated."""
        if isinstance(order.venue, Route):
            raise SendRejected(
                ROUTED, "an order by an aggregator's offer cannot be made without a wallet that holds SOL"
            )
        # Not `super()`: it does not know a class with slots, which its decorator makes anew.
        return await PaperChain.compute_units(self, order)

    def build(self, order: SwapOrder, blockhash: Blockhash) -> bytes:
        message = self.real.build(order, blockhash)
        self._built[message] = paper_order(order, blockhash, self.clock.new_id())
        while len(self._built) > MAX_BUILT:
            self._built.popitem(last=False)
        return message

    def assemble(self, message: bytes, signature: bytes) -> tuple[bytes, str]:
        """The attempt's bytes and name. Raises SendRejected unless the order's wallet has signed this message."""
        order = self._built.get(message)
        if order is None:
            raise SendRejected("invalid", "this message is no order of a dry run")
        if not Signature.from_bytes(signature).verify(Pubkey.from_string(order.address), message):
            raise SendRejected("invalid", "the signature is not the wallet's")
        transaction, _ = self.real.assemble(message, signature)
        raw = MARK + msgspec.msgpack.encode(DryRunAttempt(order=order, transaction=transaction))
        return raw, name_of(raw)

    def order_of(self, raw: bytes) -> tuple[PaperOrder, str]:
        return read_attempt(raw).order, name_of(raw)
