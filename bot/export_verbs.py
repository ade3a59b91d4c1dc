"""What `bot export` asks of the running bot, in short steps: the books of every user, row by row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, fields
from typing import Any

from bot.clock import Clock, Span, SpanUnit, rfc3339, spans_until
from bot.ports import BookedEntry, PeriodSums, Store, User
from bot.refusal import CannotError
from bot.trading.intent import Mode
from bot.trading.ledger import Account
from bot.trading.position import Position

Record = dict[str, Any]
Verb = Callable[[Record], Awaitable[Record]]

FILLS, POSITIONS, DAYS = "fills", "positions", "days"
STEP = 50  # rows of one answer, which stays below a line of the socket
DAYS_MAX = 31
WEEK = 7
_OWNER = ("user", "mode")
# What each row has, in this order.
COLUMNS = {
    FILLS: (
        *(
            *_OWNER,
            "number",
            "at",
            "kind",
            "side",
            "mint",
            "token_raw",
            "reason",
            "order",
            "position",
            "signature",
            "slot",
        ),
        *(f"{account.value}_lamports" for account in Account),
    ),
    POSITIONS: (
        *(
            *_OWNER,
            "position",
            "mint",
            "context",
            "state",
            "opened",
            "closed",
            "bought_raw",
            "token_raw",
            "cost_lamports",
        ),
        "realized_lamports",
    ),
    DAYS: (*_OWNER, "day", *(one.name for one in fields(PeriodSums))),
}


def export_verbs(store: Store, clock: Clock) -> dict[str, Verb]:
    """What the control socket calls it."""

    async def rows(request: Record) -> Record:
        return await export_step(store, request, clock.now_ms())

    return {"export": rows}


async def export_step(store: Store, request: Record, now_ms: int) -> Record:
    """The next rows of the books that `of` names, behind the place `after`; `next` is None behind the last.

    `columns` are the names of what each row has, whether there is a row or not.

    A place is the number of a user, that of a mode, and how far that user's books of the mode were read.
    """
    of, wanted = request.get("of"), request.get("user")
    if of not in (FILLS, POSITIONS, DAYS):
        raise CannotError(f"nobody exports {of!r}; there are {FILLS}, {POSITIONS} and {DAYS}")
    users = [user for user in await store.users() if wanted in (None, user.handle, str(user.telegram_id))]
    if wanted is not None and not users:
        raise CannotError(f"no user {wanted}; give a handle or a Telegram id")
    days, after = _count(request), request.get("after") or [0, 0, None]
    rows, place = await _rows_behind(store, of, users, after, spans_until(now_ms, SpanUnit.DAY, 1 + days))
    return {"rows": rows, "next": place, "columns": list(COLUMNS[of])}


async def _rows_behind(
    store: Store, of: str, users: Sequence[User], after: Sequence[Any], spans: Sequence[Span]
) -> tuple[list[Record], list[Any] | None]:
    modes = list(Mode)
    number, place, before = int(after[0]), int(after[1]), after[2]
    if number >= len(users):
        return [], None
    user, mode = users[number], modes[place]
    left: int | None
    if of == DAYS:
        rows, left = await _days(store, user, mode, spans), None
    elif of == FILLS:
        entries = await store.booked(user.id, mode, STEP, before)
        rows, left = [_fill(user, mode, one) for one in entries], entries[-1].number if entries else None
    else:
        offset = int(before or 0)
        found = (await store.recent_positions(user.id, offset + STEP))[offset:] if place == 0 else []
        rows, left = [_position(user, one) for one in found], None if len(found) < STEP else offset + STEP
    if left is not None:
        return rows, [number, place, left]
    if place + 1 < len(modes):
        return rows, [number, place + 1, None]
    return rows, [number + 1, 0, None] if number + 1 < len(users) else None


def _count(request: Record) -> int:
    days = WEEK if (asked := request.get("days")) is None else asked
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= DAYS_MAX:
        raise CannotError(f"give a number of days from 1 to {DAYS_MAX}")
    return days


async def _days(store: Store, user: User, mode: Mode, spans: Sequence[Span]) -> list[Record]:
    """What a user did on each day (UTC) before the one that runs, which is the last of `spans`; empty ones are left out."""
    over = spans[:-1]
    sums = await store.period_sums(user.id, mode, [*(span.start_ms for span in over), over[-1].end_ms])
    return [
        {"user": user.handle, "mode": mode.value, "day": span.first_day, **asdict(one)}
        for span, one in zip(over, sums, strict=True)
        if not one.is_empty
    ]


def _fill(user: User, mode: Mode, booked: BookedEntry) -> Record:
    """An entry of the ledger; a column for each account, in lamports."""
    entry = booked.entry
    sums = dict.fromkeys(Account, 0)
    for leg in entry.legs:
        sums[leg.account] += leg.lamports
    return {
        "user": user.handle,
        "mode": mode.value,
        "number": booked.number,
        "at": rfc3339(booked.at_ms),
        "kind": entry.kind.value,
        "side": "" if booked.side is None else booked.side.value,
        "mint": booked.mint,
        "token_raw": booked.token_raw,
        "reason": booked.reason,
        "order": entry.intent_id or "",
        "position": entry.position_id or "",
        "signature": entry.signature or "",
        "slot": entry.slot,
        **{f"{account.value}_lamports": sums[account] for account in Account},
    }


def _position(user: User, position: Position) -> Record:
    return {
        "user": user.handle,
        "mode": position.mode.value,
        "position": position.id,
        "mint": position.mint,
        "context": position.context.value,
        "state": position.state.value,
        "opened": rfc3339(position.opened_at_ms),
        "closed": "" if position.closed_at_ms is None else rfc3339(position.closed_at_ms),
        "bought_raw": position.bought_raw,
        "token_raw": position.token_raw,
        "cost_lamports": position.cost_lamports,
        "realized_lamports": position.realized_lamports,
    }
