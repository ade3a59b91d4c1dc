"""The trades of one launch as far as more than one voice has told them: what one endpoint makes up buys nothing."""

from __future__ import annotations

from collections import OrderedDict

from bot.analysis.features import SEEN_TRADES_MAX, Features, TokenWindow
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.venue import same_reserves

SINGLE_MAX = (
    1  # trades of one voice alone that may tip an opinion: the newest is mostly told by the other a moment later
)


class WitnessedWindow:
    """All trades that were told, and beside them those of which nobody has to be believed alone.

    A trade that one voice has told (`told_by` of its curve) is borne out when another one tells it, or shows the very
    reserves that it left, and all trades up to it together lead there from the launch.
    """

    def __init__(self, launch: TokenLaunch) -> None:
        self._told = TokenWindow(launch)
        self._sure = TokenWindow(launch)
        self._sure_reserves = (launch.curve.virtual_token_raw, launch.curve.virtual_quote_lamports)
        self._single: OrderedDict[tuple[str, int], CurveTrade] = OrderedDict()

    @property
    def is_sure(self) -> bool:
        """Whether no more than the newest trade is one voice's word alone."""
        return len(self._single) <= SINGLE_MAX

    @property
    def tellers(self) -> frozenset[str]:
        """Whose word alone some trades are."""
        return frozenset(trade.curve.told_by for trade in self._single.values())

    def add(self, trade: CurveTrade) -> None:
        """Count a trade as it was told first."""
        if not self._told.add(trade):
            return
        if not trade.curve.told_by:
            self._be_sure(trade)
            return
        self._single[_key(trade)] = trade
        if len(self._single) > SEEN_TRADES_MAX:
            self._single.popitem(last=False)

    def bear_out(self, trade: CurveTrade) -> None:
        """Another voice has told the same."""
        if (single := self._single.pop(_key(trade), None)) is not None:
            self._be_sure(single)

    def shown(self, curve: Curve) -> bool:
        """Another endpoint shows these reserves; whether that bears out anything."""
        shown = [
            place
            for place, trade in enumerate(self._single.values())
            if same_reserves(trade.curve, curve) and trade.curve.told_by != curve.told_by
        ]
        for place in reversed(shown):
            trades = list(self._single.values())[: place + 1]
            reserves = self._sure_reserves
            for trade in trades:
                reserves = _after(reserves, trade)
            if reserves == (curve.virtual_token_raw, curve.virtual_quote_lamports):
                for trade in trades:
                    self.bear_out(trade)
                return True
        return False

    def features(self, at_ms: int) -> Features:
        """Of all that was told."""
        return self._told.features(at_ms)

    def sure_features(self, at_ms: int) -> Features:
        """Of what is no single voice's word."""
        return self._sure.features(at_ms)

    def _be_sure(self, trade: CurveTrade) -> None:
        self._sure.add(trade)
        self._sure_reserves = _after(self._sure_reserves, trade)


def _after(reserves: tuple[int, int], trade: CurveTrade) -> tuple[int, int]:
    """Virtual tokens and lamports behind a trade, by what it says it moved."""
    sign = 1 if trade.is_buy else -1
    return reserves[0] - sign * trade.token_raw, reserves[1] + sign * trade.quote_lamports


def _key(trade: CurveTrade) -> tuple[str, int]:
    return trade.signature, trade.curve.virtual_token_raw
