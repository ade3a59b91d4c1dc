"""Coins that were launched the older way: their mint is one of SPL Token, and everything else is as with any coin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain import metaplex
from bot.chain.geyser_stream import GeyserLaunches
from bot.chain.launch_sources import LaunchSources
from bot.clock import virtual_clock
from bot.errors import DecodeError
from bot.localnet import launchpad
from bot.localnet.inprocess import InProcessChain
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.metadata import TokenMetadata
from bot.trading.token_check import cautions, hazards
from tests.chain.chain_doubles import in_process_geyser
from tests.chain.chain_scenario import EPOCH_MS, SOL, real_world, virtual_world


@pytest.mark.parametrize("source", ["logs", "grpc"])
async def test_each_source_tells_the_launch_with_its_token_program_and_the_trades_behind_it(
    autojump_clock: MockClock, source: str
) -> None:
    net = InProcessChain(seed=12)
    async with virtual_world(net) as world:
        creator = await world.funded()
        stream: Any = world.stream
        if source == "grpc":
            clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
            geyser = GeyserLaunches(in_process_geyser(net), world.chain.newest_slot, clock, silence_s=2)
            stream = LaunchSources([geyser], clock)
        with trio.fail_after(20):
            async with stream.events() as events:
                mint = await world.launched(creator, name="An old one", symbol="OLD", legacy=True)
                created = await anext(events)
                bought = await world.landed(creator, await world.buy_order(creator, mint, SOL))
                traded = await anext(events)
    assert isinstance(created, TokenLaunch)
    assert (created.mint, created.name, created.symbol) == (mint, "An old one", "OLD")
    assert created.token_program == str(at.TOKEN_PROGRAM)
    assert created.creator == created.curve.creator == str(creator.pubkey())
    assert created.curve.virtual_quote_lamports == launchpad.VIRTUAL_QUOTE_LAMPORTS
    assert created.curve.real_token_raw == launchpad.REAL_TOKEN_RAW
    assert isinstance(traded, CurveTrade)
    assert (traded.mint, traded.token_raw) == (mint, bought.token_delta_raw)


async def trades_to_the_lamport(world: Any) -> None:
    """A buy at its quote, a second one, and a sale of everything that closes the account of SPL Token."""
    wallet = await world.funded()
    mint = await world.launched(wallet, legacy=True)
    order = await world.buy_order(wallet, mint, SOL)
    landed = await world.landed(wallet, order)
    assert landed.token_delta_raw == order.token_raw == await world.held(wallet, mint)
    again = await world.landed(wallet, await world.buy_order(wallet, mint, SOL // 10))
    held = order.token_raw + again.token_delta_raw
    facts = await world.chain.mint_facts(mint)
    assert (hazards(facts), cautions(facts)) == ((), ())
    sale = await world.sell_order(wallet, mint, held, close_account=True)
    sold = await world.landed(wallet, sale)
    assert sold.error is None
    assert sold.token_delta_raw == -held
    assert await world.held(wallet, mint) == 0
    account = at.token_account(wallet.pubkey(), Pubkey.from_string(mint), at.TOKEN_PROGRAM)
    shown = await world.rpc("getAccountInfo", str(account), {"encoding": "base64", "commitment": "confirmed"})
    assert shown["value"] is None


async def test_it_is_bought_and_sold_to_the_lamport_in_process(autojump_clock: MockClock) -> None:
    async with virtual_world() as world:
        await trades_to_the_lamport(world)


async def test_it_is_bought_and_sold_to_the_lamport_over_sockets(localnet: dict[str, Any]) -> None:
    with trio.fail_after(30):
        async with real_world(localnet["http_url"], localnet["ws_url"]) as world:
            await trades_to_the_lamport(world)


async def test_its_name_stands_in_an_account_of_metaplex(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=12)
    async with virtual_world(net) as world:
        creator = await world.funded()
        old = await world.launched(creator, name="An old one", symbol="OLD", legacy=True)
        new = await world.launched(creator, name="A new one", symbol="NEW")
        uri = "https://example.test/coin.json"
        assert await world.chain.metadata(old) == TokenMetadata("An old one", "OLD", uri)
        assert await world.chain.metadata(new) == TokenMetadata("A new one", "NEW", uri)
        accounts, key = net.cluster.chain.accounts, metaplex.address_of(at.key_from(old))
        account = accounts.get(key)
        assert account is not None
        accounts.put(key, Account(account.lamports, account.data, at.PUMP_PROGRAM, False, account.rent_epoch))
        with pytest.raises(DecodeError, match="belongs to"):
            await world.chain.metadata(old)
        accounts.put(key, None)
        assert await world.chain.metadata(old) is None


MINT = Pubkey.new_unique()


def packed(*texts: bytes, mint: Pubkey = MINT, kind: int = 4) -> bytes:
    """An account as Metaplex lays it out, each text padded to its length there."""
    padded = [text.ljust(length, b"\0") for text, length in zip(texts, (32, 10, 200), strict=True)]
    body = b"".join(len(one).to_bytes(4, "little") + one for one in padded)
    return bytes([kind]) + bytes(32) + bytes(mint) + body + bytes(288)


def test_padding_is_no_part_of_a_name_and_strange_letters_are_replaced() -> None:
    told = metaplex.decode(packed(b"Name", b"SYM", b"uri"), MINT)
    assert told == TokenMetadata("Name", "SYM", "uri")
    assert metaplex.decode(packed(b"\xff\xfe", b"", b""), MINT) == TokenMetadata("\ufffd\ufffd", "", "")
    assert len(packed(b"", b"", b"")) == 607


@pytest.mark.parametrize(
    "data",
    [b"", packed(b"", b"", b"", kind=6), packed(b"", b"", b"", mint=Pubkey.new_unique()), packed(b"", b"", b"")[:300]],
)
def test_what_is_no_metadata_of_the_mint_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        metaplex.decode(data, MINT)


@given(st.binary(max_size=400))
def test_any_bytes_are_metadata_or_the_decode_error(tail: bytes) -> None:
    try:
        told = metaplex.decode(bytes([4]) + bytes(32) + bytes(MINT) + tail, MINT)
    except DecodeError:
        return
    assert len(told.name) <= len(tail)


def test_the_instruction_is_that_of_the_interface_description(shared_data: Path) -> None:
    described = msgspec.json.decode((shared_data / "idl/pump_fun_idl.json").read_bytes())
    [create] = [one for one in described["instructions"] if one["name"] == "create"]
    built = launchpad.create(Pubkey.new_unique(), Pubkey.new_unique(), name="n", symbol="s", uri="u")
    assert bytes(create["discriminator"]) == launchpad.CREATE
    assert [(one.is_signer, one.is_writable) for one in built.accounts] == [
        (one.get("signer", False), one.get("writable", False)) for one in create["accounts"]
    ]
    fixed = {place: one["address"] for place, one in enumerate(create["accounts"]) if "address" in one}
    assert {place: str(built.accounts[place].pubkey) for place in fixed} == fixed
