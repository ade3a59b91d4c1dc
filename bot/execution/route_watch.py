"""Tells operators of whom a trade depends on and who cannot be believed or reached: RPC endpoints and the aggregator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.execution.alerts import Alert, router_away, router_back
from bot.execution.endpoint_watch import EndpointWatch
from bot.ports import EndpointHealth, Router, RouterHealth

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
class RouteWatch:
    """Both, looked at after each round of probes."""

    endpoints: EndpointWatch
    router: RouterWatch

    def look(self, endpoints: Sequence[EndpointHealth], router: Router | None) -> None:
        """`router` is None where no aggregator is configured."""
        self.endpoints.look(endpoints)
        if router is not None:
            self.router.look(router.health())
