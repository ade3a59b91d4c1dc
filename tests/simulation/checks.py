"""What must hold at every step of a simulation, whatever breaks: safety first. Each rule looks at what is written or sent."""

from __future__ import annotations

import base64
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
from solders.transaction import VersionedTransaction

from bot.chain.paper_order import is_paper, is_paper_name
from bot.errors import Unavailable
from bot.localnet.inprocess import InProcessChain
from bot.storage.memory import MemoryStore
from bot.storage.spool_codec import Sent, Signed, scan
from bot.trading.intent import TERMINAL, Attempt, AttemptState, Context, Intent, IntentState, Mode, Side
from bot.trading.limits import Ceilings
from bot.trading.position import PositionState
from bot.tree import TradingBot
from tests.simulation.copy_checks import beyond_caps, copied_twice, descends_from_itself, without_outcome
from tests.simulation.doors import Call
from tests.simulation.troubles import BugError
from tests.simulation.world import DoorWorld

BOOKS_BEHIND_FORK_S = 120.0  # the chain is finalized past it, and the database or the bot may be away meanwhile

PROVEN_DEAD = frozenset({AttemptState.LANDED_ERROR, AttemptState.EXPIRED})


class Violation(Exception):
    """A rule that must always hold did not."""


def signers_twice(bot: TradingBot) -> set[str]:
    """Wallets with an executor below money and another below flatten, and positions with two monitors there."""
    ids: list[set[str]] = []
    for path in (("money", "executors"), ("money", "position_monitors"), ("guard", "flatten")):
        try:
            ids.append({child.id for child in bot.supervisor(*path).which_children() if child.state == "running"})
        except Unavailable:
            ids.append(set())
    return (ids[0] | ids[1]) & ids[2]


