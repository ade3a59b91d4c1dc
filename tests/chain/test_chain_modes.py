"""Attempts of mode dry_run and the router of modes: nothing of a dry run can be taken for a transaction or reach `real`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.hash import Hash
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.chain.dry_run import MARK, MAX_BUILT, is_dry_run, is_dry_run_name, name_of, read_attempt
from bot.errors import ChainUnavailable, DecodeError, SendRejected
from bot.localnet.inprocess import InProcessChain
from bot.ports import Blockhash, Signing, SwapOrder
from bot.trading.curve import Curve
from bot.trading.intent import Mode, Side
from bot.trading.limits import UserSettings
from bot.trading.route import Route
from bot.users import ModeSwitch
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, make_world

BLOCKHASH = Blockhash(str(Hash.default()), 150)


async def _nobody(user_id: str) -> None:
    """There is no sniper to be told."""


def _buy(address: str, mint: str, venue: Curve | Route) -> SwapOrder:
    return SwapOrder(
        wallet_address=address,
        mint=mint,
        side=Side.BUY,
        venue=venue,
        spend_lamports=10_000_000,
        token_raw=1_000_000,
        limit_raw=900_000,
        compute_unit_limit=100_000,
        priority_fee_lamports=0,
    )


async def _dry_world() -> tuple[World, str, str]:
    """A world with one user who has a wallet of each mode, the address of the dry one, and a token on its curve."""
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", UserSettings())
    store = world.adapters().store
    dry = await ModeSwitch(store, world.vault, world.clock, (Mode.LIVE, Mode.DRY_RUN), _nobody).enter(
        user, Mode.DRY_RUN
    )
    mint = Crowd(world.chain).launch()
    world.chain.step(40)
    return world, dry.address, mint


@given(st.binary(max_size=200))
def test_any_bytes_are_an_attempt_or_an_error_that_says_so(data: bytes) -> None:
    for raw in (data, MARK + data):
        with pytest.raises(DecodeError):
            read_attempt(raw)
        assert is_dry_run_name(name_of(raw))


def test_a_signature_is_no_name_of_a_dry_run() -> None:
    signature = Keypair.from_seed(bytes(32)).sign_message(b"a message")
    assert not is_dry_run_name(str(signature))
    assert not is_dry_run_name("no signature at all")


async def test_an_order_of_a_wallet_that_nobody_looked_up_is_not_made(autojump_clock: MockClock) -> None:
    world, dry_address, mint = await _dry_world()
    chain = world.adapters().chain
    venue = await chain.venue(mint)
    assert isinstance(venue, Curve)
    await chain.fees()
    with pytest.raises(SendRejected, match="no known wallet"):
        chain.build(_buy(dry_address, mint, venue), BLOCKHASH)
    world.database.is_away = True
    with pytest.raises(ChainUnavailable, match="whose wallet"):
        await world.adapters().chain.balances(dry_address)


async def test_a_dry_order_is_assembled_with_its_wallets_signature_alone(autojump_clock: MockClock) -> None:
    world, dry_address, mint = await _dry_world()
    chain = world.adapters().chain
    await chain.probe()
    await chain.balances(dry_address)
    venue = await chain.venue(mint)
    assert isinstance(venue, Curve)
    await chain.fees()
    message = chain.build(_buy(dry_address, mint, venue), BLOCKHASH)
    with pytest.raises(SendRejected, match="not the wallet's"):
        chain.assemble(message, bytes(Keypair.from_seed(bytes(32)).sign_message(message)))
    [wallet] = [wallet for wallet in await world.store.wallets() if wallet.address == dry_address]
    signature = await world.vault.sign(
        wallet, await world.store.sealed_key(wallet.id), Signing("intent", mint, message)
    )
    raw, name = chain.assemble(message, signature)
    assert is_dry_run(raw)
    assert name == name_of(raw)
    assert signature in read_attempt(raw).transaction
    assert read_attempt(raw).order.address == dry_address
    for number in range(1, MAX_BUILT + 1):  # so many others are built before this one is signed
        newer = Blockhash(str(Hash(number.to_bytes(32, "big"))), 151)
        chain.build(_buy(dry_address, mint, venue), newer)
    with pytest.raises(SendRejected, match="no order of a dry run"):
        chain.assemble(message, signature)


async def test_the_modes_are_asked_apart_and_answered_in_order(autojump_clock: MockClock) -> None:
    world, _, _ = await _dry_world()
    chain = world.adapters().chain
    real = str(Keypair.from_seed(bytes(32)).sign_message(b"never sent"))
    asked = [name_of(b"one"), real, name_of(b"two")]
    assert await chain.statuses(asked) == [None, None, None]
    assert [len(one) for one in await chain.sightings(asked)] == [1, 1, 1]
    [one, other, _] = await chain.sightings(asked)
    assert (one[0].endpoint, other[0].endpoint) == ("dry_run", "in-process:1")


async def test_a_dry_run_tries_no_order_by_an_aggregators_offer(autojump_clock: MockClock) -> None:
    world, dry_address, mint = await _dry_world()
    chain = world.adapters().chain
    route = Route(Side.BUY, 1_000_000, 10_000_000, 1, 1)
    with pytest.raises(SendRejected, match="aggregator"):
        await chain.compute_units(_buy(dry_address, mint, route))
