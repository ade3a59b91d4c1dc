"""What `bot top` draws, read from the answers of the control socket; every foreign text is made harmless here.

Three verbs are asked: `status` and `supervisor`, whose fields the command line's contract names, and `top`, which adds
what only the dashboard shows. Every field is optional: what is missing, or is not of its type, is None here and "not
known" on the screen. The fields of `top`, amounts in lamports, shares in basis points, ages in seconds, times in RFC 3339:

- `details_age_s`: how old the database's part is: all of these but `momentum`, `levels` and `process`.
- `capital`: list of `mode`, `deployed_lamports` (cost of what is held), `available_lamports` (can be spent),
  `available_age_s` (since the wallets were looked at).
- `today`: list of `mode`, `signals`, `buys`, `sells`, `failed`, `wins` and `losses` (positions closed with a gain, and
  without one), `realized_lamports` (net of fees), `unrealized_lamports` (what selling all would add), `fees_lamports`.
- `positions`: `total`, and `rows`, oldest first: `id`, `mint`, `symbol`, `user` (a handle), `mode`, `opened_at`,
  `cost_lamports`, `value_lamports` (what a sale would bring now, net), `price_age_s`, `take_profit_bps`,
  `stop_loss_bps`, `monitor` (`live`, `fallback` or `none`).
- `momentum`: `rows`, tokens with the highest momentum, best first: `mint`, `symbol`, `score_bps` (of the momentum),
  `action` (`strong_buy`, `buy`, `neutral` or `sell`; null for one that was not judged in the last minute), `age_s` (of the
  token), `curve_lamports` (what buyers have put in), `reason`.
- `recent`: list, newest first: `at`, `kind` (as in the outbox: `fill`, `order_failed`, ...), `side`, `user`, `mode`,
  `mint`, `symbol`, `lamports` (paid or received), `realized_lamports` (of a sale), `reason`, `order` (the intent that it is
  about, as `bot trace` takes it).
- `levels`: list, newest first, of what the trading state became: `at`, `state`, `level`, `cause`, `why`.
- `process`: `cpu_bps` (of one core), `rss_bytes`, `rss_peak_bytes`, `open_files`, `open_files_max`, `threads`,
  `loop_lag_ms`, `loop_lag_worst_ms` (of the last minute), `database_connections` (in use), `database_connections_max`,
  `database_connections_wanted` (in use or waited for),
  `received_bytes_per_s` and `sent_bytes_per_s` (of all of this machine's interfaces).

In each list of `capital` and `today` a mode stands once; amounts of different modes are never added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Moment = NewType("Moment", int)
"""A wire time in RFC 3339, read into milliseconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why entries are paused.

    `scope` is `global` or an id, `user` the handle of whose entries they are, `binds` is `automated` or `all` of them.
    """

    cause: str | None
    scope: str | None
    user: str | None
    since: Moment | None
    by: str | None
    why: str | None
    binds: str | None


@dataclass(frozen=True, slots=True)
class Halt:
    """What latched the halt; only an operator's `bot rearm` ends it."""

    cause: str | None
    since: Moment | None
    by: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Flatten:
    """How far the selling is that was ordered: positions by state; `scope` as of a cause, `user` a handle."""

    scope: str | None
    user: str | None
    total: int | None
    waiting: int | None
    selling: int | None
    sold: int | None
    unsellable: int | None
    held: int | None
    frozen: int | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: str | None
    healthy: bool | None
    slot: int | None
    state: str | None
    latency_ms: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """A source of launches; `state` is `up`, `opening`, `down` or `waiting`, `age_s` that of its last sign of life."""

    name: str | None
    state: str | None
    age_s: float | None
    launches: int | None
    first: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Service:
    """A service that others depend on; `health` is `up`, `down` or `off`."""

    name: str
    health: str | None
    since: Moment | None
    detail: str | None
    endpoints: tuple[Endpoint, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Capital:
    mode: str | None
    deployed_lamports: int | None
    available_lamports: int | None
    available_age_s: float | None


@dataclass(frozen=True, slots=True)
class Today:
    """The day's sums of one mode."""

    mode: str | None
    signals: int | None
    buys: int | None
    sells: int | None
    failed: int | None
    wins: int | None
    losses: int | None
    realized_lamports: int | None
    unrealized_lamports: int | None
    fees_lamports: int | None


@dataclass(frozen=True, slots=True)
class OpenPosition:
    mint: str | None
    symbol: str | None
    user: str | None
    mode: str | None
    opened_at: Moment | None
    cost_lamports: int | None
    value_lamports: int | None
    price_age_s: float | None
    take_profit_bps: int | None
    stop_loss_bps: int | None
    monitor: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the momentum list."""

    mint: str | None
    symbol: str | None
    score_bps: int | None
    action: str | None
    age_s: float | None
    curve_lamports: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Event:
    at: Moment | None
    kind: str | None
    side: str | None
    user: str | None
    mode: str | None
    mint: str | None
    symbol: str | None
    lamports: int | None
    realized_lamports: int | None
    reason: str | None
    order: str | None


@dataclass(frozen=True, slots=True)
class LevelChange:
    at: Moment | None
    state: str | None
    level: int | None
    cause: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Process:
    cpu_bps: int | None
    rss_bytes: int | None
    rss_peak_bytes: int | None
    open_files: int | None
    open_files_max: int | None
    threads: int | None
    loop_lag_ms: int | None
    loop_lag_worst_ms: int | None
    database_connections: int | None
    database_connections_max: int | None
    received_bytes_per_s: int | None
    sent_bytes_per_s: int | None


@dataclass(frozen=True, slots=True)
class Actors:
    """The supervision tree in short: `sentence` says what is wrong, `troubled` names whoever does not run."""

    sentence: str | None
    total: int
    running: int
    restarts: int
    troubled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Monitors:
    expected: int | None
    live: int | None
    fallback: int | None
    oldest_check_s: float | None


@dataclass(frozen=True, slots=True)
class Followed:
    """Scanners of followed wallets; `waiting` ones wait for chain or database."""

    expected: int | None
    live: int | None
    oldest_look_s: float | None
    waiting: int | None


@dataclass(frozen=True, slots=True)
class UnusualHour:
    """A measure of this hour that is unlike the last seven days."""

    measure: str | None
    told: str | None


@dataclass(frozen=True, slots=True)
class View:
    """All that one frame shows. None, also in place of a list, is what the bot did not tell."""

    state: str | None
    waits: str | None  # what a start waits for, and then nothing else is told
    level: int | None
    mode: str | None
    cluster: str | None
    uptime_s: float | None
    users: int | None
    snipers: int | None
    launches_seen: int | None
    tokens_tracked: int | None
    open_positions: int | None
    unknown_orders: int | None
    last_trade_at: Moment | None
    errors_today: int | None
    errors_since: Moment | None
    unusual: tuple[UnusualHour, ...]
    prices_age_s: float | None
    halt: Halt | None
    flatten: Flatten | None
    causes: tuple[Cause, ...]
    services: tuple[Service, ...]
    monitors: Monitors
    followed: Followed
    actors: Actors | None
    details_age_s: float | None
    capital: tuple[Capital, ...]
    today: tuple[Today, ...]
    positions: tuple[OpenPosition, ...] | None
    momentum: tuple[Token, ...] | None
    recent: tuple[Event, ...] | None
    levels: tuple[LevelChange, ...] | None
    process: Process | None
