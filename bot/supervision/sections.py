"""What supervision.toml says beyond the tree: the rules of an outage for each service, the breakers, the profiles.

The file's reader knows no trading; here is what it checks for us in the same pass, and what becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from actors.failure_policy import OUTCOMES
from actors.runtime import Dialect, SpecError, Supervision, Table, read_supervision
from bot.chain.breaker import BreakerRule
from bot.execution.alerts import LEASE
from bot.paths import SUPERVISION_TEXT_MAX, text_of
from bot.supervision.shape import BOUNDS, unfit
from bot.trading.outage import OutageRule
from bot.trading.trading_state import Binds

SHIPPED = Path(__file__).parents[2] / "supervision.toml"
PROFILES = ("local", "paper", "live")
DEPENDENCY = "dependency"
NEVER = "never"
DWELL_MAX_S = 600
OUTAGE_MAX_S = 604_800  # a week
BREAKER_MAX_S = 3_600
FAILURES_MAX = 1_000
LEAST_S = 0.01


@dataclass(frozen=True, slots=True)
class BreakerKeys:
    """One breaker per endpoint: `max_failures` in a row open it for `reset_s`, then for twice as long each time.

    It is never open for longer than `reset_max_s`.
    """

    max_failures: int
    reset_s: float
    reset_max_s: float

    def __post_init__(self) -> None:
        failures = self.max_failures
        if not isinstance(failures, int) or isinstance(failures, bool) or not 1 <= failures <= FAILURES_MAX:
            raise SpecError("breaker.max_failures", failures, f"must be a whole number, 1 to {FAILURES_MAX}")
        _check_seconds("breaker.reset_s", self.reset_s, most=BREAKER_MAX_S)
        _check_seconds("breaker.reset_max_s", self.reset_max_s, most=BREAKER_MAX_S)
        if self.reset_max_s < self.reset_s:
            raise SpecError(
                "breaker.reset_max_s", self.reset_max_s, f"must be seconds, reset_s ({self.reset_s}) or more"
            )


@dataclass(frozen=True, slots=True)
class Dependency:
    """How an outage of one service counts for trading; all times are seconds.

    `dwell_s` is how long it must be well again before its pause ends, `pauses_after_s` how long it may be away before
    anything pauses, `critical_after_s` how long before the halt (`never`), `binds` whose entries pause.
    """

    dwell_s: float
    critical_after_s: float | Literal["never"]
    pauses_after_s: float = 0
    binds: str = "all"
    breaker: BreakerKeys | None = None

    def __post_init__(self) -> None:
        _check_seconds("dwell_s", self.dwell_s, most=DWELL_MAX_S)
        if self.critical_after_s != NEVER:
            _check_seconds("critical_after_s", self.critical_after_s, most=OUTAGE_MAX_S, beside=f', or "{NEVER}"')
        _check_seconds("pauses_after_s", self.pauses_after_s, least=0, most=OUTAGE_MAX_S)
        if self.binds not in tuple(Binds):
            raise SpecError("binds", self.binds, f"must be one of {', '.join(Binds)}")

    def rule(self) -> OutageRule:
        """The same for the trading guard, in milliseconds."""
        limit_s = self.critical_after_s
        return OutageRule(
            dwell_ms=round(self.dwell_s * 1000),
            critical_after_ms=None if isinstance(limit_s, str) else round(limit_s * 1000),
            pauses_after_ms=round(self.pauses_after_s * 1000),
            binds=Binds(self.binds),
        )


def _check_seconds(name: str, value: object, *, least: float = LEAST_S, most: float, beside: str = "") -> None:
    """Raise SpecError for what is no number of seconds from `least` to `most`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise SpecError(name, value, f"must be seconds, {least} to {most}{beside}")


_BREAKER = Table(
    BreakerKeys,
    ("max_failures", "reset_s", "reset_max_s"),
    {"max_failures": 1, "reset_s": 1, "reset_max_s": BREAKER_MAX_S},
)
_NEEDS = {"dwell_s": 1, "critical_after_s": NEVER}
_KEYS = ("dwell_s", "critical_after_s", "pauses_after_s", "binds")
_SERVICE = Table(Dependency, _KEYS, _NEEDS)
_ENDPOINTS = Table(Dependency, (*_KEYS, "breaker"), {**_NEEDS, "breaker": BreakerKeys(1, 1, 1)}, {"breaker": _BREAKER})

DIALECT = Dialect(
    sections={DEPENDENCY: {"rpc": _ENDPOINTS, "database": _SERVICE, "stream": _SERVICE, "telegram": _SERVICE}},
    profiles=PROFILES,
    outcomes=tuple(OUTCOMES),
    bounds=BOUNDS,
    rule=unfit,
)


def load(file: Path, profile: str) -> Supervision:
    """Read a supervision file as it is under a profile; raises SupervisionError, OSError or UnicodeDecodeError."""
    return read(str(file), text_of(file, SUPERVISION_TEXT_MAX), profile)


def read(name: str, text: str, profile: str) -> Supervision:
    """The same for a text that is called `name`; raises SupervisionError."""
    return read_supervision(name, text, DIALECT, profile)


def outage_rules(supervision: Supervision) -> dict[str, OutageRule]:
    """What an outage of each service means, for the trading guard.

    A lease that has run out while another bot waits is like having no route to the chain: nothing can be sold.
    """
    rules = {name: section.rule() for name, section in supervision.extras[DEPENDENCY].items()}
    return {**rules, LEASE: rules["rpc"]}


def breaker_rule(supervision: Supervision) -> BreakerRule:
    """The rule of the breaker that each RPC endpoint has."""
    keys: BreakerKeys = supervision.extras[DEPENDENCY]["rpc"].breaker
    return BreakerRule(keys.max_failures, keys.reset_s, keys.reset_max_s)
