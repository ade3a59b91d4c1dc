"""A user's own books: what he made and lost, by time and by reason. Every figure is of the ledger and of fills."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bot.clock import Clock, SpanUnit, day_of, spans_until
from bot.commands import Command
from bot.ports import BookedEntry, Document, PeriodSums, Store, User
from bot.telegram.book_text import (
    PROFIT_MEANS,
    balance_lines,
    closed_lines,
    exposure_lines,
    fee_lines,
    period_text,
    result_lines,
    swept_lines,
)
from bot.telegram.chat import Answer, Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.history_text import history_line, table, table_words
from bot.telegram.own_pictures import END_MS, SHOWN, OwnPictures
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.replies import position_line
from bot.telegram.words import mode_label, short
from bot.trading.intent import Mode
from bot.trading.ledger import Account
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState
from bot.trading.units import counted, format_sol

REASONS_SHOWN = 20
HISTORY_SHOWN, HISTORY_MOST = 10, 50
TABLE_PAGE, TABLE_MOST = 1_000, 20_000
SHARED_SEARCHED = 200
READS_MAX = 3  # of books that go on being written
_COUNT = re.compile(r"[0-9]{1,3}")
IN_WORDS = {SpanUnit.DAY: "today", SpanUnit.WEEK: "this week", SpanUnit.MONTH: "this month"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose books, of which mode, and the other words of a command."""

    user: User
    settings: UserSettings
    mode: Mode
    words: tuple[str, ...]
    others: tuple[Mode, ...]

    @property
    def label(self) -> str:
        """What every answer begins with."""
        return mode_label(self.mode.value)

    def elsewhere(self, command: Command) -> list[str]:
        """That there are books of other modes too."""
        named = " or ".join(f"/{command.name} {one.value}" for one in self.others)
        return [f"This is of mode {self.mode.value} alone; your other books: {named}."] if named else []


async def asked_books(store: Store, incoming: Incoming, arguments: Sequence[str]) -> Asked:
    """A word that is a mode says which of a user's books are meant, else those of his own mode."""
    user = known(incoming)
    modes = list(dict.fromkeys(wallet.mode for wallet in await store.wallets(user.id)))
    words = [word.lower() for word in arguments]
    named = [one for one in Mode if one.value in words]
    if len(named) > 1:
        raise UsageError("one mode at a time; give one of them")
    mode = named[0] if named else user.mode
    if mode not in modes:
        yours = ", ".join(one.value for one in modes)
        raise UsageError(f"you have no books of mode {mode.value}; yours are of: {yours}")
    return Asked(
        user,
        await store.settings(user.id),
        mode,
        tuple(word for word in words if word != mode.value or not named),
        tuple(one for one in modes if one is not mode),
    )


