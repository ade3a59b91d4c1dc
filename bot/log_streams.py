"""One file a day for each stream of the log: trades, signals, errors, and whatever else happens (D-16).

Beside the journal, or the one file that stands for it: what people look for months later is not to go with what a busy day logs.
A line stands in the stream of its event, and from level error on in that of errors too. A thread of its own writes: a disk that
is full or hangs raises nothing here and holds up nobody. Lines wait for it within a bound; beyond it they are lost and counted.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO, Any, Final

PART_BYTES: Final = 50_000_000  # of a file; a day may have several
LINES_MAX: Final = 20_000  # that wait for a disk; the journal has them
GATHER_S: Final = 0.05  # a line waits so long for others, which are written with it
CLOSES_WITHIN_S: Final = 1.0
DAY = "2026-01-31"
ENDING = ".log"


@dataclass(frozen=True, slots=True)
class Stream:
    """`days` is how long its files are kept, the day that runs included; `events` are the names of what belongs to it."""

    name: str
    days: int
    events: frozenset[str] = frozenset()


# What is done with money: orders, fills, wallets, and what moved without an order.
_TRADES = """
    intent_planned intent_adopted intent_moved_on intent_given_up intent_unknown intent_failed intent_expired
    order_refused order_stored order_not_stored order_overtaken order_outcome_unknown attempt_signed attempt_sent
    attempt_sent_again resend_rejected send_failed snipe_filled buy_filled sell_filled landed_with_error
    landed_after_all landing_reversed landings_final protection_opened sale_tried sale_to_be_quoted_again
    exit_not_submitted exit_not_signed_again exit_stuck exit_in_journal position_adjusted position_moved_outside
    position_awaits_pool position_awaits_router bundle_taken bundle_refused virtual_order_on_its_way
    virtual_order_landed closing_planned closing_given_up accounts_closed withdrawal_planned withdrawal_signed
    withdrawal_given_up withdrawn sweep_signed sweep_sent signing_refused outflow_adopted outflow_was_ours
    ledger_opened ledger_completed ledger_mismatch ledger_exact_again breaker_tripped flatten_at_loss flattened
    wallet_low
"""
TRADES: Final = frozenset(_TRADES.split())
# What was seen, and what was thought of it.
_SIGNALS = """
    token_detected opportunity_found token_declined opportunity_refused opportunity_dropped snipe_signal snipe_refused
    strategy_weight look_dropped entry_not_judged entry_not_rehearsed wallet_signal leader_swap_decided
    leader_swap_ignored copying_begins copying_ends copy_refused copy_rule_leaves copy_moved_on copied_sale_waits
    standing_order_fires standing_order_refused standing_order_moved_on standing_order_ended creator_sold
    authority_changed ranking_updated
