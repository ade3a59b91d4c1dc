"""How much of its ceilings a live bot may use: a tenth in its first week, a quarter more with each further one (D-31)."""

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


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    began: date


@dataclass(frozen=True, slots=True)
class LiveFile:
    """The day on which this data directory first ran live, in a file of its own. Without it the ramp begins anew."""

    path: Path

    def began(self) -> date | None:
        """None where it never ran live. Raises StartupError for a file that cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Record).began
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise StartupError(
                f"{self.path}: cannot be read as the day of the first live start: {error}; repair it, or remove it, and"
                " the ramp begins anew"
            ) from None

    def begin(self, today: date) -> date:
        """The day of the first live start, which is today unless there was one."""
        began = self.began()
        if began is None:
            began = today
            draft = self.path.with_name(f".{self.path.name}.new")
            try:
                draft.write_bytes(msgspec.json.encode(_Record(today)) + b"\n")
                draft.replace(self.path)
            except OSError as error:
                raise StartupError(f"{self.path}: cannot be written: {error.strerror}; make room") from None
        return began


def share_bps(began: date, today: date) -> int:
    """The share of the ceilings that is allowed on a day, in basis points."""
    weeks = max(0, (today - began).days // STEP_DAYS)
    return min(BPS, FIRST_BPS + weeks * STEP_BPS)


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
