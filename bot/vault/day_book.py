"""What each wallet's day has taken, counted by the vault itself and remembered when its process begins anew.

Each count is written, and few are waited for until the disk has them: those say how far the counts may go before the next one
that is. A process that is started again goes on from the last count. Behind a machine that lost its power the vault goes on from
how far the count may have come. Neither ever has a second day's allowance.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog

from bot.clock import Clock
from bot.errors import SigningRefused
from bot.vault.lines import Lines
from bot.vault.policy import Bounds, Kind, Outlay

log = structlog.get_logger()

DAY_MS = 86_400_000
STEPS = 50  # of a day's bound; a machine that fails costs a wallet what is left of the step that it had begun
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # another one each time that the machine starts (random(4))


class Taken(msgspec.Struct, frozen=True):
    """What a wallet's day has taken: `entries` is what its buys take with their costs, `costs` what sales and closings pay.

    `sweeps` is what sweeps pay. All are lamports; `day` counts days since 1970 in UTC. What ends with `_ahead` is how far a
    count may go before the disk has another line, and `boot` is the machine's life in which this one was written.
    """

    address: str
    day: int
    entries: int = 0
    costs: int = 0
    entries_ahead: int = 0
    costs_ahead: int = 0
    boot: str = ""
    sweeps: int = 0
    sweeps_ahead: int = 0

    @property
    def ahead(self) -> tuple[int, int, int]:
        """How far all counts may go."""
        return self.entries_ahead, self.costs_ahead, self.sweeps_ahead


class DayBook:
    """Counts what is signed: buys, sales and sweeps each for themselves.

    Whoever could buy is not kept from selling, and whoever has sold in the wallet's name keeps nobody from sweeping the rest.
    Without a path it remembers for as long as it lives.
    """

    def __init__(self, bounds: Bounds, clock: Clock, path: Path | None = None, boot: str | None = None) -> None:
        """`boot` is the machine's life, by default what its kernel says. Raises StartupError for a file of no use."""
        self._bounds, self._clock = bounds, clock
        self._boot = _boot_id() if boot is None else boot
        self._written = Lines(path, Taken, lambda line: line.address)
        self._days: dict[str, Taken] = {}

    def __repr__(self) -> str:
        return f"<DayBook wallets={len(self._written)}>"

    def count(self, address: str, outlay: Outlay) -> None:
        """Count what is signed now; raises SigningRefused, and counts nothing, where it would be too much.

        A buy is refused too where the disk takes no line. Others are not: what they cost is then remembered by this process
        alone, because a full disk is no reason to hold a position for ever, or to leave it to a thief.
        """
        before, is_buy = self._today(address), outlay.kind is Kind.BUY
        if is_buy:
            taken = self._with_entry(before, outlay.trade_lamports + outlay.costs_lamports)
        elif outlay.kind is Kind.WITHDRAW:
            taken = self._with_sweep(before, outlay.costs_lamports)
        else:
            taken = self._with_costs(before, outlay.costs_lamports)
        try:
            self._written.keep(taken, durable=taken.ahead != before.ahead)
        except OSError as error:
            log.error("vault_day_not_kept", wallet=address, reason=error.strerror)
            if is_buy:
                raise SigningRefused(
                    f"the vault's disk takes nothing ({error.strerror}), and no buy is signed"
                ) from None
            # The next line that the disk takes has to be waited for again.
            taken = msgspec.structs.replace(
                taken,
                entries_ahead=before.entries_ahead,
                costs_ahead=before.costs_ahead,
                sweeps_ahead=before.sweeps_ahead,
            )
        self._days[address] = taken

    def _with_entry(self, before: Taken, lamports: int) -> Taken:
        entries, bound = before.entries + lamports, self._bounds.day_lamports
        if entries > bound:
            raise SigningRefused(f"wallet {before.address} has spent what it may in a day, vault.max_day_sol")
        return msgspec.structs.replace(
            before, entries=entries, entries_ahead=_ahead(entries, before.entries_ahead, bound)
        )

    def _with_costs(self, before: Taken, lamports: int) -> Taken:
        costs, bound = before.costs + lamports, self._bounds.day_costs_lamports
        if costs > bound:
            raise SigningRefused(
                f"wallet {before.address} has paid the fees that it may in a day, vault.max_day_costs_sol"
            )
        return msgspec.structs.replace(before, costs=costs, costs_ahead=_ahead(costs, before.costs_ahead, bound))

    def _with_sweep(self, before: Taken, lamports: int) -> Taken:
        sweeps, bound = before.sweeps + lamports, self._bounds.day_costs_lamports
        if sweeps > bound:
            raise SigningRefused(
                f"sweeps of wallet {before.address} have paid the fees that they may in a day, vault.max_day_costs_sol"
            )
        return msgspec.structs.replace(before, sweeps=sweeps, sweeps_ahead=_ahead(sweeps, before.sweeps_ahead, bound))

    def _today(self, address: str) -> Taken:
        """The counts so far; a line of another life of the machine says only how far they may have come."""
        day = self._clock.now_ms() // DAY_MS
        counted = self._days.get(address)
        taken = counted or self._written.of(address)
        if taken is None or taken.day < day:
            return Taken(address, day, boot=self._boot)
        if counted is not None or (self._boot and taken.boot == self._boot):
            return taken
        return msgspec.structs.replace(
            taken,
            entries=taken.entries_ahead,
            costs=taken.costs_ahead,
            sweeps=taken.sweeps_ahead,
            boot=self._boot,
        )


def _ahead(count: int, before: int, bound: int) -> int:
    """How far a count may go before the next line that is waited for."""
    return before if count <= before else min(bound, count + bound // STEPS)


def _boot_id() -> str:
    """Empty where the kernel does not say, which is like no other life."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
