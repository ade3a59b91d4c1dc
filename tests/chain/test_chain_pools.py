"""Pools as the chain shows them: layouts, the transactions that we build, and trades that land to the lamport."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.keypair import Keypair
from solders.message import MessageV0, from_bytes_versioned
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain import pool_layouts, pool_transactions
from bot.chain.layouts import FEE_CONFIG
from bot.chain.transactions import PACKET_BYTES, Recipients, unsigned_wire
from bot.errors import ChainUnavailable, DecodeError, SendRejected
from bot.localnet.addresses import TIP_ACCOUNTS
from bot.localnet.inprocess import InProcessChain
from bot.ports import SwapOrder
from bot.trading.curve import Curve, Fees
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from bot.trading.ledger import legs_of_fill
from bot.trading.pool import Pool, PoolFees
from bot.trading.venue import awaits_pool, quote_buy, quote_sell
from tests.chain.borsh import Idl
from tests.chain.chain_scenario import SOL, World, virtual_world

WALLET = Keypair.from_seed(bytes(range(32)))
MINT, CREATOR, FEE, BUYBACK = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3, 4))
POOL = Pool(206_900 * 10**9, 85 * SOL, 0, 10**15, PoolFees(2, 93, 30), str(CREATOR), 1)
FACTS = pool_transactions.PoolFacts(at.TOKEN_2022_PROGRAM, is_mayhem=False, is_cashback=False)
KEYS = [Pubkey(bytes([number]) * 32) for number in range(1, 20)]


@pytest.fixture(scope="module")
def pools(shared_data: Path) -> Idl:
    return Idl(shared_data / "idl" / "pump_swap_idl.json")


def test_discriminators_are_those_of_the_interface_description(pools: Idl) -> None:
    assert pools.discriminator("instructions", "buy_exact_quote_in") == pool_layouts.BUY_EXACT_QUOTE_IN
    assert pools.discriminator("instructions", "sell") == pool_layouts.SELL
    assert pools.discriminator("accounts", "Pool") == pool_layouts.POOL
    assert pools.discriminator("accounts", "GlobalConfig") == pool_layouts.POOL_CONFIG
    assert pools.discriminator("events", "BuyEvent") == pool_layouts.BUY_EVENT
    assert pools.discriminator("events", "SellEvent") == pool_layouts.SELL_EVENT


def test_derived_addresses_are_those_of_mainnet() -> None:
    assert str(at.POOL_FEE_CONFIG) == "5PHirr8joyTMp9JMm6nW7hNDVyEYdkzDqazxPD7RaTjx"
    assert str(at.POOL_EVENT_AUTHORITY) == "GS4CU59F31iL7aR2Q8zVS8DRrcRnXX1yjQ66TqNVQnaR"
    assert str(at.POOL_CONFIG) == "ADyA8hdefvWN2dbGGWFotbzWxrAvLW83WG6QCVXvJKqw"


def test_a_pool_account_as_described_is_read_field_by_field(pools: Idl) -> None:
    values = {
        "creator": KEYS[0],
        "base_mint": KEYS[1],
        "quote_mint": KEYS[2],
        "lp_mint": KEYS[3],
        "pool_base_token_account": KEYS[4],
        "pool_quote_token_account": KEYS[5],
        "lp_supply": 7,
        "coin_creator": KEYS[6],
        "is_mayhem_mode": True,
        "is_cashback_coin": True,
        "virtual_quote_reserves": -5,
    }
    account = pool_layouts.decode_pool(pool_layouts.POOL + pools.encode("Pool", values))
    assert account == replace(pool_layouts.decode_pool(packed_pool()), creator_fee_bps=0)


def test_a_configuration_as_described_names_its_recipients(pools: Idl) -> None:
    values = {
        "protocol_fee_recipients": KEYS[:8],
        "reserved_fee_recipient": KEYS[8],
        "reserved_fee_recipients": KEYS[9:12],
        "buyback_fee_recipients": KEYS[12:15],
    }
    padded = {
        name: [*keys, *[Pubkey.default()] * (8 - len(keys))] for name, keys in values.items() if isinstance(keys, list)
    }
    padded["reserved_fee_recipients"] = padded["reserved_fee_recipients"][:7]
    account = pool_layouts.decode_pool_config(
        pool_layouts.POOL_CONFIG + pools.encode("GlobalConfig", {**values, **padded})
    )
    assert account.fee_recipients == tuple(KEYS[:8])
    assert account.reserved_fee_recipients == tuple(KEYS[8:12])
    assert account.buyback_fee_recipients == tuple(KEYS[12:15])


@pytest.mark.parametrize(("name", "amount", "quote"), [("BuyEvent", "out", "in"), ("SellEvent", "in", "out")])
def test_trade_events_as_described_are_read_field_by_field(pools: Idl, name: str, amount: str, quote: str) -> None:
    is_buy = name == "BuyEvent"
    values = {
        "timestamp": 99,
        f"base_amount_{amount}": 55,
        f"quote_amount_{quote}": 1_000,
        "lp_fee": 2,
        "protocol_fee": 93,
        "coin_creator_fee": 30,
        f"user_quote_amount_{quote}": 1_125 if is_buy else 875,
        "pool": KEYS[0],
        "user": KEYS[1],
        "ix_name": "buy",
    }
    discriminator = pool_layouts.BUY_EVENT if is_buy else pool_layouts.SELL_EVENT
    trade = pool_layouts.decode_pool_trade(discriminator + pools.encode(name, values))
    assert (trade.token_raw, trade.quote_lamports, trade.creator_fee_lamports) == (55, 1_000, 30)
    assert (trade.pool, trade.user, trade.timestamp_s) == (KEYS[0], KEYS[1], 99)


def packed_pool() -> bytes:
    """The account's fields in their order; 128 bits of virtual reserves, which may be negative."""
    keys = b"".join(bytes(key) for key in KEYS[:6])
    virtual = (-5).to_bytes(16, "little", signed=True)
    body = b"\xff" + bytes(2) + keys + struct.pack("<Q", 7) + bytes(KEYS[6]) + b"\x01\x01" + virtual
    return pool_layouts.POOL + body + struct.pack("<Q", 42)


