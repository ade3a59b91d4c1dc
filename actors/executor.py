"""One executor per wallet: it takes that wallet's requests one at a time, exits before entries."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from actors.runtime import Actor, Context
from bot.errors import LeaseLost, StoreUnavailable
from bot.execution.pipeline import Pipeline
from bot.ports import Wallet
from bot.trading.intent import TradeRequest
from bot.trading.risk_gate import Refused

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trade:
    """A request to be taken as far as its bytes having left."""

    request: TradeRequest


class Executor(Actor[None, Trade]):
    """Its turn makes the risk gate's answer hold until the intent is written. Sales come in on the control lane."""

    def __init__(self, wallet: Wallet, pipeline: Pipeline) -> None:
        self._wallet, self._pipeline = wallet, pipeline

    async def handle(self, ctx: Context, state: None, message: Trade) -> None:
        try:
            ctx.reply(await self._pipeline.submit(message.request, self._wallet))
        except StoreUnavailable as error:
            log.warning("order_outcome_unknown", key=message.request.key, reason=str(error))
            ctx.reply(Refused("unknown", f"the database is away ({error}); look at /positions before you repeat this"))
        except LeaseLost as error:
            log.warning("order_not_taken", key=message.request.key, reason=str(error))
            ctx.reply(Refused("not_leading", f"this bot may not trade now ({error}); look at /positions"))
