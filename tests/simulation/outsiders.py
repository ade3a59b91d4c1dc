"""Others than users: traders, and whoever has the key of a user's wallet and moves SOL away, or sells what the bot holds."""

from __future__ import annotations

from contextlib import suppress

import structlog
from solders.pubkey import Pubkey

from bot.errors import Unavailable
from bot.localnet.addresses import associated_token
from bot.localnet.tokens import token_account
from bot.ports import Wallet
from bot.trading.curve import AwaitsPoolError
from bot.trading.units import BPS
from tests.simulation.checks import Safety
from tests.simulation.events import Event, Kind
from tests.simulation.world import DoorWorld
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner

log = structlog.get_logger()


def sells_a_part(crowd: Crowd, mint: str, event: Event, *, creator: int) -> None:
    """A trader sells a share of what he holds on the curve; nothing where he holds none."""
    account = associated_token(Pubkey.from_string(crowd.address(event.trader)), Pubkey.from_string(mint))
    held = token_account(crowd.chain.cluster.chain.accounts.get(account))
    if held is not None and (raw := held.amount_raw * event.amount // BPS):
        crowd.sell(mint, event.trader, raw, creator=creator)


async def moves_outside(world: DoorWorld, safety: Safety, wallet: Wallet, event: Event) -> None:
    """Carry the event out, and tell the checker of safety; it may not land, as nobody's transaction need."""
    owner = Owner(world, wallet)
    if event.kind is Kind.OUTSIDE_OUT:
        safety.outside.add(await owner.sends(event.amount))
        log.info("simulation_outflow", wallet=wallet.id)
        return
    chain = world.honest_chain()
    looked = await chain.balances(wallet.address)
    held = sorted((mint, raw) for mint, raw in looked.token_raw.items() if raw)
    if not held:
        return
    mint, raw = held[event.token % len(held)]
    safety.sold_outside.add((wallet.id, mint))
    with suppress(Unavailable, LookupError, AwaitsPoolError):
        _, signature = await owner.sells(chain, mint, raw * event.amount // BPS, part=event.amount < BPS)
        safety.outside.add(signature)
        log.info("simulation_outside_sale", wallet=wallet.id, mint=mint)