@pytest.mark.parametrize(
    ("length", "creator", "virtual", "bps"),
    [
        (211, at.ZERO_KEY, 0, 0),
        (243, KEYS[6], 0, 0),
        (245, KEYS[6], 0, 0),
        (261, KEYS[6], -5, 0),
        (301, KEYS[6], -5, 42),
    ],
)
def test_pool_accounts_of_every_size_are_read(length: int, creator: Pubkey, virtual: int, bps: int) -> None:
    account = pool_layouts.decode_pool(packed_pool()[:length].ljust(length, b"\x00"))
    assert (account.creator, account.base_mint, account.quote_mint) == (KEYS[0], KEYS[1], KEYS[2])
    assert (account.base_vault, account.quote_vault) == (KEYS[4], KEYS[5])
    assert (account.coin_creator, account.virtual_quote_lamports, account.creator_fee_bps) == (creator, virtual, bps)
    with pytest.raises(DecodeError):
        pool_layouts.decode_pool(packed_pool()[:210])


def trade_event(*, is_buy: bool, user_lamports: int) -> bytes:
    """A trade of 1,000 at the price, with 2 for the pool and 93 for the protocol, cut where the 2025 events ended."""
    numbers = struct.pack("<q14Q", 99, 55, 0, 1, 2, 3, 4, 1_000, 20, 2, 5, 93, 1_002, user_lamports, 0)[:-8]
    keys = b"".join(bytes(key) for key in KEYS[:6])
    return (pool_layouts.BUY_EVENT if is_buy else pool_layouts.SELL_EVENT) + numbers + keys


@pytest.mark.parametrize(("is_buy", "user_lamports"), [(True, 1_125), (False, 875)])
@pytest.mark.parametrize("tail", [0, 40, 48, 80, 121, 300])
def test_trade_events_of_every_size_are_read(is_buy: bool, user_lamports: int, tail: int) -> None:
    trade = pool_layouts.decode_pool_trade(trade_event(is_buy=is_buy, user_lamports=user_lamports) + bytes(tail))
    assert (trade.is_buy, trade.token_raw, trade.quote_lamports, trade.timestamp_s) == (is_buy, 55, 1_000, 99)
    assert (trade.lp_fee_lamports, trade.protocol_fee_lamports, trade.creator_fee_lamports) == (2, 93, 30)
    assert (trade.pool, trade.user, trade.user_lamports) == (KEYS[0], KEYS[1], user_lamports)


def test_an_event_whose_fees_exceed_what_was_paid_is_refused() -> None:
    with pytest.raises(DecodeError, match="1 lamports more"):
        pool_layouts.decode_pool_trade(trade_event(is_buy=True, user_lamports=1_094))


