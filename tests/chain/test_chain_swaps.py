"""Whose swaps a transaction holds: through routers, in parts, in both directions, and never another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain import layouts, wire
from bot.chain.endpoints import Endpoints
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets, swaps_in
from bot.clock import Clock
from bot.errors import DecodeError
from bot.localnet.rpc import base58
from bot.ports import WalletSignal
from bot.trading.intent import Side
from tests.chain.chain_scenario import SOL, World, virtual_world
from tests.chain.test_chain_recorded import BOUGHT_RAW, INTO_CURVE_LAMPORTS, LAUNCH_MINT, LAUNCH_SLOT, LAUNCHER, _plain

ROUTER = str(Pubkey(bytes([7]) * 32))
TRADER, STRANGER, MINT, OTHER_MINT = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3, 4))
BLOCK_TIME_S = 1_790_000_000
EVENT_TIME_S = 1_789_999_999


def trade(
    *, user: Pubkey = TRADER, mint: Pubkey = MINT, buys: bool = True, lamports: int = 10, raw: int = 20, sol: int = 31
) -> bytes:
    """A trade event as the launchpad writes it up to 2024; `sol` is the virtual reserve, 0 for a coin not in SOL."""
    numbers = [value.to_bytes(8, "little") for value in (lamports, raw, EVENT_TIME_S, sol, 41, 11, 21)]
    return (
        layouts.TRADE_EVENT + bytes(mint) + b"".join(numbers[:2]) + bytes([buys]) + bytes(user) + b"".join(numbers[2:])
    )


def record(
    *payloads: bytes, program: str = str(at.PUMP_PROGRAM), err: Any = None, time_s: int | None = BLOCK_TIME_S
) -> wire.TransactionRecord:
    """A transaction that calls a router, below which `program` repeats events as calls to itself."""
    keys = [str(TRADER), ROUTER, program, str(at.EVENT_AUTHORITY)]
    inner = [
        wire.Instruction(program_id_index=2, accounts=[3], data=base58.encode(layouts.EVENT_CPI + payload))
        for payload in payloads
    ]
    meta = wire.Meta(
        fee=5_000,
        pre_balances=[0] * 4,
        post_balances=[0] * 4,
        err=err,
        inner_instructions=[wire.InnerInstructions(index=0, instructions=inner)],
    )
    message = wire.Message(account_keys=keys)
    return wire.TransactionRecord(slot=9, transaction=wire.Transaction(message=message), meta=meta, block_time=time_s)


def signal(
    side: Side = Side.BUY,
    token_raw: int = 20,
    quote_lamports: int = 10,
    mint: Pubkey = MINT,
    place: int = 0,
    both_sides: bool = False,
) -> WalletSignal:
    return WalletSignal(
        str(TRADER),
        str(mint),
        side,
        token_raw,
        quote_lamports,
        9,
        BLOCK_TIME_S,
        "sig",
        place,
        both_sides=both_sides,
    )


def balance(raw: int, mint: Pubkey = MINT, owner: Pubkey = TRADER) -> wire.TokenBalance:
    return wire.TokenBalance(
        account_index=0, mint=str(mint), ui_token_amount=wire.TokenAmount(amount=str(raw)), owner=str(owner)
    )


def found(transaction: wire.TransactionRecord) -> list[WalletSignal]:
    return swaps_in(transaction, "sig", str(TRADER))


def test_a_swap_through_a_router_is_the_traders() -> None:
    assert found(record(trade())) == [signal()]
    assert found(record(trade(buys=False))) == [signal(Side.SELL)]


def test_parts_of_one_side_are_one_signal_and_sides_and_mints_are_apart() -> None:
    transaction = record(
        trade(), trade(lamports=5, raw=7), trade(buys=False, raw=3), trade(mint=OTHER_MINT, lamports=1, raw=2)
    )
    assert found(transaction) == [
        signal(token_raw=27, quote_lamports=15, both_sides=True),
        signal(Side.SELL, token_raw=3, place=1, both_sides=True),
        signal(token_raw=2, quote_lamports=1, mint=OTHER_MINT, place=2),
    ]


def test_a_swap_says_what_its_wallet_held_before_in_all_of_its_accounts() -> None:
    transaction = record(trade(buys=False))
    assert transaction.meta is not None
    told = [balance(70), balance(5), balance(900, owner=STRANGER), balance(800, mint=OTHER_MINT)]
    held = structs.replace(transaction, meta=structs.replace(transaction.meta, pre_token_balances=told))
    assert [swap.held_before_raw for swap in found(held)] == [75]
    none = structs.replace(transaction, meta=structs.replace(transaction.meta, pre_token_balances=[]))
    assert [swap.held_before_raw for swap in found(none)] == [0]
    assert [swap.held_before_raw for swap in found(transaction)] == [None]


def test_what_others_traded_in_the_same_transaction_is_left_out() -> None:
    assert found(record(trade(user=STRANGER), trade())) == [signal()]
    assert found(record(trade(user=STRANGER))) == []


def test_a_failed_transaction_swapped_nothing() -> None:
    assert found(record(trade(), err={"InstructionError": [0, {"Custom": 6002}]})) == []


def test_the_same_bytes_from_another_program_are_no_swap() -> None:
    assert found(record(trade(), program=str(STRANGER))) == []


def test_coins_that_are_not_in_sol_and_trades_of_nothing_are_left_out() -> None:
    assert found(record(trade(sol=0), trade(raw=0))) == []


def test_a_young_block_has_the_time_of_its_event() -> None:
    assert found(record(trade(), time_s=None))[0].block_time_s == EVENT_TIME_S


def test_an_event_that_is_cut_short_is_said() -> None:
    with pytest.raises(DecodeError):
        found(record(trade()[:100]))


def test_the_recorded_launch_is_a_buy_of_its_launcher(shared_data: Path) -> None:
    recorded = json.loads((shared_data / "recorded/raw_create_tx_from_gettransaction.json").read_text())["result"]
    [bought] = swaps_in(_plain(recorded), "sig", LAUNCHER)
    assert (bought.mint, bought.side, bought.slot) == (LAUNCH_MINT, Side.BUY, LAUNCH_SLOT)
    assert (bought.token_raw, bought.quote_lamports) == (BOUGHT_RAW, INTO_CURVE_LAMPORTS)


def wallets_of(world: World, clock: Clock) -> PumpWallets:
    return PumpWallets(Endpoints([RpcClient(world.transport, 3.0)], clock))


async def test_a_wallets_history_is_read_backwards_and_its_swaps_one_by_one(autojump_clock: MockClock) -> None:
    async with virtual_world() as world:
        wallet = await world.funded()
        address = str(wallet.pubkey())
        mint = await world.launched(wallet)
        bought = await world.landed(wallet, await world.buy_order(wallet, mint, SOL // 10))
        half = await world.held(wallet, mint) // 2
        sold = await world.landed(wallet, await world.sell_order(wallet, mint, half))
        wallets = wallets_of(world, Clock(lambda: 0, lambda: "id"))
        history = await wallets.transactions(address, limit=10)
        assert [one.signature for one in history[:2]] == [sold.signature, bought.signature]
        assert await wallets.transactions(address, limit=10, until=bought.signature) == history[:1]
        assert await wallets.transactions(address, limit=1, before=sold.signature) == history[1:2]
        [buy] = await wallets.swaps(bought.signature, address) or []
        [sale] = await wallets.swaps(sold.signature, address) or []
        assert bought.trade is not None
        assert (buy.side, buy.token_raw, buy.quote_lamports) == (
            Side.BUY, bought.trade.token_raw, bought.trade.quote_lamports,
        )  # fmt: skip
        assert (sale.side, sale.mint, sale.token_raw, sale.slot) == (Side.SELL, mint, half, sold.slot)
        assert await wallets.swaps(bought.signature, str(Keypair().pubkey())) == []
        assert await wallets.swaps(str(wallet.sign_message(b"never sent")), address) is None