"""
SIGNALS: Final = frozenset(_SIGNALS.split())
SYSTEM: Final = Stream("system", 14)
ERRORS: Final = Stream("errors", 30)
STREAMS: Final = (Stream("trades", 90, TRADES), Stream("signals", 30, SIGNALS), ERRORS, SYSTEM)
_OF: Final = {event: stream.name for stream in STREAMS for event in stream.events}
_ERROR_LEVELS: Final = frozenset({"error", "critical"})


def streams_of(event: Mapping[str, Any]) -> Sequence[str]:
    """The names of the streams that one event stands in."""
    own = _OF.get(str(event.get("event")), SYSTEM.name)
    failed = event.get("level") in _ERROR_LEVELS or event.get("event") == "supervision"
    return (own, ERRORS.name) if failed else (own,)


@dataclass(slots=True)
class _File:
    """The files of one stream, of which one is written. Its day is that of the lines, in UTC."""

    folder: Path
    stream: Stream
    bytes_max: int
    _day: str = ""
    _out: IO[str] | None = None
    _size: int = 0
    _said: bool = False

    def write(self, lines: Sequence[tuple[str, str]]) -> None:
        """Write the lines of a moment, each with its day."""
        try:
            for day, text in lines:
                if self._out is None or day != self._day or self._size >= PART_BYTES:
                    self._turn(day)
                assert self._out is not None
                self._out.write(f"{text}\n")
                self._size += len(text) + 1
            if self._out is not None:
                self._out.flush()
        except (OSError, ValueError) as error:
            self._tell(error)
        else:
            self._tell(None)

    def _turn(self, day: str) -> None:
        """Begin the file of a day, or its next part, and let go what is too old or too much."""
        self.close()
        self._day = day
        part = 1
        while (path := self._path(day, part)).exists() and path.stat().st_size >= PART_BYTES:
            part += 1
        path.touch(mode=0o600)
        self._size = path.stat().st_size
        self._out = path.open("a", encoding="ascii", errors="backslashreplace")
        self._forget(path)

    def _path(self, day: str, part: int) -> Path:
        number = "" if part == 1 else f".{part}"
        return self.folder / f"{self.stream.name}-{day}{number}{ENDING}"

    def _forget(self, current: Path) -> None:
        kept = sorted(self.folder.glob(f"{self.stream.name}-*{ENDING}"), key=self._age)
        size = sum(path.stat().st_size for path in kept)
        for path in kept:
            if path != current and (size > self.bytes_max or self._is_old(path)):
                size -= path.stat().st_size
                path.unlink(missing_ok=True)

    def _is_old(self, path: Path) -> bool:
        """Whether its day is no longer among the last `days`, however few days have a file."""
        with suppress(ValueError):
            return (date.fromisoformat(self._day) - date.fromisoformat(self._age(path)[0])).days >= self.stream.days
        return False

    def _age(self, path: Path) -> tuple[str, int]:
        day, _, part = path.name.removeprefix(f"{self.stream.name}-").removesuffix(ENDING).partition(".")
        return day, int(part) if part.isdigit() else 1

    def _tell(self, fault: Exception | None) -> None:
        if fault is not None and not self._said:
            print(f"{self.folder}: the {self.stream.name} log cannot be written: {fault}; make room", file=sys.stderr)
        elif self._said and fault is None:
            print(f"{self.folder}: the {self.stream.name} log is written again", file=sys.stderr)
        self._said = fault is not None

    def close(self) -> None:
        if self._out is not None:
            with suppress(OSError, ValueError):
                self._out.close()
            self._out = None


@dataclass(slots=True)
class LogStreams:
    """`folder` must be there; `bytes_max` bounds each stream, whose oldest files go first. Lines may come from any thread."""

    folder: Path
    bytes_max: int
    _files: dict[str, _File] = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _waiting: deque[tuple[Sequence[str], str, str]] = field(default_factory=deque)
    _news: Event = field(default_factory=Event)
    _ends: Event = field(default_factory=Event)
    _writer: Thread | None = None
    _lost: int = 0

    def __post_init__(self) -> None:
        self._files = {stream.name: _File(self.folder, stream, self.bytes_max) for stream in STREAMS}

    @property
    def waiting(self) -> int:
        """How many lines wait for their file."""
        return len(self._waiting)

    def take(self, event: Mapping[str, Any], text: str) -> None:
        """Have one finished line of an event written, whose time is in it; waits for no disk."""
        if len(self._waiting) >= LINES_MAX:
            self._lost += 1
            return
        self._waiting.append((streams_of(event), str(event.get("timestamp", DAY))[: len(DAY)], text))
        if self._writer is None:
            self._begin()
        if not self._news.is_set():
            self._news.set()

    def close(self) -> None:
        """Write what waits and end all files, within a second; a line after that opens them again."""
        writer = self._writer
        if writer is None:
            return
        self._ends.set()
        self._news.set()
        writer.join(CLOSES_WITHIN_S)

    def _begin(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = Thread(target=self._keep_writing, name="log streams", daemon=True)
                self._writer.start()

    def _keep_writing(self) -> None:
        while not self._ends.is_set():
            self._news.wait()
            self._ends.wait(GATHER_S)
            self._news.clear()
            self._write_what_waits()
        self._write_what_waits()
        for file in self._files.values():
            file.close()
        with self._lock:
            self._ends.clear()
            self._writer = None

    def _write_what_waits(self) -> None:
        lines: dict[str, list[tuple[str, str]]] = {}
        while self._waiting:
            names, day, text = self._waiting.popleft()
            for name in names:
                lines.setdefault(name, []).append((day, text))
        for name, those in lines.items():
            self._files[name].write(those)
        if (lost := self._lost) and lines:
            self._lost = 0
            print(f"{self.folder}: the disk was slow: {lost} lines are missing in the streams", file=sys.stderr)
