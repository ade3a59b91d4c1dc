"""Tells operators of RPC endpoints that are not to be believed: of another chain, blind, or caught in a lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.execution.alerts import Alert, endpoint_trusted, endpoint_untrusted
from bot.ports import EndpointHealth

UNTRUSTED = frozenset({"refused", "blind", "distrusted"})


@dataclass(slots=True)
class EndpointWatch:
    """To be shown the health of all endpoints after each round of probes; each endpoint is told of once per time.

    An endpoint that is away meanwhile stays told: only one that is well again ends its alert.
    """

    alert: Callable[[Alert], None]
    _told: set[str] = field(default_factory=set)

    def look(self, endpoints: Sequence[EndpointHealth]) -> None:
        for one in endpoints:
            if one.state in UNTRUSTED and one.name not in self._told:
                self._told.add(one.name)
                left = sum(other.healthy for other in endpoints if other.name != one.name)
                self.alert(endpoint_untrusted(one.name, one.detail.removeprefix(f"{one.name}: "), left))
            elif one.healthy and one.name in self._told:
                self._told.discard(one.name)
                self.alert(endpoint_trusted(one.name))
