"""Which exits came due while something was broken, told by rows and chain, and whether each left in time.

A position is due when it has been held for as long as its plan allows, or when the curve, as the chain shows it after
each transaction, would pay less than the stop or more than the take-profit asks for. The bot's own prices are not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.chain.addresses import bonding_curve, key_from
from tests.whole.real_evidence import Books, Node, Row

# A monitor looks at least once a second; the rest is for a machine on which much else runs. A fault lasts far longer.
IN_TIME_MS = 3_000

STORY_MS = 15_000  # of the log, before and behind the moment when a position opened

BPS = 10_000
TRADE_FEE_BPS = 125
VIRTUAL_QUOTE_LAMPORTS = 30_000_000_000
VIRTUAL_TOKEN_RAW = 1_073_000_000_000_000
# The curve's account holds the whole supply at first; this much more stands in its formula.
VIRTUAL_ABOVE_HELD_RAW = 73_000_000_000_000
LEFT = {"attempt_sent", "send_failed"}  # both say that the bytes were handed to the endpoints


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time of something broken, in the chain's slots and in milliseconds since the epoch."""

    name: str
    slots: tuple[int, int]
    moments_ms: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Due:
    """A position that had to leave, why, and how long its exit took to leave or to land; None when it never did."""

    position_id: str
    trouble: str
    reason: str
    took_ms: int | None

    @property
    def is_late(self) -> bool:
        return self.took_ms is None or self.took_ms > IN_TIME_MS


def due_exits(
    books: Books, events: Sequence[Mapping[str, Any]], troubles: Sequence[Trouble], node: Node, slot_ms: int
) -> list[Due]:
    """Every exit that came due in one of the troubles: by time from the rows, by price from the chain."""
    left_ms = _first_exits(events)
    asked = [
        _due_by_time(row, trouble, left_ms) or _due_by_price(row, trouble, books, node, slot_ms)
        for trouble in troubles
        for row in books.positions
    ]
    return [due for due in asked if due is not None]


def _due_by_time(row: Row, trouble: Trouble, left_ms: Mapping[str, int]) -> Due | None:
    """The longest time held ended in the trouble, and no exit had left before."""
    if row["max_hold_s"] is None:
        return None
    due_ms = row["opened_at"] + row["max_hold_s"] * 1000
    first_ms = left_ms.get(row["id"])
    if not trouble.moments_ms[0] <= due_ms < trouble.moments_ms[1]:
        return None
    if first_ms is not None and first_ms < due_ms:
        return None
    return Due(row["id"], trouble.name, "time", None if first_ms is None else first_ms - due_ms)


def _due_by_price(row: Row, trouble: Trouble, books: Books, node: Node, slot_ms: int) -> Due | None:
    """The curve passed a threshold in the trouble; how many slots later the sale landed, in milliseconds."""
    trades = [trade for trade in books.trades if trade["position_id"] == row["id"]]
    sold = [trade["slot"] for trade in trades if trade["side"] == "sell"]
    buy = next(trade for trade in trades if trade["side"] == "buy")
    begins, ends = trouble.slots
    if buy["slot"] >= ends or (sold and sold[0] < begins):
        return None
    for slot, held_raw in _curve_after(node, row["mint"], buy["slot"]):
        change_bps = _change_bps(buy, held_raw)
        is_due = change_bps <= -(row["stop_loss_bps"] or BPS) or change_bps >= (row["take_profit_bps"] or 1 << 62)
        if not is_due:
            continue
        if begins <= slot < ends and (not sold or sold[0] >= slot):
            reason = "stop_loss" if change_bps < 0 else "take_profit"
            return Due(row["id"], trouble.name, reason, (sold[0] - slot) * slot_ms if sold else None)
        return None
    return None


def _change_bps(buy: Row, held_raw: int) -> int:
    """What selling all that was bought would gain or lose on its cost, at a curve that holds `held_raw` tokens."""
    virtual_raw = held_raw + VIRTUAL_ABOVE_HELD_RAW
    quote_lamports = VIRTUAL_QUOTE_LAMPORTS * VIRTUAL_TOKEN_RAW // virtual_raw
    gross_lamports = quote_lamports * buy["token_raw"] // (virtual_raw + buy["token_raw"])
    cost_lamports = -buy["wallet_delta_lamports"] - buy["rent_lamports"]
    return (gross_lamports * (BPS - TRADE_FEE_BPS) // BPS - cost_lamports) * BPS // cost_lamports


def _curve_after(node: Node, mint: str, since_slot: int) -> Iterator[tuple[int, int]]:
    """Slot and tokens held by the curve after each transaction of a mint that landed after `since_slot`, in order."""
    curve = str(bonding_curve(key_from(mint)))
    for signature in node.signatures(curve):
        record = node.transaction(signature)
        if record["slot"] <= since_slot or record["meta"]["err"] is not None:
            continue
        for balance in record["meta"]["postTokenBalances"]:
            if balance["owner"] == curve and balance["mint"] == mint:
                yield record["slot"], int(balance["uiTokenAmount"]["amount"])


def story_of(late: Sequence[Due], books: Books, events: Sequence[Mapping[str, Any]]) -> str:
    """What the log says of the positions of late exits and of their coins, for whoever has to find out why."""
    lines: list[str] = []
    for due in late:
        row = next(row for row in books.positions if row["id"] == due.position_id)
        names = {row["id"], row["mint"], row["user_id"]}
        names |= {
            event["intent"] for event in events if event["event"] == "intent_planned" and event["mint"] == row["mint"]
        }
        lines.append(f"{due}: {dict(row)}")
        told = [event for event in events if names & {one for one in event.values() if isinstance(one, str)}]
        lines += [str(event) for event in told if abs(moment_ms(event) - row["opened_at"]) < STORY_MS]
    return "\n".join(lines)


def moment_ms(event: Mapping[str, Any]) -> int:
    """When an event was logged, in milliseconds since the epoch."""
    return round(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)


def _first_exits(events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """When the first exit of each position left, in milliseconds since the epoch, by position."""
    position_of: dict[str, str] = {}
    left_ms: dict[str, int] = {}
    for event in events:
        if event["event"] == "intent_planned" and event["side"] == "sell":
            position_of[event["intent"]] = event["causation"]
        elif event["event"] in LEFT and event["intent"] in position_of:
            left_ms.setdefault(position_of[event["intent"]], moment_ms(event))
    return left_ms