DECODERS: list[tuple[bytes, Callable[[bytes], object]]] = [
    (pool_layouts.POOL, pool_layouts.decode_pool),
    (pool_layouts.POOL_CONFIG, pool_layouts.decode_pool_config),
    (FEE_CONFIG, pool_layouts.decode_pool_fee_tiers),
    (pool_layouts.BUY_EVENT, pool_layouts.decode_pool_trade),
    (pool_layouts.SELL_EVENT, pool_layouts.decode_pool_trade),
]


@pytest.mark.parametrize(("discriminator", "decode"), DECODERS)
@given(body=st.binary(max_size=1_200), whole=st.booleans())
def test_any_bytes_are_read_or_refused(
    discriminator: bytes, decode: Callable[[bytes], object], body: bytes, whole: bool
) -> None:
    try:
        decode(body if whole else discriminator + body)
    except DecodeError as error:
        assert str(error)


def _order(side: Side, **changes: object) -> SwapOrder:
    order = SwapOrder(str(WALLET.pubkey()), str(MINT), side, POOL, 5 * SOL, 77, 66, 120_000, 50_000)
    return replace(order, **changes)


def _built(order: SwapOrder, facts: pool_transactions.PoolFacts = FACTS) -> tuple[MessageV0, CompiledInstruction, int]:
    """The message, its trade, and its size on the wire."""
    raw = pool_transactions.build_message(order, facts, Recipients(FEE, BUYBACK), Hash.default())
    message = from_bytes_versioned(raw)
    assert isinstance(message, MessageV0)
    [trade] = [one for one in message.instructions if message.account_keys[one.program_id_index] == at.POOL_PROGRAM]
    return message, trade, len(unsigned_wire(raw))


@pytest.mark.parametrize(
    ("side", "name", "data"),
    [
        (Side.BUY, "buy_exact_quote_in", struct.pack("<2QB", 5 * SOL, 66, 0)),
        (Side.SELL, "sell", struct.pack("<2Q", 77, 66)),
    ],
)
def test_the_trade_is_laid_out_as_described(pools: Idl, side: Side, name: str, data: bytes) -> None:
    message, trade, _ = _built(_order(side))
    assert bytes(trade.data) == pools.discriminator("instructions", name) + data
    described = pools.accounts(name)
    found = [
        (message.account_keys[index], message.is_maybe_writable(index), message.is_signer(index))
        for index in trade.accounts
    ]
    pool = at.canonical_pool(MINT)
    named = {
        "pool": pool,
        "user": WALLET.pubkey(),
        "global_config": at.POOL_CONFIG,
        "base_mint": MINT,
        "quote_mint": at.WRAPPED_SOL_MINT,
        "user_quote_token_account": at.wrapped_sol(WALLET.pubkey()),
        "pool_quote_token_account": at.wrapped_sol(pool),
        "protocol_fee_recipient": FEE,
        "protocol_fee_recipient_token_account": at.wrapped_sol(FEE),
        "coin_creator_vault_ata": at.wrapped_sol(at.pool_creator_authority(CREATOR)),
        "fee_config": at.POOL_FEE_CONFIG,
        "program": at.POOL_PROGRAM,
    }
    for (key, writable, signer), (account, should_write, should_sign) in zip(found, described, strict=False):
        assert signer == should_sign, account
        # A key that another instruction writes is writable in the whole message.
        assert writable or not should_write, account
        assert key == named.get(account, key), account
    assert [key for key, _, _ in found[len(described) :]] == [at.pool_v2(MINT), BUYBACK, at.wrapped_sol(BUYBACK)]


@pytest.mark.parametrize(
    ("side", "is_cashback", "accounts"),
    [(Side.BUY, False, 26), (Side.BUY, True, 27), (Side.SELL, False, 24), (Side.SELL, True, 26)],
)
def test_every_trade_fits_a_packet(side: Side, is_cashback: bool, accounts: int) -> None:
    _, trade, size = _built(_order(side, close_account=True), replace(FACTS, is_cashback=is_cashback))
    assert len(trade.accounts) == accounts
    assert size <= PACKET_BYTES


async def migrated(world: World) -> tuple[str, Keypair]:
    """A coin in its pool, and a wallet that holds some of it."""
    creator, buyer = await world.funded(10 * SOL), await world.funded(200 * SOL)
    mint = await world.launched(creator)
    await world.landed(buyer, await world.buy_order(buyer, mint, 5 * SOL))
    await world.landed(buyer, await world.buy_order(buyer, mint, 120 * SOL))
    with trio.fail_after(60):
        while not isinstance(await world.chain.venue(mint), Pool):
            await trio.sleep(0.4)
    return mint, buyer


