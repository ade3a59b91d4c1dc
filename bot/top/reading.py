"""From the raw answers of the control socket to the record that the dashboard draws. Pure, and never raises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.top.record import (
    Actors,
    Capital,
    Cause,
    Endpoint,
    Event,
    Flatten,
    Followed,
    Halt,
    LevelChange,
    Moment,
    Monitors,
    OpenPosition,
    Process,
    Service,
    Source,
    Today,
    Token,
    UnusualHour,
    View,
)
from bot.top.words import UNKNOWN, clean

NUMBER_MAX = 10**24  # a larger number is no amount, count or length of anything here
ROWS_MAX = 500  # of one list are read
TROUBLED_MAX = 20
ALL_MODES = "all modes"  # the label of sums that an answer does not split by mode

Answer = Mapping[str, object]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed reading of one JSON object; a field that is missing or of another type is None."""

    values: Answer
    ascii_only: bool

    def text(self, name: str) -> str | None:
        """A text, harmless; None when nothing of it is left."""
        value = self.values.get(name)
        return (clean(value, ascii_only=self.ascii_only) or None) if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        """An integer; a JSON number with decimals is no amount of anything and is not read."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > NUMBER_MAX:
            return None
        return value

    def seconds(self, name: str) -> float | None:
        """A length of time, with or without decimals."""
        value = self.values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < NUMBER_MAX:
            return None
        return float(value) if math.isfinite(value) else None

    def truth(self, name: str) -> bool | None:
        """True or false, and nothing that merely looks like it."""
        value = self.values.get(name)
        return value if isinstance(value, bool) else None

    def moment(self, name: str) -> Moment | None:
        """An RFC 3339 time."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return None
        try:
            moment = datetime.fromisoformat(value)
            return Moment(round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))
        except (ValueError, OverflowError):
            return None

    def part(self, name: str) -> Fields:
        """The object below a name; an empty one when there is none."""
        value = self.values.get(name)
        return Fields(value if isinstance(value, Mapping) else {}, self.ascii_only)

    def parts(self, name: str) -> list[Fields] | None:
        """The objects of the list below a name; None when there is no list."""
        value = self.values.get(name)
        if not isinstance(value, list):
            return None
        return [Fields(row, self.ascii_only) for row in value if isinstance(row, Mapping)]

    def row(self, kind: type[Row]) -> Row:
        """A record whose fields are all named as on the wire and read by their annotated type."""
        dataclass_kind: Any = kind
        read = {one.name: _READERS[str(one.type)](self, one.name) for one in fields(dataclass_kind)}
        return kind(**read)

    def rows(self, name: str, kind: type[Row]) -> tuple[Row, ...] | None:
        """The first `ROWS_MAX` of the list below a name as such records; None when there is no list."""
        parts = self.parts(name)
        return None if parts is None else tuple(part.row(kind) for part in parts[:ROWS_MAX])


_READERS: dict[str, Callable[[Fields, str], object]] = {
    "str | None": Fields.text,
    "int | None": Fields.whole,
    "float | None": Fields.seconds,
    "bool | None": Fields.truth,
    "Moment | None": Fields.moment,
}