@dataclass(slots=True)
class Safety:
    """A watch over every call of a life, and over every block.

    What the bot decides is seen at the door `store`, what of it reaches the rows at the door `database`. While exits come
    from memory its rows are what they are judged by, and the journal stands for the rows that are written later.

    `covered` names what pauses a user's entries, as the people of the simulation know it: they have been told that it is
    so. `life_number` counts the lives of the bot,
    `recorded` what was to be written into the journal, `outside` the transactions that somebody else signed with the key of
    one of our wallets, `sold_outside` wallet and mint of what he sold with it.
    """

    world: DoorWorld
    ceilings: Ceilings
    covered: Callable[[str], str | None]
    life_number: int = 0
    found: list[str] = field(default_factory=list)
    recorded: int = 0
    outside: set[str] = field(default_factory=set)
    sold_outside: set[tuple[str, str]] = field(default_factory=set)
    landed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _born: dict[str, int] = field(default_factory=dict)
    _paused: dict[str, str | None] = field(default_factory=dict)
    _slot: int = 0
    _funded_slot: int = field(init=False)
    _taken_back: set[str] = field(default_factory=set)
    _forked_at_s: float = -math.inf
    _reports_seen: int = 0

    def __post_init__(self) -> None:
        self._funded_slot = self.chain.cluster.chain.position.slot

    @property
    def store(self) -> MemoryStore:
        return self.world.store

    @property
    def chain(self) -> InProcessChain:
        return self.world.chain

    async def before(self, call: Call) -> None:
        with self._noting():
            if call.port == "database":
                self._reaches_the_rows(call)
            elif call.port == "journal":
                self._may_be_recorded(call.arguments[0])
            elif call.method in {"plan_closing", "plan_withdrawal"}:
                self._born.setdefault(call.named["intent_id"], self.life_number)
            elif call.method == "admit":
                self._born.setdefault(call.named["intent_id"], self.life_number)
                self._paused[call.named["intent_id"]] = self.covered(call.arguments[0].user_id)
            elif call.method == "send":
                self._may_leave(call.arguments[0])
            elif call.method == "record_attempt":
                self._may_be_signed(call)
            elif call.method in {"settle", "settle_closing"}:
                self._landed(call.arguments[1].signature)

    def _reaches_the_rows(self, call: Call) -> None:
        by = call.named.get("by")
        is_outside = by is not None and by.signature in self.outside
        if call.method == "adjust" and not is_outside and not self._was_swept(call):
            raise Violation(f"nobody moved tokens, yet position {call.arguments[0]} is adjusted: {call.named}")
        if call.method == "settle":
            self._landed(call.arguments[1].signature)

    def _was_swept(self, call: Call) -> bool:
        """Whether a sweep that landed took the tokens of a position."""
        sweep, position = self.store._intents.get(call.named.get("sweep_id")), self.store._positions[call.arguments[0]]
        if sweep is None or sweep.state is not IntentState.FILLED or not sweep.request.is_sweep:
            return False
        return (sweep.request.wallet_id, sweep.request.mint) == (position.wallet_id, position.mint)

    async def after(self, call: Call, answer: Any) -> None:
        with self._noting():
            gives = call.port == "vault" and call.method in {"sign", "sign_withdrawal", "export_key"}
            if gives and self.world.vault.is_frozen(call.arguments[0]):
                raise Violation(f"the vault does {call.method} for the frozen wallet {call.arguments[0].id}")
            if call.port == "database" and call.method == "decide_copies" and not self._behind_a_fork():
                for why in beyond_caps(self.store, answer, self.world.clock.now_ms()):
                    raise Violation(why)
            if call.port == "store" and call.method == "reverse":
                self._born.update((one.intent.id, self.life_number) for one in answer)
            is_asked = call.port == "store" and call.method == "admit"
            if is_asked and isinstance(answer, Intent) and answer.id == call.named["intent_id"]:
                self._admitted(answer, call.named["wallet_lamports"])

    def fork(self, slots: int, lost_percent: int) -> bool:
        """Let the network take slots back, never so many that a user's funds go; whether it did.

        Until the books know it they say what was, and any of it may land again.
        """
        slots = min(slots, self.chain.cluster.chain.position.slot - self._funded_slot)
        if slots <= 0:
            return False
        fork = self.chain.fork(slots, lost_percent=lost_percent)
        self._forked_at_s = trio.current_time()
        self._taken_back.update(fork.transactions)
        for signatures in self.landed.values():
            signatures.difference_update(fork.transactions)
        return True

    def failures(self) -> None:
        """No actor fails but by the bugs that the simulation puts there, or because what it needs is away."""
        with self._noting():
            for report in self.world.reports[self._reports_seen :]:
                self._reports_seen += 1
                for leaf in report.leaves:
                    if isinstance(leaf, Exception) and not isinstance(leaf, (BugError, Unavailable)):
                        raise Violation(f"{report.path} failed by itself: {leaf!r}")

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Keep a violation for whoever plays the simulation: raised here it would only crash an actor."""
        try:
            yield
        except Violation as violation:
            self.found.append(str(violation))

    # ------------------------------------------------------------------------------------------------------- entries

    def _admitted(self, intent: Intent, wallet_lamports: int) -> None:
        """A fresh intent: nothing that was known when it was asked for forbids it."""
        request = intent.request
        if request.side is Side.BUY and intent.id not in self.store._intents:
            raise Violation(f"buy {intent.id} is admitted and not in the database")
        rows = self.store if request.side is Side.BUY else self.world.in_charge()
        others = [row for row in rows._moving.values() if row.request.wallet_id == request.wallet_id]
        others = [row for row in others if row.id != intent.id]
        same = [row for row in others if row.request.mint == request.mint]
        if request.side is Side.SELL:
            if any(row.request.side is Side.SELL for row in same):
                raise Violation(f"sale {intent.id} of {request.mint} is admitted while another is on its way")
            return
        if same:
            raise Violation(f"buy {intent.id} of {request.mint} is admitted while another order of it is on its way")
        if why := self._paused.pop(intent.id, None):
            raise Violation(f"buy {intent.id} is admitted while {why} pauses user {request.user_id}")
        if old := [row.id for row in others if self._born.get(row.id, 0) < self.life_number]:
            raise Violation(f"buy {intent.id} is admitted before {old} of an earlier life are resolved")
        self._within_limits(intent, others, wallet_lamports)

    def _within_limits(self, intent: Intent, others: list[Intent], wallet_lamports: int) -> None:
        request = intent.request
        settings, ceilings = self.store._settings[request.user_id], self.ceilings
        held = [
            row
            for row in self.store._positions.values()
            if row.wallet_id == request.wallet_id and row.state is PositionState.OPEN
        ]
        cost = sum(row.cost_lamports for row in held if row.mint == request.mint)
        coming = {row.request.mint for row in others if row.request.side is Side.BUY} - {row.mint for row in held}
        mine = {
            Context.MANUAL_COMMAND: settings.manual_max_trade_lamports,
            Context.AUTOMATED: settings.auto_max_trade_lamports,
            Context.COPY_TRADE: settings.copy_max_trade_lamports,
        }.get(request.context)
        buys = [row.request for row in others if row.request.side is Side.BUY]
        alike = sum(row.spend_lamports for row in buys if row.context is request.context)
        a_day = {
            Context.MANUAL_COMMAND: settings.manual_daily_spend_lamports,
            Context.SNIPER: settings.sniper_daily_spend_lamports,
            Context.AUTOMATED: settings.auto_daily_spend_lamports,
            Context.COPY_TRADE: settings.copy_daily_spend_lamports,
        }.get(request.context)
        sizes = {
            "a trade of this kind": (request.spend_lamports, request.spend_lamports if mine is None else mine),
            "a day of this kind": (request.spend_lamports + alike, 2**63 if a_day is None else a_day),
            "positions of the user": (len(held) + len(coming) + 1, settings.max_positions or 2**63),
            "trade": (request.spend_lamports, min(settings.max_trade_lamports, ceilings.max_trade_lamports)),
            "position": (
                cost + request.spend_lamports,
                min(settings.max_position_lamports, ceilings.max_position_lamports),
            ),
            "open positions": (len(held) + len(coming) + 1, ceilings.max_open_positions),
            "funds": (request.spend_lamports + sum(row.reserved_lamports for row in others), wallet_lamports),
        }
        for name, (value, limit) in sizes.items():
            if value > limit:
                raise Violation(f"buy {intent.id} breaks the limit of {name}: {value} is above {limit}")

    # --------------------------------------------------------------------------------------------------------- bytes

    def _may_be_signed(self, call: Call) -> None:
        """Rule 3: new bytes of a buy only when the old ones are proven dead; and no sale of more than is held."""
        attempt = call.arguments[0]
        rows = self.world.in_charge()._intents
        intent = rows.get(attempt.intent_id) or self.store._intents[attempt.intent_id]
        known = self.store._attempts | self.world.in_charge()._attempts
        others = [row for row in known.values() if row.intent_id == intent.id and row.signature != attempt.signature]
        if intent.request.side is Side.BUY and any(row.state not in PROVEN_DEAD for row in others):
            raise Violation(f"buy {intent.id} is signed again while its first bytes may still land")
        if intent.request.side is Side.SELL:
            if self._behind_a_fork() or intent.request.mode is Mode.PAPER:
                return
            if (intent.request.wallet_id, intent.request.mint) in self.sold_outside:
                return  # what is asked of the chain a moment before somebody else sells is more than is left
            # Whoever signs an exit again may not know yet that the bytes before have landed: of both, one can succeed.
            held = self._held_raw(intent.request.wallet_id, intent.request.mint)
            if attempt.token_raw > max([held, *(row.token_raw for row in others)]):
                raise Violation(f"sale {intent.id} is of {attempt.token_raw} tokens, the wallet holds {held}")

    def _behind_a_fork(self) -> bool:
        """Whether the books may still say what was before the network took slots back."""
        return trio.current_time() < self._forked_at_s + BOOKS_BEHIND_FORK_S

    def _held_raw(self, wallet_id: str, mint: str) -> int:
        """The newest balance, which may be ahead of what the bot was told, or behind."""
        address = self.store._wallets[wallet_id].address
        most = 0
        for commitment in ("processed", "confirmed"):
            config = {"encoding": "base64", "commitment": commitment}
            answer = self.chain.call("getTokenAccountsByOwner", address, {"mint": mint}, config)
            datas = [base64.b64decode(entry["account"]["data"][0]) for entry in answer["value"]]
            most = max(most, sum(int.from_bytes(data[64:72], "little") for data in datas))
        return most

    def _may_leave(self, raw: bytes) -> None:
        """Bytes leave only after a row says that they may have left. An order on paper has bytes of its own, and goes nowhere."""
        if is_paper(raw):
            return
        signature = str(VersionedTransaction.from_bytes(raw).signatures[0])
        attempt = self._written(signature)
        if attempt is None:
            raise Violation(f"{signature} leaves and no attempt in the books or the journal has it")
        if attempt.raw != raw:
            raise Violation(f"{signature} leaves with other bytes than its row has")
        if attempt.state is AttemptState.SIGNED and signature not in self._in_journal():
            raise Violation(f"{signature} leaves before its row says so")

    def _written(self, signature: str) -> Attempt | None:
        """The attempt as it would be found after a crash: in the books, or in the journal."""
        record = self._in_journal().get(signature)
        return self.store._attempts.get(signature) or (record.attempt if isinstance(record, Signed) else None)

    def _in_journal(self) -> dict[str, Signed | Sent]:
        """What the journal says of bytes that may have left, by their signature."""
        found: dict[str, Signed | Sent] = {}
        for record in scan(self.world.journal.data).records:
            if isinstance(record, Signed):
                found[record.attempt.signature] = record
            elif isinstance(record, Sent):
                found.setdefault(record.signature, record)
        return found

    def _may_be_recorded(self, record: object) -> None:
        """Nothing is bought from memory, and no bytes are recorded twice."""
        self.recorded += 1
        if not isinstance(record, Signed):
            return
        if record.intent.request.side is not Side.SELL:
            raise Violation(f"{record.intent.request.side} {record.intent.id} is signed from memory")
        if record.attempt.signature in self._in_journal():
            raise Violation(f"{record.attempt.signature} is recorded twice")

    # --------------------------------------------------------------------------------------------------------- chain

    def _landed(self, signature: str) -> None:
        """A fill has a transaction that succeeded; the network may have taken it back since somebody read it.

        What was taken back may have landed again and failed this time. Its fill comes late where the journal kept it while
        the database was away, and its reversal follows; the books are held against the chain at the end.
        """
        if is_paper_name(signature):
            return
        found = self.chain.call("getSignatureStatuses", [signature], {"searchTransactionHistory": True})["value"][0]
        if signature in self._taken_back:
            return
        if found is None or found["err"] is not None:
            raise Violation(f"a fill of {signature} is settled, which is {found} on the chain")

    def blocks(self) -> None:
        """Look at every block since the last time: what our wallets signed, and that no intent succeeds twice."""
        ours = {wallet.address for wallet in self.store._wallets.values()}
        for block in self.chain.cluster.chain.blocks:
            if block.slot <= self._slot:
                continue
            self._slot = block.slot
            for landed in block.transactions:
                if landed.record.account_keys[0] in ours:
                    self._look_at(landed.record.signature, landed.record.error is None)

    def _look_at(self, signature: str, succeeded: bool) -> None:
        if signature in self.outside:
            return
        attempt = self._written(signature)
        if attempt is None:
            raise Violation(f"{signature} of our wallet landed and is no attempt in the books or the journal")
        if attempt.state is AttemptState.EXPIRED:
            raise Violation(f"{signature} landed after it was proven expired")
        intent = self.world.in_charge()._intents.get(attempt.intent_id) or self.store._intents.get(attempt.intent_id)
        ended = TERMINAL - {IntentState.FILLED, IntentState.FAILED}
        if intent is not None and intent.state in ended and signature not in self._taken_back:
            raise Violation(f"{signature} landed for intent {attempt.intent_id}, which had ended without it")
        if succeeded:
            self.landed[attempt.intent_id].add(signature)
            if len(self.landed[attempt.intent_id]) > 1:
                raise Violation(f"intent {attempt.intent_id} has landed by {sorted(self.landed[attempt.intent_id])}")

    def books(self) -> None:
        """What holds of the rows at any moment."""
        for intent in self.store._intents.values():
            if intent.state in TERMINAL and intent.reserved_lamports:
                raise Violation(f"intent {intent.id} is {intent.state} and reserves {intent.reserved_lamports}")
        for entry in self.store.ledger:
            if total := sum(leg.lamports for leg in entry.legs):
                raise Violation(f"the ledger entry of intent {entry.intent_id} sums to {total}")
        for position in self.store._positions.values():
            if position.token_raw < 0 or (position.state is PositionState.OPEN and not position.token_raw):
                raise Violation(f"position {position.id} is {position.state} with {position.token_raw} tokens")
        for why in (*copied_twice(self.store), *descends_from_itself(self.store), *without_outcome(self.store)):
            raise Violation(why)
