"""How much of its ceilings a live bot may use: a tenth in its first week, a quarter more with each weekly step (D-31)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import msgspec

from bot.errors import StartupError
from bot.execution.policy import Policy
from bot.trading.units import BPS

FIRST_BPS = 1_000
STEP_BPS = 2_500
STEP_DAYS = 7
LIVE_FILE = "live.json"


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`share_bps` of the ceilings was allowed by the last step, on the day `stepped`.

    A file of before there were steps has neither: its bot had what its weeks gave.
    """

    began: date
    share_bps: int | None = None
    stepped: date | None = None


@dataclass(frozen=True, slots=True)
class Ramp:
    """Where a bot stands on its ramp today. `refused_bps` is the share that a step would give if it were not refused."""

    began: date
    share_bps: int
    refused_bps: int | None = None


@dataclass(frozen=True, slots=True)
class LiveFile:
    """The days of this data directory's ramp, in a file of its own. Without it the ramp begins anew."""

    path: Path

    def began(self) -> date | None:
        """None where it never ran live. Raises StartupError for a file that cannot be read."""
        record = self._record()
        return None if record is None else record.began

    def climb(self, today: date, *, may_step: bool) -> Ramp:
        """Take the step that is due, if there is one and it is allowed; where the bot stands then. Raises StartupError."""
        before = self._record()
        after, ramp = _climbed(before, today, may_step=may_step)
        if after != before:
            self._write(after)
        return ramp

    def due(self, today: date) -> int | None:
        """The share in basis points that a step of today would give, None where none is due or it never ran live.

        Takes no step. Raises StartupError.
        """
        record = self._record()
        return None if record is None else _climbed(record, today, may_step=False)[1].refused_bps

    def _record(self) -> _Record | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Record)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise StartupError(
                f"{self.path}: cannot be read as the day of the first live start: {error}; repair it, or remove it, and"
                " the ramp begins anew"
            ) from None

    def _write(self, record: _Record) -> None:
        draft = self.path.with_name(f".{self.path.name}.new")
        try:
            draft.write_bytes(msgspec.json.encode(record) + b"\n")
            draft.replace(self.path)
        except OSError as error:
            raise StartupError(f"{self.path}: cannot be written: {error.strerror}; make room") from None


def _climbed(record: _Record | None, today: date, *, may_step: bool) -> tuple[_Record, Ramp]:
    """A step gives a quarter, a week after the last one at the soonest; weeks that nobody used are not made up for."""
    if record is None:
        record = _Record(today, FIRST_BPS, today)
    share, stepped = record.share_bps, record.stepped
    if share is None or stepped is None:
        weeks = max(0, (today - record.began).days // STEP_DAYS)
        share, stepped = min(BPS, FIRST_BPS + weeks * STEP_BPS), today
    due = share if (today - stepped).days < STEP_DAYS else min(BPS, share + STEP_BPS)
    if due > share and may_step:
        share, stepped = due, today
    return _Record(record.began, share, stepped), Ramp(record.began, share, due if due > share else None)


def ramped(policy: Policy, share: int) -> Policy:
    """The policy with what may be risked cut to a share in basis points; no buy becomes smaller than the smallest allowed."""
    ceilings = policy.ceilings
    least = ceilings.min_trade_lamports
    basic, premium, admin, operator = (
        replace(limits, max_exposure_lamports=limits.max_exposure_lamports * share // BPS) for limits in ceilings.roles
    )
    cut = replace(
        ceilings,
        max_trade_lamports=max(least, ceilings.max_trade_lamports * share // BPS),
        max_position_lamports=max(least, ceilings.max_position_lamports * share // BPS),
        max_daily_loss_lamports=ceilings.max_daily_loss_lamports * share // BPS,
        roles=(basic, premium, admin, operator),
    )
    return replace(policy, ceilings=cut)
