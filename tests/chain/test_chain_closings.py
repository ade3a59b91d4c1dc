"""Which token accounts may be closed, by their bytes, and that as many as are closed at once fit into one packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.hash import Hash
from solders.message import MessageV0, from_bytes_versioned
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.closings import build_closing
from bot.chain.rpc import AccountData
from bot.chain.token_accounts import ACCOUNT_LENGTH, HARMLESS, TRANSFER_FEE_AMOUNT, why_kept
from bot.chain.transactions import PACKET_BYTES, unsigned_wire
from bot.ports import ClosingOrder
from bot.trading.closing import CLOSES_AT_ONCE, PRIORITY_FEE_LAMPORTS, EmptyAccount

OWNER, MINT, STRANGER = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))
RENT = 2_039_280
ACCOUNT_TYPE = bytes([2])


def plain(*, amount: int = 0, state: int = 1, native: bytes = bytes(12), closer: bytes = bytes(36)) -> bytes:
    """The 165 bytes that both programs have."""
    before = bytes(MINT) + bytes(OWNER) + amount.to_bytes(8, "little") + bytes(36)
    return before + bytes([state]) + native + bytes(8) + closer


def extended(*extensions: tuple[int, bytes]) -> bytes:
    return (
        plain()
        + ACCOUNT_TYPE
        + b"".join(kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value for kind, value in extensions)
    )


def judged(data: bytes, program: Pubkey = at.TOKEN_2022_PROGRAM, mint: Pubkey = MINT) -> str | None:
    return why_kept(AccountData(str(program), data, RENT), OWNER, mint)


def tagged(key: Pubkey) -> bytes:
    return (1).to_bytes(4, "little") + bytes(key)


@pytest.mark.parametrize(
    "data",
    [
        plain(),
        plain(closer=tagged(OWNER)),
        extended((7, b"")),
        extended((TRANSFER_FEE_AMOUNT, bytes(8)), (7, b"")),
    ],
)
def test_an_empty_account_of_its_owner_may_be_closed(data: bytes) -> None:
    assert len(plain()) == ACCOUNT_LENGTH
    assert judged(data) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (plain(amount=1), "not empty"),
        (plain(state=0), "frozen"),
        (plain(state=2), "frozen"),
        (plain(native=(1).to_bytes(4, "little") + bytes(8)), "holds SOL"),
        (plain(closer=tagged(STRANGER)), "somebody else may close it"),
        (extended((TRANSFER_FEE_AMOUNT, (5).to_bytes(8, "little"))), "fees are withheld"),
        (extended((TRANSFER_FEE_AMOUNT, b"")), "fees are withheld"),
        (extended((5, bytes(295))), "extensions [5]"),
        (extended((999, b"")), "extensions [999]"),
        (extended((7, b""), (7, b"")), "stands there twice"),
        (plain() + bytes([1]), "no token account"),
        (plain()[:-1], "no token account"),
    ],
)
def test_what_is_not_certain_to_be_lost_for_nothing_is_kept(data: bytes, reason: str) -> None:
    told = judged(data)
    assert told is not None
    assert reason in told


def test_an_account_of_another_program_mint_or_of_wrapped_sol_is_kept() -> None:
    assert judged(plain(), program=at.PUMP_PROGRAM) == "it is no token account"
    assert judged(plain(), mint=STRANGER) == "it is of another mint or owner"
    wrapped = bytes(at.WRAPPED_SOL_MINT) + plain()[32:]
    assert judged(wrapped, at.TOKEN_PROGRAM, at.WRAPPED_SOL_MINT) == "it holds SOL"


@given(data=st.binary(max_size=400), extensions=st.binary(max_size=60))
def test_whatever_the_bytes_nothing_raises_and_nothing_that_holds_tokens_is_closed(
    data: bytes, extensions: bytes
) -> None:
    judged(data)
    judged(plain() + ACCOUNT_TYPE + extensions)
    assert judged(plain(amount=1) + ACCOUNT_TYPE + extensions) is not None


@given(kind=st.integers(1, 65_535))
def test_only_known_extensions_let_an_account_be_closed(kind: int) -> None:
    value = bytes(8) if kind == TRANSFER_FEE_AMOUNT else b""
    assert (judged(extended((kind, value))) is None) == (kind in HARMLESS)


def test_as_many_closings_as_go_at_once_fit_into_a_packet() -> None:
    accounts = tuple(
        EmptyAccount(str(mint), str(at.token_account(OWNER, mint, program)), str(program), RENT)
        for number in range(CLOSES_AT_ONCE)
        for mint in (Pubkey(bytes([100 + number]) * 32),)
        for program in (at.TOKEN_PROGRAMS[number % 2],)
    )
    raw = build_closing(ClosingOrder(str(OWNER), accounts, PRIORITY_FEE_LAMPORTS), Hash.default())
    assert len(unsigned_wire(raw)) <= PACKET_BYTES
    message = from_bytes_versioned(raw)
    assert isinstance(message, MessageV0)
    assert message.header.num_required_signatures == 1
    closings = message.instructions[2:]
    assert [str(message.account_keys[one.accounts[0]]) for one in closings] == [one.address for one in accounts]
    assert all(message.account_keys[index] == OWNER for one in closings for index in one.accounts[1:])
