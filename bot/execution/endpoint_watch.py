"""Tells operators of RPC endpoints that are of another chain, blind, caught in a lie, without a key, or whose month is used.

So it does of files of keys that cannot be used. Where nobody is left whom all but exits may ask, it closes entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.execution.alerts import Alert
from bot.execution.endpoint_alerts import (
    endpoint_authorized,
    endpoint_spent,
    endpoint_trusted,
    endpoint_unauthorized,
    endpoint_unspent,
    endpoint_untrusted,
    key_file_read,
    key_file_unread,
)
from bot.ports import EndpointHealth
from bot.trading.trading_state import RPC_BUDGET

UNTRUSTED = frozenset({"refused", "blind", "distrusted"})
WATCH = "rpc watch"
AWAY = frozenset({"refused", "unauthorized", "down"})
ALL_SPENT = "the requests of this month are used, but for exits"


class Guard(Protocol):
    """Who closes entries of everybody for a cause, and opens them."""

    def pause(self, name: str, *, by: str, why: str) -> None: ...

    def resume(self, name: str) -> None: ...


@dataclass(slots=True)
class EndpointWatch:
    """To be shown the health of all endpoints after each round of probes; each endpoint is told of once per time.

    An endpoint that is away meanwhile stays told: only one that is well again ends its alert. `key_troubles` says what is wrong
    with files of keys, by the setting that names each; one is told of that is in trouble at two looks in a row, because whoever
    replaces a file in two steps leaves it empty for a moment.
    """

    alert: Callable[[Alert], None]
    guard: Guard
    key_troubles: Callable[[], Mapping[str, str]] = dict
    _looks_unread: dict[str, int] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _unauthorized: set[str] = field(default_factory=set)
    _spent: set[str] = field(default_factory=set)

    def look(self, endpoints: Sequence[EndpointHealth]) -> None:
        """Tell of what is new in the health of all endpoints, keys and budgets; asks nobody and never fails."""
        for one in endpoints:
            if one.state in UNTRUSTED and one.name not in self._told:
                self._told.add(one.name)
                left = sum(other.healthy for other in endpoints if other.name != one.name)
                self.alert(endpoint_untrusted(one.name, one.detail.removeprefix(f"{one.name}: "), left))
            elif one.healthy and one.name in self._told:
                self._told.discard(one.name)
                self.alert(endpoint_trusted(one.name))
        self._look_at_keys(endpoints)
        self._look_at_files(self.key_troubles())
        self._look_at_budgets(endpoints)

    def _look_at_keys(self, endpoints: Sequence[EndpointHealth]) -> None:
        for one in endpoints:
            if one.state == "unauthorized" and one.name not in self._unauthorized:
                self._unauthorized.add(one.name)
                left = sum(other.healthy for other in endpoints if other.name != one.name)
                self.alert(endpoint_unauthorized(one.name, one.detail.removeprefix(f"{one.name}: "), left))
            elif one.healthy and one.name in self._unauthorized:
                self._unauthorized.discard(one.name)
                self.alert(endpoint_authorized(one.name))

    def _look_at_files(self, troubles: Mapping[str, str]) -> None:
        for setting in [one for one in self._looks_unread if one not in troubles]:
            if self._looks_unread.pop(setting) > 1:
                self.alert(key_file_read(setting))
        for setting, what in troubles.items():
            self._looks_unread[setting] = looks = self._looks_unread.get(setting, 0) + 1
            if looks == 2:
                self.alert(key_file_unread(setting, what))

    def _look_at_budgets(self, endpoints: Sequence[EndpointHealth]) -> None:
        """Entries that nobody would answer are paused, so that everything says so; exits ask all the same."""
        open_to_all = [one for one in endpoints if not one.spent and one.state not in AWAY and "read" in one.roles]
        for one in endpoints:
            if one.spent and one.name not in self._spent:
                self._spent.add(one.name)
                self.alert(endpoint_spent(one.name, ALL_SPENT, len(open_to_all)))
            elif not one.spent and one.name in self._spent:
                self._spent.discard(one.name)
                self.alert(endpoint_unspent(one.name))
        if self._spent and not open_to_all:
            self.guard.pause(RPC_BUDGET, by=WATCH, why=ALL_SPENT)
        else:
            self.guard.resume(RPC_BUDGET)
