"""What is measured of each hour, and what of it rings when it is unlike the last days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.analysis.unusual import Unit, Watched
from bot.ports import EndpointHealth, HourMeasure, ModeSums, Overview, Submitted
from bot.trading.intent import Mode, Side, TradeRequest
from bot.trading.risk_gate import Refused

HOUR_MS = 3_600_000
FILLS, FEES, LAUNCH_TO_FILL, REFUSALS, RPC_ERRORS = "fills", "fees", "launch_to_fill", "refusals", "rpc_errors"

_OF_MODE = (
    Watched(FILLS, "orders that filled", Unit.SHARE, high_is_bad=False, least=20, least_change=0.15),
    Watched(FEES, "fees and tips of an order", Unit.LAMPORTS, high_is_bad=True, least=10, least_change=1.0),
)
# Each is held against its own past; the modes are never mixed.
WATCHED: Mapping[str, Watched] = {
    **{f"{one.name} {mode.value}": one for mode in Mode for one in _OF_MODE},
    LAUNCH_TO_FILL: Watched(
        LAUNCH_TO_FILL, "the way of a snipe from launch to fill", Unit.MS, high_is_bad=True, least=5, least_change=0.5
    ),
    REFUSALS: Watched(
        REFUSALS, "buys that limits or checks refused", Unit.SHARE, high_is_bad=True, least=20, least_change=0.25
    ),
    RPC_ERRORS: Watched(
        RPC_ERRORS, "questions that endpoints failed", Unit.SHARE, high_is_bad=True, least=500, least_change=0.05
    ),
}


@dataclass(slots=True)
class Asked:
    """The buys that this process was asked for and that no pause refused, and how many of them something else did."""

    buys: int = 0
    refused: int = 0

    def noted(self, request: TradeRequest, answer: Submitted | Refused) -> Submitted | Refused:
        """Take what became of one order when it was given, which is handed on."""
        if request.side is Side.BUY:
            self.buys += 1
            self.refused += isinstance(answer, Refused)
        return answer


@dataclass(slots=True)
class Running:
    """A measure that this process counts up: what it adds to an hour, beside what an earlier process had counted in it."""

    _hour_ms: int = -1
    _base: tuple[int, int] = (0, 0)
    _mark: tuple[int, int] = (0, 0)
    _latest: tuple[int, int] = field(default=(0, 0))

    def of_hour(self, hour_ms: int, known: HourMeasure | None, total: int, count: int) -> tuple[int, int]:
        """Total and count of this hour so far; `total` and `count` are those of the process, `known` is what is stored."""
        if hour_ms != self._hour_ms:
            self._hour_ms, self._mark = hour_ms, self._latest
            self._base = (0, 0) if known is None else (known.total, known.count)
        self._latest = (total, count)
        return self._base[0] + total - self._mark[0], self._base[1] + count - self._mark[1]


def measured(hour_ms: int, overview: Overview, launch_to_fill_ms: Sequence[int]) -> Iterator[HourMeasure]:
    """What the books say of an hour, by sums since it began; nothing of what did not happen."""
    for sums in overview.modes:
        outcomes = outcomes_of(sums)
        if outcomes:
            yield HourMeasure(f"{FILLS} {sums.mode.value}", hour_ms, sums.buys + sums.sells, outcomes)
            yield HourMeasure(f"{FEES} {sums.mode.value}", hour_ms, sums.fees_lamports, outcomes)
    if launch_to_fill_ms:
        middle_ms = launch_to_fill_ms[len(launch_to_fill_ms) // 2]
        yield HourMeasure(LAUNCH_TO_FILL, hour_ms, middle_ms * len(launch_to_fill_ms), len(launch_to_fill_ms))


def outcomes_of(sums: ModeSums) -> int:
    """Orders that ended: with a fill, or without one."""
    return sums.buys + sums.sells + sums.failed


def rpc_counts(endpoints: Sequence[EndpointHealth]) -> tuple[int, int]:
    """Questions that failed, and all that ended, at all endpoints since the start."""
    return sum(one.failed for one in endpoints), sum(one.failed + one.answered for one in endpoints)


def without(later: ModeSums, since: ModeSums) -> ModeSums:
    """What was done in a span: of two looks at the same mode, the one since its beginning without the one since its end."""
    return ModeSums(
        mode=since.mode,
        open_positions=since.open_positions,
        deployed_lamports=since.deployed_lamports,
        reserved_lamports=since.reserved_lamports,
        unproven=since.unproven,
        buys=since.buys - later.buys,
        sells=since.sells - later.sells,
        failed=since.failed - later.failed,
        won=since.won - later.won,
        lost=since.lost - later.lost,
        realized_lamports=since.realized_lamports - later.realized_lamports,
        fees_lamports=since.fees_lamports - later.fees_lamports,
    )
