"""Tells operators of whom a trade depends on and who cannot be believed or reached: endpoints, the aggregator, the vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.execution.alerts import Alert, router_away, router_back
from bot.execution.endpoint_watch import EndpointWatch, Guard
from bot.ports import EndpointHealth, Router, RouterHealth
from bot.trading.trading_state import VAULT

AWAY_MS = 10_000  # a request that failed, or a rest that was asked for, is no outage


@dataclass(slots=True)
class RouterWatch:
    """To be shown the aggregator's health now and then; it is told of once per time. It pauses nobody."""

    alert: Callable[[Alert], None]
    now_ms: Callable[[], int]
    _told: bool = False

    def look(self, health: RouterHealth) -> None:
        if health.healthy:
            if self._told:
                self._told = False
                self.alert(router_back())
        elif not self._told and self.now_ms() - health.since_ms >= AWAY_MS:
            self._told = True
            self.alert(router_away(health.detail.removeprefix(f"{health.name}: ")))


@dataclass(frozen=True, slots=True)
class VaultWatch:
    """Closes everybody's entries while the process that signs does not answer. `trouble` says why, empty while it answers."""

    guard: Guard
    trouble: Callable[[], str]

    def look(self) -> None:
        if why := self.trouble():
            self.guard.pause(VAULT, by="vault watch", why=why)
        else:
            self.guard.resume(VAULT)


@dataclass(frozen=True, slots=True)
class RouteWatch:
    """All of them, looked at after each round of probes."""

    endpoints: EndpointWatch
    router: RouterWatch
    vault: VaultWatch

    def look(self, endpoints: Sequence[EndpointHealth], router: Router | None) -> None:
        """`router` is None where no aggregator is configured."""
        self.vault.look()
        self.endpoints.look(endpoints)
        if router is not None:
            self.router.look(router.health())


def watch_routes(
    alert: Callable[[Alert], None],
    guard: Guard,
    now_ms: Callable[[], int],
    key_troubles: Callable[[], Mapping[str, str]],
    vault_trouble: Callable[[], str],
) -> RouteWatch:
    """The watch of one life of the bot; what is in trouble is asked of the adapters at each look."""
    endpoints = EndpointWatch(alert, guard, key_troubles)
    return RouteWatch(endpoints, RouterWatch(alert, now_ms), VaultWatch(guard, vault_trouble))
