"""Swaps of Raydium's AMM v4: both forms of both directions, below routers and above, and records that tell too little."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import raydium, wire
from bot.chain.raydium import AmmSwap, swaps_of
from bot.chain.swaps import swaps_in
from bot.errors import DecodeError
from bot.localnet.rpc import base58
from bot.trading.intent import Side

USER, STRANGER, ROUTER, MINT, OTHER_MINT = (str(Pubkey(bytes([number]) * 32)) for number in range(1, 6))
SOL = str(at.WRAPPED_SOL_MINT)
SLOT, BLOCK_TIME_S = 9, 1_790_000_000

# The accounts of every record here, by index; the last two come from a lookup table.
KEYS = [USER, "source", "target", ROUTER, str(at.TOKEN_PROGRAM), raydium.PROGRAM, "pool", "vault-in", "vault-out"]
WALLET, SOURCE, TARGET, ROUTED, TOKENS, AMM, POOL, VAULT_IN, VAULT_OUT = range(9)


def swap(tag: int, *, user: int = WALLET) -> wire.Instruction:
    """The instruction with the accounts of its form, of which only the last three matter."""
    others = {raydium.SWAP_BASE_IN: 15, raydium.SWAP_BASE_OUT: 14}.get(tag, 5)
    data = bytes([tag]) + (1).to_bytes(8, "little") + (2).to_bytes(8, "little")
    return wire.Instruction(
        program_id_index=AMM, accounts=[POOL] * others + [SOURCE, TARGET, user], data=base58.encode(data)
    )


def transfer(source: int, target: int, amount: int, *, checked: bool = False) -> wire.Instruction:
    raw = amount.to_bytes(8, "little")
    data, accounts = (b"\x0c" + raw + b"\x06", [source, POOL, target, WALLET]) if checked else (
        b"\x03" + raw, [source, target, WALLET],
    )  # fmt: skip
    return wire.Instruction(program_id_index=TOKENS, accounts=accounts, data=base58.encode(data))


def record(
    top: wire.Instruction,
    inner: list[wire.Instruction],
    *,
    mint_in: str = SOL,
    mint_out: str = MINT,
    err: Any = None,
) -> wire.TransactionRecord:
    balances = [
        wire.TokenBalance(account_index=index, mint=mint, ui_token_amount=wire.TokenAmount(amount="1"))
        for index, mint in ((VAULT_IN, mint_in), (VAULT_OUT, mint_out))
    ]
    meta = wire.Meta(
        fee=5_000,
        pre_balances=[0] * len(KEYS),
        post_balances=[0] * len(KEYS),
        err=err,
        pre_token_balances=balances,
        inner_instructions=[wire.InnerInstructions(index=0, instructions=inner)],
        loaded_addresses=wire.LoadedAddresses(writable=KEYS[VAULT_IN:], readonly=[]),
    )
    message = wire.Message(account_keys=KEYS[:VAULT_IN], instructions=[top])
    return wire.TransactionRecord(
        slot=SLOT, transaction=wire.Transaction(message=message), meta=meta, block_time=BLOCK_TIME_S
    )


def found(transaction: wire.TransactionRecord, user: str = USER) -> list[AmmSwap]:
    return list(swaps_of(transaction, KEYS, user))


MOVED = [transfer(SOURCE, VAULT_IN, 30), transfer(VAULT_OUT, TARGET, 700, checked=True)]
BOUGHT = AmmSwap(USER, MINT, is_buy=True, token_raw=700, quote_lamports=30)
FORMS = [raydium.SWAP_BASE_IN, raydium.SWAP_BASE_OUT, raydium.SWAP_BASE_IN_V2, raydium.SWAP_BASE_OUT_V2]


@pytest.mark.parametrize("tag", FORMS)
def test_each_form_tells_its_user_and_what_really_moved(tag: int) -> None:
    assert found(record(swap(tag), MOVED)) == [BOUGHT]
    sold = AmmSwap(USER, MINT, is_buy=False, token_raw=30, quote_lamports=700)
    assert found(record(swap(tag), MOVED, mint_in=MINT, mint_out=SOL)) == [sold]


def test_a_swap_below_a_router_is_its_users_and_other_transfers_before_it_are_not_its_own() -> None:
    router = wire.Instruction(program_id_index=ROUTED, accounts=[], data="")
    inner = [transfer(SOURCE, TARGET, 5), swap(raydium.SWAP_BASE_IN), *MOVED]
    assert found(record(router, inner)) == [BOUGHT]
    assert found(record(router, inner), STRANGER) == []


def test_what_is_no_swap_of_the_user_with_sol_is_left_out() -> None:
    tag = raydium.SWAP_BASE_IN_V2
    assert found(record(swap(tag, user=POOL), MOVED)) == []
    assert found(record(swap(tag), MOVED, mint_in=OTHER_MINT)) == []
    assert found(record(swap(tag), MOVED, err={"InstructionError": [0, {"Custom": 30}]})) == []
    deposit = replace_data(swap(tag), b"\x03" + bytes(16))
    assert found(record(deposit, MOVED)) == []


def replace_data(instruction: wire.Instruction, data: bytes) -> wire.Instruction:
    return wire.Instruction(instruction.program_id_index, instruction.accounts, base58.encode(data))


def test_a_swap_whose_transfers_are_missing_or_anothers_is_said() -> None:
    top = swap(raydium.SWAP_BASE_IN)
    for inner in ([], MOVED[:1], MOVED[::-1], [MOVED[0], transfer(VAULT_OUT, POOL, 700)]):
        with pytest.raises(DecodeError):
            found(record(top, inner))
    with pytest.raises(DecodeError):
        found(record(wire.Instruction(AMM, [WALLET], top.data), MOVED))


def test_the_scanner_takes_it_for_a_signal() -> None:
    [signal] = swaps_in(record(swap(raydium.SWAP_BASE_IN), MOVED), "sig", USER)
    assert (signal.mint, signal.side, signal.token_raw, signal.quote_lamports) == (MINT, Side.BUY, 700, 30)
    assert (signal.slot, signal.block_time_s) == (SLOT, BLOCK_TIME_S)


@given(
    data=st.binary(max_size=40),
    accounts=st.lists(st.integers(-3, 300), max_size=20),
    program=st.integers(-2, 12),
    moved=st.lists(st.tuples(st.binary(max_size=12), st.lists(st.integers(-3, 300), max_size=5)), max_size=4),
)
def test_random_instructions_raise_nothing_but_a_decode_error(
    data: bytes, accounts: list[int], program: int, moved: list[tuple[bytes, list[int]]]
) -> None:
    inner = [wire.Instruction(TOKENS, named, base58.encode(raw)) for raw, named in moved]
    for index in (program, AMM):
        top = wire.Instruction(index, accounts, base58.encode(bytes([raydium.SWAP_BASE_IN]) + data))
        try:
            found(record(top, inner))
        except DecodeError:
            continue


def test_the_account_order_is_that_of_the_interface_description(shared_data: Path) -> None:
    described = json.loads((shared_data / "idl/raydium_amm_idl.json").read_text())
    by_name = {one["name"]: one for one in described["instructions"]}
    for name, tag in (("swapBaseIn", raydium.SWAP_BASE_IN), ("swapBaseOut", raydium.SWAP_BASE_OUT)):
        accounts = [one["name"] for one in by_name[name]["accounts"]]
        assert accounts[-3:] == ["uerSourceTokenAccount", "uerDestinationTokenAccount", "userSourceOwner"]
        assert len(accounts) >= raydium.LONG_ACCOUNTS
        assert [argument["type"] for argument in by_name[name]["args"]] == ["u64", "u64"]
        assert [one["name"] for one in described["instructions"]].index(name) == tag
