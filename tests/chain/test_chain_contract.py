"""The contract of the ports `Chain` and `LaunchStream`, held over the in-process cluster and over a real one's sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.errors import SendRejected
from bot.localnet import elsewhere
from bot.trading.curve import INITIAL_VIRTUAL_QUOTE_LAMPORTS, Fees
from bot.trading.fill import fill_from
from bot.trading.intent import Side
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.recovery import Absence, SignatureStatus
from bot.trading.route import Route, RouteError
from tests.chain.chain_doubles import NEVER_SENT
from tests.chain.chain_scenario import SOL, World, real_world, unknown_mint, virtual_world

TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
VOLUME_ACCOUNT_RENT_LAMPORTS = 1_844_400  # 137 bytes, opened by a wallet's first buy and never closed
TOKEN_ACCOUNT_RENT_LAMPORTS = 2_074_080  # 170 bytes
DEADLINE_S = 30


@pytest.fixture(params=["virtual", "real"])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def clock(door: str) -> MockClock | None:
    """Trio's clock for the test: virtual where nothing waits on a socket."""
    return MockClock(autojump_threshold=0) if door == "virtual" else None


@pytest.fixture
async def world(door: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if door == "virtual":
        opened = virtual_world(routed=True)
    else:
        localnet = request.getfixturevalue("localnet")
        opened = real_world(localnet["http_url"], localnet["ws_url"], localnet["jupiter_url"])
    with trio.fail_after(DEADLINE_S):
        async with opened as world:
            yield world


async def test_fees_are_read_from_the_cluster(world: World, clock: None) -> None:
    assert await world.chain.fees() == Fees(protocol_bps=95, creator_bps=30)


async def test_a_mint_without_a_curve_is_unknown(world: World, clock: None) -> None:
    with pytest.raises(LookupError):
        await world.chain.venue(unknown_mint())
    with pytest.raises(LookupError):
        await world.chain.venue("not an address")


async def test_curves_leave_out_what_is_unknown(world: World, clock: None) -> None:
    creator = await world.funded()
    mints = [await world.launched(creator), await world.launched(creator)]
    found = await world.chain.venues([mints[0], unknown_mint(), mints[1]])
    assert list(found) == mints
    assert found[mints[0]].virtual_quote_lamports == INITIAL_VIRTUAL_QUOTE_LAMPORTS
    assert await world.chain.venues([]) == {}


async def test_a_wallet_that_nobody_funded_has_nothing(world: World, clock: None) -> None:
    balances = await world.chain.balances(str(Keypair().pubkey()))
    assert (balances.lamports, balances.token_raw) == (0, {})
    assert balances.slot > 0


async def test_the_lamports_of_many_wallets_are_those_of_each(world: World, clock: None) -> None:
    funded, nobody = str((await world.funded(3 * SOL)).pubkey()), str(Keypair().pubkey())
    others = [str(Keypair().pubkey()) for _ in range(100)]
    found = await world.chain.lamports([nobody, *others, funded])
    assert found.keys() == {funded, nobody, *others}
    assert (found[funded].lamports, found[nobody].lamports) == (3 * SOL, 0)
    assert all(one.slot > 0 for one in found.values())
    assert await world.chain.lamports([]) == {}


async def test_what_is_no_wallet_is_told_from_one(world: World, clock: None) -> None:
    owner, creator = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    await world.landed(owner, await world.buy_order(owner, mint, SOL))
    curve, fresh = at.curve_address(mint), Keypair().pubkey()
    holding, nowhere = (
        str(at.token_account(key, at.key_from(mint), at.TOKEN_2022_PROGRAM)) for key in (owner.pubkey(), fresh)
    )
    for address, is_wallet in (
        *((str(owner.pubkey()), True), (str(fresh), True)),
        *((mint, False), (curve, False), (holding, False), (nowhere, False), (TOKEN_2022, False)),
    ):
        assert await world.chain.is_wallet(address) is is_wallet, address


async def test_the_stream_tells_of_a_launch_and_of_each_trade(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    async with world.stream.events() as events:
        mint = await world.launched(creator, name="Bread", symbol="BRD")
        launch = await _next_of(events, mint)
        assert isinstance(launch, TokenLaunch)
        assert (launch.name, launch.symbol, launch.creator) == ("Bread", "BRD", str(creator.pubkey()))
        assert launch.token_program == TOKEN_2022
        curve = await world.chain.venue(mint)
        assert replace(curve, slot=launch.slot) == launch.curve
        landed = await world.landed(trader, await world.buy_order(trader, mint, SOL))
        trade = await _next_of(events, mint)
    assert isinstance(trade, CurveTrade)
    assert (trade.trader, trade.is_buy, trade.signature) == (str(trader.pubkey()), True, landed.signature)
    assert trade.token_raw == landed.token_delta_raw
    after = await world.chain.venue(mint)
    assert replace(after, slot=trade.slot) == trade.curve


async def _next_of(events: AsyncIterator[TokenLaunch | CurveTrade], mint: str) -> TokenLaunch | CurveTrade:
    async for event in events:
        if event.mint == mint:
            return event
    raise AssertionError("the stream ended")


async def test_failed_transactions_reach_nobody(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    order = await world.buy_order(trader, mint, SOL)
    async with world.stream.events() as events:
        failed = await world.landed(trader, replace(order, limit_raw=order.limit_raw + 1))
        landed = await world.landed(trader, order)
        seen = await _next_of(events, mint)
    assert failed.program_error == 6042
    assert seen.signature == landed.signature


async def test_a_first_buy_is_explained_to_the_lamport(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    order = await world.buy_order(trader, mint, SOL)
    fill = fill_from(await world.landed(trader, order), Side.BUY)
    assert fill.token_raw == order.token_raw == await world.held(trader, mint)
    assert fill.quote_lamports + fill.protocol_fee_lamports + fill.creator_fee_lamports == SOL
    assert fill.network_fee_lamports == 5_000 + order.priority_fee_lamports
    assert fill.rent_lamports == TOKEN_ACCOUNT_RENT_LAMPORTS
    assert fill.other_lamports == VOLUME_ACCOUNT_RENT_LAMPORTS
    balance = (await world.chain.balances(str(trader.pubkey()))).lamports
    assert balance == 10 * SOL + fill.wallet_delta_lamports


async def test_the_buyer_tops_up_a_new_creators_vault(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    fill = fill_from(await world.landed(trader, await world.buy_order(trader, mint, SOL // 100)), Side.BUY)
    topped_up = 890_880 - fill.creator_fee_lamports
    assert fill.other_lamports == VOLUME_ACCOUNT_RENT_LAMPORTS + topped_up


async def test_a_second_buy_opens_nothing(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    await world.landed(trader, await world.buy_order(trader, mint, SOL))
    fill = fill_from(await world.landed(trader, await world.buy_order(trader, mint, SOL)), Side.BUY)
    assert (fill.rent_lamports, fill.other_lamports) == (0, 0)


async def test_part_of_a_holding_is_sold_and_then_the_rest(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    bought = fill_from(await world.landed(trader, await world.buy_order(trader, mint, SOL)), Side.BUY)
    part = bought.token_raw // 3
    order = await world.sell_order(trader, mint, part)
    first = fill_from(await world.landed(trader, order), Side.SELL)
    assert (first.token_raw, first.rent_lamports, first.other_lamports) == (part, 0, 0)
    assert first.wallet_delta_lamports == order.limit_raw - first.network_fee_lamports
    rest = bought.token_raw - part
    assert await world.held(trader, mint) == rest
    last = fill_from(
        await world.landed(trader, await world.sell_order(trader, mint, rest, close_account=True)), Side.SELL
    )
    assert (last.token_raw, last.rent_lamports, last.other_lamports) == (rest, -TOKEN_ACCOUNT_RENT_LAMPORTS, 0)
    balances = await world.chain.balances(str(trader.pubkey()))
    assert balances.token_raw == {}
    moved = bought.wallet_delta_lamports + first.wallet_delta_lamports + last.wallet_delta_lamports
    assert balances.lamports == 10 * SOL + moved


async def test_a_trade_past_its_limit_is_refused_by_simulation(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    order = await world.buy_order(trader, mint, SOL)
    with pytest.raises(SendRejected) as refused:
        await world.chain.compute_units(replace(order, limit_raw=order.limit_raw + 1))
    assert (refused.value.kind, refused.value.program_error) == ("simulation", 6042)
    assert "BuySlippageBelowMinTokensOut" in str(refused.value)


async def test_a_trade_that_lands_with_an_error_costs_its_fee_only(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    await world.landed(trader, await world.buy_order(trader, mint, SOL))
    order = await world.sell_order(trader, mint, 1_000_000_000)
    landed = await world.landed(trader, replace(order, limit_raw=order.limit_raw + 1))
    assert (landed.program_error, landed.trade, landed.token_delta_raw) == (6003, None, 0)
    assert landed.error == '{"InstructionError":[2,{"Custom":6003}]}'
    assert landed.wallet_delta_lamports == -landed.network_fee_lamports == -(5_000 + order.priority_fee_lamports)


async def test_what_a_simulation_uses_is_enough_to_land(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    order = await world.buy_order(trader, mint, SOL)
    used = await world.chain.compute_units(order)
    landed = await world.landed(trader, replace(order, compute_unit_limit=used))
    assert landed.error is None
    assert landed.network_fee_lamports <= 5_000 + order.priority_fee_lamports


async def test_the_same_bytes_land_once(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    raw, signature = await world.signed(trader, await world.buy_order(trader, mint, SOL))
    await world.chain.send(raw)
    await world.chain.send(raw)
    await world.settled(signature)
    held = await world.held(trader, mint)
    await world.chain.send(raw)
    other = await world.funded()  # several blocks later
    assert await world.held(trader, mint) == held
    assert (await world.chain.balances(str(other.pubkey()))).lamports == 10 * SOL


async def test_malformed_bytes_are_rejected(world: World, clock: None) -> None:
    with pytest.raises(SendRejected) as refused:
        await world.chain.send(b"\x01" + bytes(70))
    assert refused.value.kind == "invalid"


async def test_a_signature_that_nobody_sent_is_absent(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    _, signature = await world.signed(trader, await world.buy_order(trader, mint, SOL))
    assert await world.chain.statuses([signature]) == [None]
    assert await world.chain.landed(signature, str(trader.pubkey()), mint) is None
    height = await world.chain.finalized_height()
    absences = await world.chain.search_absences(signature, NEVER_SENT)
    assert isinstance(absences, tuple)
    (absence,) = absences
    assert isinstance(absence, Absence)
    assert absence.endpoint == world.transport.name
    assert absence.finalized_height >= height


async def test_history_knows_what_landed(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    landed = await world.landed(trader, await world.buy_order(trader, mint, SOL))
    found = await world.chain.search_absences(landed.signature, NEVER_SENT)
    assert isinstance(found, SignatureStatus)
    assert (found.slot, found.error, found.settled) == (landed.slot, None, True)


async def test_every_history_is_asked_for_many_signatures_at_once(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    landed = await world.landed(trader, await world.buy_order(trader, mint, SOL))
    _, absent = await world.signed(trader, await world.buy_order(trader, mint, SOL))
    [[known], [unknown]] = await world.chain.sightings([landed.signature, absent])
    assert known.status is not None
    assert (known.status.slot, known.endpoint) == (landed.slot, world.transport.name)
    assert unknown.status is None
    assert 0 < known.finalized_slot <= known.slot


async def test_statuses_come_in_the_order_of_the_question(world: World, clock: None) -> None:
    creator, trader = await world.funded(), await world.funded()
    mint = await world.launched(creator)
    landed = await world.landed(trader, await world.buy_order(trader, mint, SOL))
    _, unsent = await world.signed(trader, await world.buy_order(trader, mint, SOL // 2))
    statuses = await world.chain.statuses([unsent, landed.signature])
    assert statuses[0] is None
    assert statuses[1] is not None
    assert statuses[1].slot == landed.slot
    assert await world.chain.statuses([]) == []


async def test_an_endpoint_that_answers_is_healthy(world: World, clock: None) -> None:
    (before,) = world.chain.health()
    assert not before.healthy
    await world.chain.latest_blockhash()
    (after,) = world.chain.health()
    assert (after.name, after.healthy, after.detail) == (world.transport.name, True, "")
    assert after.slot is not None


async def test_routes_leave_out_what_nobody_trades(world: World, clock: None) -> None:
    mint = str(elsewhere.MINT)
    found = await world.chain.routes([unknown_mint(), mint])
    assert list(found) == [mint]
    seen = found[mint]
    assert isinstance(seen, Route)
    assert min(seen.token_raw, seen.quote_lamports) > 0
    assert await world.chain.venue(mint) == seen
    assert (await world.chain.venues([mint]))[mint] == seen
    assert await world.chain.routes([]) == {}


async def test_an_offer_is_for_its_own_amount_and_lands(world: World, clock: None) -> None:
    wallet, mint = await world.funded(), str(elsewhere.MINT)
    bought = await world.offered_order(wallet, mint, Side.BUY, SOL)
    assert isinstance(bought.venue, Route)
    assert (bought.venue.side, bought.venue.quote_lamports) == (Side.BUY, SOL)
    landed = await world.landed(wallet, bought)
    assert landed.error is None
    held = await world.held(wallet, mint)
    assert bought.limit_raw <= held == landed.token_delta_raw
    sold = await world.offered_order(wallet, mint, Side.SELL, held)
    assert isinstance(sold.venue, Route)
    assert (sold.venue.side, sold.venue.token_raw) == (Side.SELL, held)
    assert sold.venue.id != bought.venue.id
    landed = await world.landed(wallet, sold)
    assert landed.trade is not None
    assert sold.limit_raw <= landed.trade.quote_lamports <= SOL
    assert await world.held(wallet, mint) == 0


async def test_nothing_is_offered_for_what_is_no_token_or_for_more_than_there_is(world: World, clock: None) -> None:
    with pytest.raises(LookupError):
        await world.chain.offer(unknown_mint(), Side.SELL, 1, 100)
    with pytest.raises(RouteError):
        await world.chain.offer(str(elsewhere.MINT), Side.SELL, 0, 100)
