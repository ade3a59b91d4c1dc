"""What must hold of copies and of the automated trader's entries, reckoned anew from the rows and not by the store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from bot.ports import Verdict
from bot.storage.memory import MemoryStore
from bot.trading.copying import Copy, CopyState
from bot.trading.intent import IntentState, Side
from bot.trading.position import PositionState

UNFILLED = frozenset({IntentState.FAILED, IntentState.EXPIRED, IntentState.CANCELLED})
HOUR_MS = 3_600_000
READ_MS = 5_000  # what a decision knows may be as old: it waits for the market


def beyond_caps(store: MemoryStore, written: Sequence[Copy], now_ms: int) -> Iterator[str]:
    """Caps that a decision has passed. All of a simulation is one hour of one day."""
    for copy in written:
        if copy.side is not Side.BUY or copy.state is CopyState.REFUSED:
            continue
        rule = store._copy_rules[copy.rule_id]
        mine = [one for one in _counted(store) if (one.user_id, one.mode) == (rule.user_id, rule.mode)]
        held = [one for one in mine if not _has_closed(store, one)]
        caps = rule.caps
        recent = sum(one.spend_lamports for one in mine if one.decided_at_ms > now_ms - HOUR_MS)
        sums = {
            "trade": (copy.spend_lamports, caps.trade_lamports),
            "hour": (recent, caps.hour_lamports),
            "day": (recent, caps.day_lamports),
            "token": (sum(one.spend_lamports for one in held if one.mint == copy.mint), caps.token_lamports),
            "leader": (sum(one.spend_lamports for one in held if one.leader == rule.leader), caps.leader_lamports),
            "total": (sum(one.spend_lamports for one in held), caps.total_lamports),
        }
        for name, (spent, cap) in sums.items():
            if spent > cap:
                yield f"copy {copy.key} passes the cap {name} of its rule: {spent} is above {cap}"
        if rule.leader_user_id is not None and rule.user_id in _leaders_of(
            store, rule.leader_user_id, now_ms - READ_MS
        ):
            yield f"copy {copy.key} is of a leader who copies the follower, himself or through others"


def copied_twice(store: MemoryStore) -> Iterator[str]:
    """Buys that one user has made of one swap of a leader, whoever of the rules decided them."""
    bought = Counter[tuple[str, str, str]]()
    for intent in store._intents.values():
        request = intent.request
        if request.side is Side.BUY and request.key.startswith("copy:") and intent.state is IntentState.FILLED:
            _, user_id, signature, _ = request.key.split(":", 3)
            bought[user_id, signature, request.mint] += 1
    for (user_id, signature, mint), count in bought.items():
        if count > 1:
            yield f"user {user_id} has bought {mint} {count} times for {signature}"
    entered = Counter(
        (decision.user_id, decision.mint, decision.epoch)
        for decision in store._auto_decisions.values()
        if decision.verdict is Verdict.ENTERED
    )
    for (user_id, mint, epoch), count in entered.items():
        if count > 1:
            yield f"the automated trader of {user_id} has entered {mint} {count} times in its start {epoch}"


def descends_from_itself(store: MemoryStore) -> Iterator[str]:
    """Copied buys of a user that would not be there without an order of his own: a circle, which would never end."""
    for copy in store._copies.values():
        if copy.side is not Side.BUY or copy.state is CopyState.REFUSED:
            continue
        users, signature = [copy.user_id], copy.signature
        while (attempt := store._attempts.get(signature)) is not None:
            request = store._intents[attempt.intent_id].request
            users.append(request.user_id)
            if not request.key.startswith("copy:") or len(users) > len(store._users):
                break
            signature = request.key.split(":")[2]
        if len(set(users)) < len(users):
            yield f"copy {copy.key} descends from an order of the same user: {' of '.join(users)}"


def left_open(store: MemoryStore) -> dict[str, bool]:
    """What of copies and entries nobody has ended; each must come to an end by itself."""
    owed = [copy.key for copy in store._copies.values() if copy.state is CopyState.OWED]
    planned = [one.key for one in store._auto_decisions.values() if one.verdict is Verdict.PLANNED]
    return {
        f"copies are owed: {owed}": bool(owed),
        f"{len(store._copies_due)} swaps of leaders are undecided": bool(store._copies_due),
        f"entries are planned: {planned}": bool(planned),
    }


def without_outcome(store: MemoryStore) -> Iterator[str]:
    """Copied buys that are said to be ordered and have no order."""
    for copy in store._copies.values():
        if copy.state is CopyState.ORDERED and copy.key not in store._intent_of_key:
            yield f"copy {copy.key} is ordered, and there is no such order"


def _counted(store: MemoryStore) -> list[Copy]:
    """Buys that were decided and did not end without a fill."""
    return [
        copy
        for copy in store._copies.values()
        if copy.side is Side.BUY and copy.state is not CopyState.REFUSED and _state(store, copy) not in UNFILLED
    ]


def _state(store: MemoryStore, copy: Copy) -> IntentState | None:
    intent_id = store._intent_of_key.get(copy.key)
    return None if intent_id is None else store._intents[intent_id].state


def _has_closed(store: MemoryStore, copy: Copy) -> bool:
    intent_id = store._intent_of_key.get(copy.key)
    ids = {trade.position_id for trade in store._trades.values() if trade.intent.id == intent_id}
    return any(store._positions[one].state is PositionState.CLOSED for one in ids)


def _leaders_of(store: MemoryStore, user_id: str, before_ms: int) -> set[str]:
    """Whom a user copies, himself or through others, by rules that began before this moment and have not ended."""
    copied = defaultdict[str, set[str]](set)
    for rule in store._copy_rules.values():
        if rule.leader_user_id is not None and rule.closed_at_ms is None and rule.since_ms < before_ms:
            copied[rule.user_id].add(rule.leader_user_id)
    seen, ahead = set[str](), [user_id]
    while ahead:
        more = copied[ahead.pop()] - seen
        seen |= more
        ahead += more
    return seen