async def test_a_coin_moves_from_its_curve_over_nowhere_to_its_pool(autojump_clock: MockClock) -> None:
    async with virtual_world() as world:
        creator, buyer = await world.funded(10 * SOL), await world.funded(200 * SOL)
        mint = await world.launched(creator)
        assert isinstance(await world.chain.venue(mint), Curve)
        await world.landed(buyer, await world.buy_order(buyer, mint, 120 * SOL))
        venue = await world.chain.venue(mint)
        assert awaits_pool(venue)
        with trio.fail_after(60):
            while awaits_pool(venue):
                await trio.sleep(0.4)
                venue = await world.chain.venue(mint)
        assert isinstance(venue, Pool)
        assert venue.token_raw == 206_900 * 10**9
        assert venue.fees == PoolFees(2, 93, 30)
        assert venue.creator == str(creator.pubkey())
        other = await world.launched(creator)
        found = await world.chain.venues([other, mint])
        assert isinstance(found[other], Curve)
        assert isinstance(found[mint], Pool)


async def test_trades_in_a_pool_do_what_was_quoted_to_the_lamport(autojump_clock: MockClock) -> None:
    async with virtual_world() as world:
        mint, buyer = await migrated(world)
        pool = await world.chain.venue(mint)
        quote = quote_buy(pool, SOL, Fees())
        held_raw = await world.held(buyer, mint)
        tip = {"tip_lamports": 12_345, "tip_account": str(TIP_ACCOUNTS[0])}
        landed = await world.landed(buyer, await world.buy_order(buyer, mint, SOL, **tip))
        bought = fill_from(landed, Side.BUY)
        assert bought.tip_lamports == 12_345, "what is wrapped for the pool is no tip"
        assert (bought.token_raw, bought.quote_lamports) == (quote.token_raw, quote.quote_lamports)
        assert bought.lp_fee_lamports == quote.lp_fee_lamports > 0
        assert bought.protocol_fee_lamports == quote.protocol_fee_lamports
        assert bought.creator_fee_lamports == quote.creator_fee_lamports > 0
        assert (bought.rent_lamports, bought.other_lamports) == (0, 0)
        assert -bought.wallet_delta_lamports == quote.paid_lamports + bought.network_fee_lamports + 12_345
        assert sum(leg.lamports for leg in legs_of_fill(bought)) == 0
        assert await world.held(buyer, mint) == held_raw + quote.token_raw

        everything = held_raw + quote.token_raw
        expected = quote_sell(await world.chain.venue(mint), everything, Fees())
        order = await world.sell_order(buyer, mint, everything, close_account=True, **tip)
        sold = fill_from(await world.landed(buyer, order), Side.SELL)
        assert (sold.quote_lamports, sold.lp_fee_lamports) == (expected.quote_lamports, expected.lp_fee_lamports)
        assert (sold.rent_lamports < 0, sold.other_lamports) == (True, 0)
        received = expected.received_lamports - sold.network_fee_lamports - sold.rent_lamports - 12_345
        assert sold.wallet_delta_lamports == received
        assert sum(leg.lamports for leg in legs_of_fill(sold)) == 0


async def test_a_simulation_says_what_a_trade_in_a_pool_uses_and_why_it_would_fail(autojump_clock: MockClock) -> None:
    async with virtual_world() as world:
        mint, buyer = await migrated(world)
        order = await world.buy_order(buyer, mint, SOL)
        assert 10_000 < await world.chain.compute_units(order) < 200_000
        with pytest.raises(SendRejected) as refused:
            await world.chain.compute_units(replace(order, limit_raw=order.limit_raw + 1))
        assert refused.value.program_error == 6040
        with pytest.raises(ChainUnavailable, match="has not been read"):
            world.chain.build(replace(order, mint=str(MINT)), await world.chain.latest_blockhash())


async def test_wrapped_sol_that_somebody_left_in_the_wallet_is_explained(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=7)
    async with virtual_world(net) as world:
        mint, buyer = await migrated(world)
        accounts = net.cluster.chain.accounts
        template = accounts.get(at.wrapped_sol(at.canonical_pool(Pubkey.from_string(mint))))
        assert template is not None
        data = bytearray(template.data)
        data[32:64], data[64:72] = bytes(buyer.pubkey()), (7_000).to_bytes(8, "little")
        accounts.put(at.wrapped_sol(buyer.pubkey()), Account(2_039_280 + 7_000, bytes(data), at.TOKEN_PROGRAM))
        sold = fill_from(await world.landed(buyer, await world.sell_order(buyer, mint, 10**12)), Side.SELL)
        assert (sold.rent_lamports, sold.other_lamports) == (-2_039_280 - 7_000, 0)
