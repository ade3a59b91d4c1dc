"""Two plays of one market held against each other, decision by decision and fill by fill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from bot.backtest.evidence import Decision, Evidence, Fill

SHOWN_MAX = 20

T = TypeVar("T", Decision, Fill)
Pair = tuple[Decision | Fill | None, Decision | Fill | None]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One that is not the same in both. `what` names the fields, or says that one play alone has it."""

    name: str
    mint: str
    kind: str
    what: str
    backtest: str
    paced: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How many decisions and fills either play has, how many of them are the same in both, and what is not.

    `apart_ms` is the farthest that two of the same lie apart in time, where moments are not compared. `late_s` is how far
    the machine was ever behind the market's pace, in real seconds, and `troubles` is what the bot told of in either play.
    """

    decisions: int
    same_decisions: int
    fills: int
    same_fills: int
    apart_ms: int
    late_s: float
    troubles: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def compared(
    backtest: Sequence[Evidence],
    paced: Sequence[Evidence],
    *,
    moments: bool,
    late_s: float = 0.0,
    troubles: Sequence[str] = (),
) -> Comparison:
    """Each set and baseline beside itself; with `moments` what lies apart in time by a millisecond is not the same."""
    others = {one.name: one for one in paced}
    others, counts, found, apart_ms = {one.name: one for one in paced}, Counter[str](), list[Difference](), 0
    for one in backtest:
        other = others.get(one.name, Evidence(name=one.name, decisions=(), fills=()))
        pairs: list[tuple[str, Pair]] = [("decision", pair) for pair in _pairs(one.decisions, other.decisions)]
        pairs += [("fill", pair) for pair in _pairs(one.fills, other.fills)]
        for kind, (ours, theirs) in pairs:
            counts[kind] += 1
            if what := _unlike(ours, theirs, moments=moments):
                found.append(_difference(one.name, kind, what, ours, theirs))
                continue
            counts["same " + kind] += 1
            if ours is not None and theirs is not None:
                apart_ms = max(apart_ms, abs(ours.at_ms - theirs.at_ms))
    return Comparison(
        decisions=counts["decision"],
        same_decisions=counts["same decision"],
        fills=counts["fill"],
        same_fills=counts["same fill"],
        apart_ms=apart_ms,
        late_s=late_s,
        troubles=tuple(troubles),
        differences=tuple(found),
    )


def joined_comparison(days: Sequence[Comparison]) -> Comparison:
    """Several days as one."""
    return Comparison(
        decisions=sum(one.decisions for one in days),
        same_decisions=sum(one.same_decisions for one in days),
        fills=sum(one.fills for one in days),
        same_fills=sum(one.same_fills for one in days),
        apart_ms=max((one.apart_ms for one in days), default=0),
        late_s=max((one.late_s for one in days), default=0.0),
        troubles=tuple(trouble for one in days for trouble in one.troubles),
        differences=tuple(difference for one in days for difference in one.differences),
    )


def _pairs(ours: Sequence[T], theirs: Sequence[T]) -> list[tuple[T | None, T | None]]:
    """The first of a token beside the first of it, and so on; None where a play has no such one."""
    return [
        (mine[place] if place < len(mine) else None, other[place] if place < len(other) else None)
        for mint in sorted({one.mint for one in (*ours, *theirs)})
        for mine, other in [([one for one in ours if one.mint == mint], [one for one in theirs if one.mint == mint])]
        for place in range(max(len(mine), len(other)))
    ]


def _difference(
    name: str, kind: str, what: str, ours: Decision | Fill | None, theirs: Decision | Fill | None
) -> Difference:
    mint = next(one.mint for one in (ours, theirs) if one is not None)
    return Difference(name=name, mint=mint, kind=kind, what=what, backtest=_text(ours), paced=_text(theirs))


def _unlike(ours: Decision | Fill | None, theirs: Decision | Fill | None, *, moments: bool) -> str:
    if ours is None or theirs is None:
        return "in the paced play alone" if ours is None else "in the backtest alone"
    names = [
        name
        for name in ours.__struct_fields__
        if (moments or name != "at_ms") and getattr(ours, name) != getattr(theirs, name)
    ]
    return ", ".join(names)


def _text(one: Decision | Fill | None) -> str:
    return "" if one is None else msgspec.json.encode(one).decode()


def comparison_text(found: Comparison) -> str:
    """For people: the counts, and the first of what differs."""
    lines = [
        f"decisions: {found.same_decisions} of {found.decisions} are the same",
        f"fills: {found.same_fills} of {found.fills} are the same",
        f"what is the same lies up to {found.apart_ms} ms apart; the machine was up to {found.late_s:.2f} s late",
    ]
    for one in found.differences[:SHOWN_MAX]:
        lines.append(f"  {one.name}, {one.kind} of {one.mint}: {one.what}")
        lines += [f"    {where}: {text}" for where, text in (("backtest", one.backtest), ("paced", one.paced)) if text]
    if len(found.differences) > SHOWN_MAX:
        lines.append(f"  and {len(found.differences) - SHOWN_MAX} more")
    if found.troubles:
        lines.append(f"the bot told of {len(found.troubles)}, the first: {found.troubles[0][:200]}")
    return "\n".join(lines)
