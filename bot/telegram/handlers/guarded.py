"""The commands that a second factor guards, together: codes themselves, and what takes them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.telegram.chat import Handler
from bot.telegram.handlers.exports import ExportHandlers
from bot.telegram.handlers.freezes import FreezeHandlers
from bot.telegram.handlers.security import SecurityHandlers
from bot.telegram.handlers.sweeps import SweepHandlers
from bot.telegram.handlers.withdraw import WithdrawHandlers


@dataclass(frozen=True, slots=True)
class GuardedHandlers:
    """What moves money or a key out takes a code of the user; what takes power away takes none."""

    security: SecurityHandlers
    withdraw: WithdrawHandlers
    exports: ExportHandlers
    freezes: FreezeHandlers
    sweeps: SweepHandlers

    def commands(self) -> dict[str, Handler]:
        """Their part of the table."""
        return {
            "totp": self.security.totp,
            "withdraw": self.withdraw.withdraw,
            "export_keys": self.exports.export_keys,
            "freeze": self.freezes.freeze,
            "unfreeze": self.freezes.unfreeze,
            "sweep": self.sweeps.sweep,
        }
