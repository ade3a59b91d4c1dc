"""The launchpad's own accounts, its settings and its fees, read again when they are a minute old."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog
import trio

from bot.chain import addresses as at
from bot.chain import layouts
from bot.chain.curve_fees import curve_fees
from bot.chain.witnessed import WitnessedReads
from bot.errors import ChainUnavailable, DecodeError
from bot.trading.curve import Fees

log = structlog.get_logger()

# The launchpad's fees and recipients change by an admin's hand, not by the minute.
CONFIG_MAX_AGE_S = 60.0


@dataclass(frozen=True, slots=True)
class Config:
    """The launchpad's settings and the trio time at which they were read."""

    account: layouts.GlobalAccount
    fees: Fees
    read_at_s: float


class LaunchpadConfig:
    """`known` is what was read last, None before anything was; whoever asks meanwhile waits for the same read."""

    def __init__(self, reads: WitnessedReads) -> None:
        self._reads = reads
        self._lock = trio.Lock()
        self.known: Config | None = None

    async def fresh(self) -> Config:
        """At most a minute old. Raises DecodeError when the cluster has no launchpad, or one of an unknown layout.

        Where one was known before, that one goes on: what is held is sold by it, and entries are closed by whoever watches
        the layouts (bot/execution/protocol_check.py).

        What is known is handed out without the lock: thousands of monitors that ask at once would pass it one by one.
        """
        if self.known is not None and trio.current_time() < self.known.read_at_s + CONFIG_MAX_AGE_S:
            return self.known
        async with self._lock:
            known = self.known
            if known is None or trio.current_time() >= known.read_at_s + CONFIG_MAX_AGE_S:
                self.known = known = await self._read_or_keep(known)
            return known

    async def fees(self) -> Fees:
        """Raises ChainUnavailable where none were ever read and the launchpad is one of an unknown layout: monitors wait then."""
        try:
            return (await self.fresh()).fees
        except DecodeError as error:
            raise ChainUnavailable(f"the launchpad's fees cannot be read: {error}") from error

    async def _read_or_keep(self, known: Config | None) -> Config:
        try:
            return await self._read()
        except DecodeError as error:
            if known is None:
                raise
            log.warning("launchpad_not_read", reason=str(error))
            return replace(known, read_at_s=trio.current_time())

    async def _read(self) -> Config:
        names = [str(at.GLOBAL), str(at.FEE_CONFIG)]
        _, accounts = await self._reads.accounts(names, "confirmed")
        global_account, fee_account = accounts[names[0]], accounts[names[1]]
        if global_account is None or global_account.owner != str(at.PUMP_PROGRAM):
            raise DecodeError("this cluster has no launchpad: its Global account is missing")
        account = layouts.decode_global(global_account.data)
        fees = account.fees
        if fee_account is not None and fee_account.owner == str(at.FEES_PROGRAM):
            fees = curve_fees(layouts.decode_fee_tiers(fee_account.data))
        return Config(account, fees, trio.current_time())
