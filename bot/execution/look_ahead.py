"""What an order would do now, and which gates it would meet: judged and quoted as the order would be, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import structlog

from bot.errors import DecodeError, RouterUnavailable, SendRejected
from bot.execution.pipeline import Pipeline
from bot.execution.quoting import CannotPrepareError, not_sent
from bot.execution.units_book import Kind
from bot.ports import Preview, Wallet
from bot.trading.intent import Intent, Side, TradeRequest
from bot.trading.ledger import SIGNATURE_FEE_LAMPORTS
from bot.trading.risk_gate import Check, Refused, RiskSnapshot, admit, entry_checks
from bot.trading.route import Route
from bot.trading.venue import impact_bps, program_of

log = structlog.get_logger()

_WOULD_DO = "would_do"


def _only_judge(request: TradeRequest, facts: RiskSnapshot) -> Refused:
    """The gate for a look ahead: it judges as the gate does and admits nothing, so that nothing is written."""
    verdict = admit(request, facts)
    return verdict if isinstance(verdict, Refused) else Refused(_WOULD_DO, "")


@dataclass(frozen=True, slots=True)
class LookAhead:
    """Asks the road of orders without taking it."""

    pipeline: Pipeline

    async def preview(self, request: TradeRequest, wallet: Wallet) -> Preview | Refused:
        """What the request would do now, by the same gate and the same quote; nothing is written, reserved or sent.

        Raises StoreUnavailable or ChainUnavailable.
        """
        settings = await self.pipeline.store.settings(request.user_id)
        judged = await self.pipeline.judged_by(
            request, wallet, settings, self.pipeline.clock.new_id(), partial(_only_judge, request)
        )
        if isinstance(judged, Intent):
            return Refused("exists", f"this order exists already and is {judged.state}")
        if judged.code != _WOULD_DO:
            return judged
        try:
            priced = await self.pipeline.priced(request, wallet, settings)
            warnings = await self.pipeline.quoting.warnings(request.mint) if request.side is Side.BUY else ()
            kind = Kind(request.side, program_of(priced.venue), priced.close_account)
            units = self.pipeline.units.limit(kind, self.pipeline.costs.most_units(request.side, priced.venue))
            fee_lamports = await self.pipeline.costs.first_fee(request, settings, units)
            tip, _ = self.pipeline.costs.tip(request, settings)
        except (CannotPrepareError, DecodeError, SendRejected, RouterUnavailable) as error:
            log.info("preview_refused", mint=request.mint, reason=str(error))
            return not_sent(error)
        return Preview(
            wallet_address=wallet.address,
            quote=priced.quote,
            limit_raw=priced.limit_raw,
            impact_bps=impact_bps(priced.venue, priced.quote),
            network_fee_lamports=SIGNATURE_FEE_LAMPORTS + fee_lamports,
            tip_lamports=tip,
            warnings=warnings,
            fees_are_known=not isinstance(priced.venue, Route),
        )

    async def entry_checks(self, request: TradeRequest, wallet: Wallet) -> tuple[Check, ...] | Refused:
        """Every gate that an entry would meet now, with its number; nothing is written. Raises StoreUnavailable."""
        found: list[RiskSnapshot] = []

        def keep(facts: RiskSnapshot) -> Refused:
            found.append(facts)
            return Refused(_WOULD_DO, "")

        settings = await self.pipeline.store.settings(request.user_id)
        judged = await self.pipeline.judged_by(request, wallet, settings, self.pipeline.clock.new_id(), keep)
        if found:
            return entry_checks(request, found[0])
        return judged if isinstance(judged, Refused) else Refused("exists", f"this order exists and is {judged.state}")
