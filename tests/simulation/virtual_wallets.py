"""What users do on paper: they buy and sell out of virtual wallets beside their own mode, and set those back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from bot.ports import User, Wallet
from bot.telegram.handlers.resets import WalletResets
from bot.telegram.parsing import UsageError
from bot.trading.intent import Mode
from bot.tree import TradingBot
from bot.users import wallet_of_mode
from tests.simulation.events import Event, Kind
from tests.simulation.world import DoorWorld
from tests.whole.test_one_trade import order
from tests.whole.virtual import VIRTUAL_LAMPORTS

log = structlog.get_logger()


async def on_paper(world: DoorWorld, bot: TradingBot, user: User, tokens: Mapping[int, str], event: Event) -> None:
    """Buy or sell as the event says, out of the wallet that the first of them makes; or set it back."""
    adapters = bot.adapters
    wallet = await wallet_of_mode(adapters.store, adapters.vault, world.clock, user, Mode.PAPER)
    if event.kind is Kind.PAPER_RESETS:
        await _reset(bot, wallet)
        return
    if event.token not in tokens:
        return
    is_buy = event.kind is Kind.PAPER_BUYS
    amounts = {"spend_lamports" if is_buy else "share_bps": event.amount}
    key = f"paper-{event.user}-{event.at_s}"
    request = replace(order(user, wallet, tokens[event.token], key=key, **amounts), mode=Mode.PAPER)
    outcome = await bot.desk.submit(request)
    log.info("simulation_on_paper", key=key, outcome=repr(outcome))


async def _reset(bot: TradingBot, wallet: Wallet) -> None:
    try:
        told = await WalletResets(bot.adapters.store, VIRTUAL_LAMPORTS).reset(wallet, agreed=True)
    except UsageError as error:
        told = str(error)
    log.info("simulation_reset", wallet=wallet.id, told=told)
