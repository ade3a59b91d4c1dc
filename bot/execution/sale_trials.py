"""The honeypot test: before anything buys a token by itself, a simulated sale must follow a simulated buy of it.

A mint can be clean and its coin unsellable all the same. The outcome is remembered per token, for all users, so that a
launch with many snipers is tried once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import structlog
import trio

from bot.errors import ChainUnavailable, SendRejected
from bot.execution.quoting import CannotPrepareError
from bot.ports import Chain, SwapOrder
from bot.trading.intent import Mode

log = structlog.get_logger()

TRIED_WITHIN_S = 1.0  # a simulation that takes longer is none, and nothing is bought by itself without one
PASSED_FOR_S = 600.0
FAILED_FOR_S = 30.0  # a curve can be opened to sales later, and many ask at once
TOKENS_MAX = 2_000
UNSELLABLE = "unsellable"
UNTRIED = "untried"


@dataclass(slots=True)
class _Trial:
    """What became of the latest trial of a token; `turn` lets one order try while others of it wait."""

    turn: trio.Lock = field(default_factory=trio.Lock)
    holds_until_s: float = 0.0
    why_not: str | None = None


@dataclass(slots=True)
class SaleTrials:
    """Bounded in tokens. A sale that brings less than half of what it cost counts as none: that is what a tax takes."""

    _trials: OrderedDict[tuple[str, Mode], _Trial] = field(default_factory=OrderedDict)

    async def prove(self, chain: Chain, order: SwapOrder, mode: Mode) -> None:
        """Return when what this order buys could be sold again at once; what a virtual wallet sells proves nothing for another.

        Raises CannotPrepareError: `unsellable` when it could not, `untried` when nobody could say within a second.
        SendRejected when the buy itself would fail.
        """
        trial = self._trial(order.mint, mode)
        async with trial.turn:
            if trio.current_time() >= trial.holds_until_s:
                trial.why_not = await self._tried(chain, order)
                lasts_s = PASSED_FOR_S if trial.why_not is None else FAILED_FOR_S
                trial.holds_until_s = trio.current_time() + lasts_s
        if trial.why_not is not None:
            raise CannotPrepareError(
                f"a simulated sale right behind the buy fails, so it could not be sold again ({trial.why_not}). The setting"
                " check_honeypots decides whether such tokens are refused",
                UNSELLABLE,
            )

    async def _tried(self, chain: Chain, order: SwapOrder) -> str | None:
        """Why the sale fails; None when it does not."""
        half_lamports = order.spend_lamports * order.limit_raw // order.token_raw // 2
        why_not: str | None = None
        try:
            with trio.fail_after(TRIED_WITHIN_S):
                why_not = await chain.round_trip(order, half_lamports)
        except (ChainUnavailable, trio.TooSlowError) as error:
            log.warning("sale_not_tried", mint=order.mint, reason=str(error))
            raise _untried() from error
        except SendRejected as error:
            if error.kind == "simulation":
                raise
            log.warning("sale_not_tried", mint=order.mint, reason=str(error))
            raise _untried() from error
        log.info("sale_tried", mint=order.mint, sells=why_not is None, reason=why_not)
        return why_not

    def _trial(self, mint: str, mode: Mode) -> _Trial:
        trial = self._trials.setdefault((mint, mode), _Trial())
        self._trials.move_to_end((mint, mode))
        while len(self._trials) > TOKENS_MAX:
            self._trials.popitem(last=False)
        return trial


def _untried() -> CannotPrepareError:
    return CannotPrepareError(
        "whether it can be sold again could not be simulated in time, and nothing is bought by itself without that;"
        " nothing was sent",
        UNTRIED,
    )