@dataclass(frozen=True, slots=True)
class BookHandlers:
    """`/history`, `/profit`, `/stats`, `/my_stats`, `/share` and `/performance`."""

    store: Store
    clock: Clock

    @property
    def pictures(self) -> OwnPictures:
        """What follows /profit and /share."""
        return OwnPictures(self.store)

    async def profit(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        asked = await asked_books(self.store, incoming, arguments)
        unit = _unit(asked, command)
        lines = await (self._overview(asked) if unit is None else self._listed(asked, unit))
        text = "\n".join([*lines, PROFIT_MEANS, *asked.elsewhere(command)])
        until_ms = self.clock.now_ms()
        picture = partial(self.pictures.of_profit, asked.user.id, asked.mode, unit or SpanUnit.DAY, until_ms)
        return Answer(text, picture=picture)

    async def _overview(self, asked: Asked) -> list[str]:
        now_ms, zone = self.clock.now_ms(), asked.settings.timezone
        yesterday, today = spans_until(now_ms, SpanUnit.DAY, 2, zone)
        [week], [month] = (spans_until(now_ms, unit, 1, zone) for unit in (SpanUnit.WEEK, SpanUnit.MONTH))
        begins = sorted({0, yesterday.start_ms, today.start_ms, week.start_ms, month.start_ms})
        pieces = await self.store.period_sums(asked.user.id, asked.mode, [*begins, END_MS])

        def since(start_ms: int, end_ms: int = END_MS) -> str:
            inside = [sums for begin, sums in zip(begins, pieces, strict=True) if start_ms <= begin < end_ms]
            return period_text(sum(inside, PeriodSums()))

        return [
            f"{asked.label} Your result, in days of {zone}:",
            f"today, {today.first_day}: {since(today.start_ms)}",
            f"yesterday: {since(yesterday.start_ms, today.start_ms)}",
            f"this week, since Monday {week.first_day}: {since(week.start_ms)}",
            f"this month, since {month.first_day}: {since(month.start_ms)}",
            f"since the beginning: {since(0)}",
            "/profit day, /profit week and /profit month have a line for each.",
        ]

    async def _listed(self, asked: Asked, unit: SpanUnit) -> list[str]:
        zone = asked.settings.timezone
        spans = spans_until(self.clock.now_ms(), unit, SHOWN[unit], zone)
        bounds = [*(span.start_ms for span in spans), END_MS]
        sums = await self.store.period_sums(asked.user.id, asked.mode, bounds)
        lines = [
            f"{_span_name(span.first_day, unit)}: {period_text(one)}"
            for span, one in zip(reversed(spans), reversed(sums), strict=True)
            if not one.is_empty
        ]
        which = counted(SHOWN[unit], unit.value)
        return [
            f"{asked.label} Your result of the last {which}, in days of {zone}, the latest first:",
            *(lines or ["nothing was traded in any of them"]),
            *([f"in all: {period_text(sum(sums, PeriodSums()))}"] if len(lines) > 1 else []),
        ]

    def commands(self) -> dict[str, Handler]:
        """Its handlers by the names of their commands."""
        return {
            "history": self.history,
            "profit": self.profit,
            "stats": self.stats,
            "my_stats": self.my_stats,
            "share": self.share,
            "performance": self.performance,
        }

    async def history(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        asked = await asked_books(self.store, incoming, arguments)
        if asked.words == ("csv",):
            return await self._table(asked)
        limit = HISTORY_SHOWN
        if asked.words:
            [word, *more] = asked.words
            if more or not _COUNT.fullmatch(word) or not 1 <= int(word) <= HISTORY_MOST:
                raise UsageError(
                    f"usage: {command.usage} (how many entries, 1 to {HISTORY_MOST}, or csv for all of them)"
                )
            limit = int(word)
        rows = await self.store.booked(asked.user.id, asked.mode, limit)
        zone = asked.settings.timezone
        if not rows:
            return "\n".join([f"{asked.label} Nothing is in your books yet.", *asked.elsewhere(command)])
        return "\n".join(
            [
                f"{asked.label} The latest of your ledger, in the time of {zone}:",
                *(history_line(row, zone) for row in rows),
                "/history csv sends every fill and fee as a file.",
                *asked.elsewhere(command),
            ]
        )

    async def _table(self, asked: Asked) -> Answer:
        """Every entry up to the newest of this moment, as many as fit; what is older is carried forward in one row."""
        user_id, mode, zone = asked.user.id, asked.mode, asked.settings.timezone
        rows: list[BookedEntry] = []
        page = await self.store.booked(user_id, mode, TABLE_PAGE)
        while page and len(rows) < TABLE_MOST:
            rows += page
            page = await self.store.booked(user_id, mode, TABLE_PAGE, page[-1].number)
        if not rows:
            return Answer(f"{asked.label} Nothing is in your books yet, so there is nothing to send.")
        carried = await self.store.ledger_sums(user_id, mode, rows[-1].number) if page else {}
        wallet_lamports = carried.get(Account.WALLET, 0) + sum(row.entry.wallet_lamports for row in rows)
        content = table(rows, mode=mode.value, zone=zone, carried=carried)
        name = f"history-{mode.value}-{day_of(self.clock.now_ms(), zone)}.csv"
        return Answer(f"{asked.label} {table_words(rows, carried, wallet_lamports)}", Document(name, content))

    async def stats(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        asked = await asked_books(self.store, incoming, arguments)
        unit = _unit(asked, command)
        since_ms, named = 0, "since the beginning"
        if unit is not None:
            [span] = spans_until(self.clock.now_ms(), unit, 1, asked.settings.timezone)
            since_ms, named = span.start_ms, f"{IN_WORDS[unit]}, since {span.first_day} in {asked.settings.timezone}"
        sums = await self.store.result_sums(asked.user.id, asked.mode, since_ms, REASONS_SHOWN)
        lines = result_lines(sums) or ["nothing was sold or paid for"]
        return "\n".join(
            [
                f"{asked.label} Your result by what ended the trades, {named}:",
                *lines,
                f"in all {format_sol(sums.realized_lamports, signed=True)} SOL, as /profit has it.",
                *swept_lines(sums),
                *asked.elsewhere(command),
            ]
        )

    async def my_stats(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        asked = await asked_books(self.store, incoming, arguments)
        if asked.words:
            raise wrong_usage(command)
        user_id, mode = asked.user.id, asked.mode
        [whole] = await self.store.period_sums(user_id, mode, [0, END_MS])
        held = [row for row in await self.store.open_positions(user_id) if row.mode is mode]
        today = day_of(self.clock.now_ms(), asked.settings.timezone)
        sniper = "on" if asked.settings.snipe_enabled else "off"
        return "\n".join(
            [
                f"{asked.label} Since the beginning: {period_text(whole)}.",
                *closed_lines(await self.store.closed_sums(user_id, mode)),
                f"Now, {today}: {counted(len(held), 'open position')} at a cost of"
                f" {format_sol(sum(row.cost_lamports for row in held))} SOL; sniper {sniper};"
                f" {counted(len(await self.store.tracked(user_id)), 'followed wallet')}.",
                *asked.elsewhere(command),
            ]
        )

    async def share(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> Answer:
        """A closed position as a picture: the one that is named, the latest of a token, or the latest of all."""
        if len(arguments) > 1:
            raise wrong_usage(command)
        user, word = known(incoming), "".join(arguments)
        held = await self.store.open_positions(user.id)
        rows = await self.store.recent_positions(user.id, len(held) + SHARED_SEARCHED)
        closed = [row for row in rows if row.state is PositionState.CLOSED and word in {"", row.id, row.mint}]
        if not closed:
            still = any(word in {row.id, row.mint} for row in held)
            told = f"{short(word)} is still open" if still else "No such position of yours has closed" if word else ""
            return Answer(
                f"{told or 'No position of yours has closed yet'}; a picture shows what one came to. See /positions."
            )
        position = closed[0]
        told = (
            f"{position_line(position, None, None)}. Its picture follows; it names the mode and the token, and neither you nor"
            " an address of yours."
        )
        return Answer(told, picture=partial(self.pictures.of_position, position))

    async def performance(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        asked = await asked_books(self.store, incoming, arguments)
        if asked.words:
            raise wrong_usage(command)
        held, ledger, whole, swept_lamports = await self._of_one_moment(asked.user.id, asked.mode)
        return "\n".join(
            [
                f"{asked.label} Your books since the beginning.",
                *exposure_lines(held, ledger),
                *fee_lines(ledger, whole.buys + whole.sells),
                *balance_lines(held, ledger, whole.realized_lamports, swept_lamports),
                *asked.elsewhere(command),
            ]
        )

    async def _of_one_moment(
        self, user_id: str, mode: Mode
    ) -> tuple[list[Position], Mapping[Account, int], PeriodSums, int]:
        """What is held, the ledger, the result, and what was swept at cost; read again where something was booked in between."""
        ledger = await self.store.ledger_sums(user_id, mode)
        for _ in range(READS_MAX):
            held = [row for row in await self.store.open_positions(user_id) if row.mode is mode]
            [whole] = await self.store.period_sums(user_id, mode, [0, END_MS])
            swept_lamports = (await self.store.result_sums(user_id, mode, 0, 1)).swept_lamports
            before, ledger = ledger, await self.store.ledger_sums(user_id, mode)
            if ledger == before:
                break
        return held, ledger, whole, swept_lamports


def _unit(asked: Asked, command: Command) -> SpanUnit | None:
    """The span that was asked for; None for none. Raises UsageError for anything else."""
    if not asked.words:
        return None
    found = [unit for unit in SpanUnit if asked.words == (unit.value,)]
    if not found:
        raise wrong_usage(command)
    return found[0]


def _span_name(first_day: str, unit: SpanUnit) -> str:
    """`2026-11-21`, `week from 2026-11-16` or `2026-11`."""
    if unit is SpanUnit.MONTH:
        return first_day.rpartition("-")[0]
    return f"week from {first_day}" if unit is SpanUnit.WEEK else first_day
