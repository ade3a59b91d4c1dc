"""Tokens whose makers kept powers over their holders, bought by somebody who was told and wanted them all the same."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from bot.ports import Submitted, Wallet
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Refused
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.whole import hostile_tokens
from tests.whole.ledgers import exact
from tests.whole.test_migrated_positions import KEEPS
from tests.whole.test_one_trade import order
from tests.whole.test_routed_positions import make_market
from tests.whole.virtual import World, bought, closed, open_for_entries, running_bot

TENTH = LAMPORTS_PER_SOL // 10
BOLD = replace(KEEPS, check_honeypots=False)
FEE_BPS = 500


async def buys(world: World, bot: TradingBot, mint: str, settings: UserSettings) -> Wallet:
    """A user of the bot who is careful is refused; one who is not has bought the token."""
    careful, purse = await world.user("careful", KEEPS)
    bold, wallet = await world.user("bold", settings)
    await open_for_entries(bot)
    refused = await bot.desk.submit(order(careful, purse, mint, key="careful", spend_lamports=TENTH))
    assert isinstance(refused, Refused) and refused.code == "unsafe_token", refused
    outcome = await bot.desk.submit(order(bold, wallet, mint, key="in", spend_lamports=TENTH))
    assert isinstance(outcome, Submitted), outcome
    await bought(world, 1)
    return wallet


async def test_a_taxed_token_is_sold_by_its_stop_although_its_account_keeps_fees_and_cannot_be_closed(
    autojump_clock: MockClock,
) -> None:
    world, crowd = make_market()
    mint = hostile_tokens.taxed(crowd, FEE_BPS)
    async with running_bot(world) as bot:
        wallet = await buys(world, bot, mint, replace(BOLD, stop_loss_bps=500))  # the tax of the way out is more
        await closed(world, 1, within_s=60)
        after = await bot.adapters.chain.balances(wallet.address)
        assert after.token_raw.get(mint) == 0, "all of it is sold, and the account stands"
        await exact(bot, world)
    assert any("Sold" in line and "stop-loss" in line for line in world.told), world.told


async def test_a_taxed_token_is_sold_by_hand(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    mint = hostile_tokens.taxed(crowd, FEE_BPS)
    async with running_bot(world) as bot:
        wallet = await buys(world, bot, mint, BOLD)
        user = await world.store.user_by_handle("bold")
        assert user is not None
        sold = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        assert isinstance(sold, Submitted), sold
        await closed(world, 1)
        await exact(bot, world)


async def test_a_token_whose_transfers_were_stopped_is_told_in_words_and_kept(autojump_clock: MockClock) -> None:
    world, crowd = make_market()
    mint = hostile_tokens.pausable(crowd)
    async with running_bot(world) as bot:
        wallet = await buys(world, bot, mint, BOLD)
        user = await world.store.user_by_handle("bold")
        assert user is not None
        hostile_tokens.pause(crowd, mint)
        await trio.sleep(2)
        refused = await bot.desk.submit(order(user, wallet, mint, key="out", share_bps=BPS))
        assert isinstance(refused, Refused), refused
        assert "somebody who may has stopped all transfers of the token" in refused.reason
        assert len(await world.store.open_positions()) == 1
        await exact(bot, world)