def read(status: Answer, supervisor: Answer, top: Answer, *, ascii_only: bool = False) -> View:
    """The record of three answers; an empty answer stands for a verb that the bot does not know."""
    told, tree, more = (Fields(answer, ascii_only) for answer in (status, supervisor, top))
    positions, momentum = more.part("positions"), more.part("momentum")
    total = positions.whole("total")
    return View(
        state=told.text("state"),
        waits=_waits(told),
        level=told.whole("level"),
        mode=told.text("mode"),
        cluster=told.text("cluster"),
        uptime_s=told.seconds("uptime_s"),
        users=told.whole("users"),
        snipers=told.whole("snipers"),
        launches_seen=told.whole("launches_seen"),
        tokens_tracked=told.whole("tokens_tracked"),
        open_positions=told.part("positions").whole("open") if total is None else total,
        unknown_orders=told.part("positions").whole("unknown"),
        last_trade_at=told.moment("last_trade_at"),
        errors_today=told.whole("errors_today"),
        errors_since=told.moment("errors_since"),
        unusual=told.rows("unusual", UnusualHour) or (),
        prices_age_s=told.seconds("prices_age_s"),
        halt=told.part("halt").row(Halt) if told.part("halt").values else None,
        flatten=told.part("flatten").row(Flatten) if told.part("flatten").values else None,
        causes=told.rows("causes", Cause) or (),
        services=tuple(_services(told.part("services"))),
        monitors=told.part("monitors").row(Monitors),
        followed=told.part("wallets_followed").row(Followed),
        actors=_actors(tree),
        details_age_s=more.seconds("details_age_s"),
        capital=more.rows("capital", Capital) or (_capital_of_status(told),),
        today=more.rows("today", Today) or (_today_of_status(told),),
        positions=positions.rows("rows", OpenPosition),
        momentum=momentum.rows("rows", Token),
        recent=more.rows("recent", Event),
        levels=more.rows("levels", LevelChange),
        process=more.part("process").row(Process) if more.part("process").values else None,
    )


def _waits(told: Fields) -> str | None:
    """What a bot waits for that has not begun yet, or whose standby it is; None for one that runs."""
    standby, waits = told.part("standby"), told.part("waits")
    if standby.values:
        knows = "it knows" if standby.truth("leader_knows") else "it does not know yet"
        return (
            f"standby of {standby.text('leader') or UNKNOWN} since {standby.text('since') or UNKNOWN};"
            f" that one leads since {standby.text('leader_since') or UNKNOWN}, {knows}"
        )
    if waits.values:
        since, why = waits.text("since") or UNKNOWN, waits.text("why") or UNKNOWN
        return f"waits for its {waits.text('for') or UNKNOWN} since {since}: {why}"
    return None


def _services(told: Fields) -> Iterator[Service]:
    for name in told.values:
        service = told.part(name)
        yield Service(
            name=clean(name, ascii_only=told.ascii_only),
            health=service.text("health"),
            since=service.moment("since"),
            detail=service.text("detail"),
            endpoints=service.rows("endpoints", Endpoint) or (),
            sources=service.rows("sources", Source) or (),
        )


def _capital_of_status(told: Fields) -> Capital:
    amounts = told.part("capital_lamports")
    return Capital(
        told.text("mode"), amounts.whole("deployed"), amounts.whole("available"), amounts.seconds("available_age_s")
    )


def _today_of_status(told: Fields) -> Today:
    trades = told.part("trades_today")
    return Today(
        mode=ALL_MODES,
        signals=told.whole("signals_today"),
        buys=trades.whole("buys"),
        sells=trades.whole("sells"),
        failed=trades.whole("failed"),
        wins=None,
        losses=None,
        realized_lamports=told.whole("pnl_lamports_today"),
        unrealized_lamports=None,
        fees_lamports=None,
    )


def _actors(answer: Fields) -> Actors | None:
    """The tree in short: workers count, and a supervisor's restarts are those it made of its children, gone ones too."""
    if not answer.part("tree").values:
        return None
    total = running = restarts = 0
    troubled: list[str] = []
    waiting = [(answer.part("tree"), "")]
    while waiting:
        node, above = waiting.pop()
        name, state = node.text("name") or "?", node.text("state") or "?"
        children = node.parts("children") or []
        path = f"{above}/{name}" if above else name
        waiting += [(child, path) for child in reversed(children)]
        if node.values.get("kind") == "supervisor":
            restarts += node.whole("restarts") or 0
        else:
            total += 1
            running += state == "running"
        if state != "running" and len(troubled) < TROUBLED_MAX:
            troubled.append(f"{path} {state}")
    return Actors(answer.text("sentence"), total, running, restarts, tuple(troubled))
