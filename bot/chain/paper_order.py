"""What stands in a paper order's row where a live one has its transaction: the order itself, in a form no cluster takes."""

from __future__ import annotations

import hashlib

import msgspec
from solders.signature import Signature

from bot.errors import DecodeError, SendRejected
from bot.ports import Blockhash, SwapOrder
from bot.trading.intent import Side
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS

# A transaction begins with the number of its signatures and cannot begin with these bytes.
MARK = b"\xff\xff\xffpaper order, no transaction\x00"
# The first half of a paper signature; no key's signature has it.
SIGNATURE_MARK = b"paper trade, signed by nobody..."
NO_SIGNATURE = bytes(Signature.LENGTH)


class PaperOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a `SwapOrder` that decide its fill, and the blockhash under which it may land.

    `network_fee_lamports` is the fee of its one signature and its priority fee. `nonce` makes each attempt another one.
    """

    address: str
    mint: str
    is_buy: bool
    spend_lamports: int
    token_raw: int
    limit_raw: int
    network_fee_lamports: int
    tip_lamports: int
    blockhash: str
    last_valid_block_height: int
    nonce: str

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return Side.BUY if self.is_buy else Side.SELL


_decoder = msgspec.msgpack.Decoder(PaperOrder)


def paper_order(order: SwapOrder, blockhash: Blockhash, nonce: str) -> PaperOrder:
    """What decides the fill of an order under this blockhash."""
    return PaperOrder(
        address=order.wallet_address,
        mint=order.mint,
        is_buy=order.side is Side.BUY,
        spend_lamports=order.spend_lamports,
        token_raw=order.token_raw,
        limit_raw=order.limit_raw,
        network_fee_lamports=SIGNATURE_FEE_LAMPORTS + order.priority_fee_lamports,
        tip_lamports=order.tip_lamports,
        blockhash=blockhash.value,
        last_valid_block_height=blockhash.last_valid_block_height,
        nonce=nonce,
    )


def message_of(order: SwapOrder, blockhash: Blockhash, nonce: str) -> bytes:
    """The bytes in the place of a transaction's message."""
    return MARK + msgspec.msgpack.encode(paper_order(order, blockhash, nonce))


def signature_of(message: bytes) -> str:
    """The name of a paper attempt in base58, in the form of a signature; nobody's key has made it."""
    return str(Signature.from_bytes(SIGNATURE_MARK + hashlib.sha256(message).digest()))


def is_paper(raw: bytes) -> bool:
    """Whether these are an order's bytes of mode paper; its message and what is kept of an attempt are the same bytes."""
    return raw.startswith(MARK)


def is_paper_name(signature: str) -> bool:
    """Whether this names an attempt of mode paper, and not a transaction."""
    try:
        return bytes(Signature.from_string(signature)).startswith(SIGNATURE_MARK)
    except ValueError:
        return False


def assemble(message: bytes, signature: bytes) -> tuple[bytes, str]:
    """The attempt's bytes and name. Raises SendRejected where somebody did sign: then a key was used that must not be."""
    if signature != NO_SIGNATURE or not is_paper(message):
        raise SendRejected("invalid", "a paper order carries no signature")
    return message, signature_of(message)


def read_order(raw: bytes) -> PaperOrder:
    """The order in an attempt's bytes; raises DecodeError for bytes that are no paper order."""
    if not is_paper(raw):
        raise DecodeError("these bytes are no paper order; they are sent nowhere")
    try:
        return _decoder.decode(raw[len(MARK) :])
    except msgspec.DecodeError as error:
        raise DecodeError(f"a paper order cannot be read: {error}") from None
