"""An executor takes a wallet's requests one at a time: one of each wallet its purchases, others the sales of its tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from actors.runtime import Actor, Context
from bot.errors import LeaseLost, StoreUnavailable
from bot.execution.closings import Closings
from bot.execution.pipeline import Pipeline
from bot.execution.withdrawals import Withdrawals
from bot.ports import Snipe, Wallet
from bot.trading.intent import Intent, TradeRequest
from bot.trading.ladder import Rung
from bot.trading.risk_gate import Refused

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trade:
    """A request to be taken as far as its bytes having left; a sniper's comes with its look."""

    request: TradeRequest
    rung: Rung
    snipe: Snipe | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """An exit on its way that is to be signed once more."""

    intent: Intent
    rung: Rung


@dataclass(frozen=True, slots=True)
class Close:
    """Emptied token accounts that are to be closed."""

    request: TradeRequest


@dataclass(frozen=True, slots=True)
class Withdraw:
    """SOL that its user sends out, with a code of his."""

    request: TradeRequest
    code: str = field(repr=False)


class Executor(Actor[None, Trade | Again | Close | Withdraw]):
    """Its turn makes the risk gate's answer hold until the intent is written."""

    def __init__(self, wallet: Wallet, pipeline: Pipeline, closings: Closings, withdrawals: Withdrawals) -> None:
        self._wallet, self._pipeline = wallet, pipeline
        self._closings, self._withdrawals = closings, withdrawals

    async def handle(self, ctx: Context, state: None, message: Trade | Again | Close | Withdraw) -> None:
        request = message.intent.request if isinstance(message, Again) else message.request
        try:
            if isinstance(message, Trade):
                ctx.reply(await self._pipeline.submit(request, self._wallet, message.rung, message.snipe))
            elif isinstance(message, Close):
                ctx.reply(await self._closings.submit(request, self._wallet))
            elif isinstance(message, Withdraw):
                ctx.reply(await self._withdrawals.submit(request, self._wallet, message.code))
            else:
                ctx.reply(await self._pipeline.again(message.intent, self._wallet, message.rung))
        except StoreUnavailable as error:
            log.warning("order_outcome_unknown", key=request.key, reason=str(error))
            ctx.reply(Refused("unknown", f"the database is away ({error}); look at /positions before you repeat this"))
        except LeaseLost as error:
            log.warning("order_not_taken", key=request.key, reason=str(error))
            ctx.reply(Refused("not_leading", f"this bot may not trade now ({error}); look at /positions"))
