"""Which wallets could not be held against the chain: since when, why, and whose entries are closed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.execution.alerts import Alert, uncompared, uncompared_over
from bot.ports import Wallet
from bot.trading.trading_state import GLOBAL, RPC_BUDGET, UNCOMPARED, Cause

log = structlog.get_logger()

# What leaves a wallet is not found while nobody can say what it holds: nothing more goes into it then.
UNCOMPARED_MAX_MS = 120_000
OF_EVERYBODY = frozenset({"rpc", RPC_BUDGET})  # the causes of those without whom no wallet at all can be compared


@dataclass(frozen=True, slots=True)
class Uncompared:
    """A wallet that no look could compare since a moment, in milliseconds since 1970; `why` is of the latest look.

    `paused` says that its user's entries are closed for it.
    """

    wallet: Wallet
    since_ms: int
    why: str
    paused: bool = False


class Guard(Protocol):
    """Who closes entries of a scope for a cause, and opens them."""

    def pause(self, name: str, *, by: str, why: str, scope: str) -> None: ...

    def resume(self, name: str, *, scope: str) -> None: ...

    def causes(self) -> tuple[Cause, ...]: ...


@dataclass(slots=True)
class CompareWatch:
    """To be told of each look at a wallet.

    While nobody's wallet can be compared, because no route answers or all budgets are used, that is what pauses
    everybody, and no single user. A look that only found an order on its way says neither that the wallet was compared
    nor that it could not be.
    """

    clock: Clock
    alert: Callable[[Alert], None]
    guard: Guard
    _missed: dict[str, Uncompared] = field(default_factory=dict)

    def missed(self, wallet: Wallet, why: str) -> None:
        """The chain did not say what a wallet holds; raises nothing, and closes its user's entries after a while."""
        now_ms = self.clock.now_ms()
        before = self._missed.get(wallet.id)
        since_ms = now_ms if before is None else before.since_ms
        is_everybodys = any(one.scope == GLOBAL and one.name in OF_EVERYBODY for one in self.guard.causes())
        was_paused = before is not None and before.paused
        paused = was_paused or (now_ms - since_ms >= UNCOMPARED_MAX_MS and not is_everybodys)
        self._missed[wallet.id] = Uncompared(wallet, since_ms, why, paused)
        if paused and not was_paused:
            log.warning("wallet_uncompared", wallet=wallet.id, since_ms=since_ms, reason=why)
            self.guard.pause(UNCOMPARED, by="reconciler", why=why, scope=f"user:{wallet.user_id}")
            self.alert(uncompared(wallet, since_ms, why))

    def compared(self, wallet: Wallet) -> None:
        """A look compared it."""
        before = self._missed.pop(wallet.id, None)
        if before is not None and before.paused:
            self._end(before)

    def clear(self) -> None:
        """Nobody looks any more: what was not compared is not known from here on."""
        known, self._missed = list(self._missed.values()), {}
        for one in known:
            if one.paused:
                self._end(one)

    def _end(self, one: Uncompared) -> None:
        user_id = one.wallet.user_id
        if any(other.paused and other.wallet.user_id == user_id for other in self._missed.values()):
            return
        self.guard.resume(UNCOMPARED, scope=f"user:{user_id}")
        self.alert(uncompared_over(one.wallet))

    def uncompared(self) -> list[Uncompared]:
        """Those that the latest look could not compare, the longest first."""
        return sorted(self._missed.values(), key=lambda one: one.since_ms)
