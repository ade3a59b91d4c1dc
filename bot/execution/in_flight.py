"""The sent transactions whose outcome is not proven yet, and a way to wait for it. The rows are the truth; this is a view."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import trio

from bot.trading.intent import Attempt, AttemptState, Intent, Side
from bot.trading.ladder import Tally
from bot.trading.recovery import Absence

ENDED_KEPT = 4_096
LOOK_S = 1.0  # between two looks at whether what should have landed was asked for

SPENDS = frozenset({Side.BUY, Side.WITHDRAW})  # what reserves more than its fee


@dataclass(frozen=True, slots=True)
class LandedError:
    """An attempt landed with an error after which its order may be quoted again, before the attempt is resolved.

    `code` is the program's own, None where no program gave one; `tried` says that somebody has tried since.
    """

    code: int | None
    since_s: float
    tried: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """One attempt that somebody must follow to its end.

    `sent_at_s` is trio time of the last send, None if unknown, infinite for what goes out no more.
    `decided` says that the intent has its fill already, by another attempt: this one is never sent again and only
    followed until it is proven dead. `strange_reads` counts how often it was read and was not the trade of its intent,
    `lone_reads` how often what it did was shown by one endpoint of several alone.
    `error` is the error that it landed with, while its order may still be quoted again. `looked_for_at_s` is when the chain
    was asked for it last, `is_there` what it said then, `has_succeeded` that it has landed without an error.
    """

    intent: Intent
    attempt: Attempt
    address: str
    sent_at_s: float | None = None
    absences: tuple[Absence, ...] = ()
    decided: bool = False
    strange_reads: int = 0
    lone_reads: int = 0
    error: LandedError | None = None
    looked_for_at_s: float | None = None
    is_there: bool = False
    has_succeeded: bool = False


@dataclass(frozen=True, slots=True)
class Stuck:
    """An order whose outcome the books have refused `times` in a row, the last time because of `reason`."""

    intent: Intent
    times: int
    reason: str


@dataclass(slots=True)
class InFlight:
    """Followed attempts by signature, and intents whose maker was interrupted.

    Shared by the executors, which add, and the confirmation watcher, which resolves and takes up. An exit may have
    several attempts. `on_fill` hears the address and the signature of each fill, and may not block or raise.
    """

    on_fill: Callable[[str, str], None] = lambda address, signature: None  # noqa: ARG005
    _followed: dict[str, Followed] = field(default_factory=dict)
    _signatures: dict[str, list[str]] = field(default_factory=dict)  # by intent
    _of_wallets: dict[str, dict[str, None]] = field(default_factory=dict)  # signatures by wallet
    _tallies: dict[str, Tally] = field(default_factory=dict)  # by undecided intent
    _exits: dict[str, Intent] = field(default_factory=dict)  # undecided, by position
    _resolved: dict[str, trio.Event] = field(default_factory=dict)
    _news: dict[str, trio.Event] = field(default_factory=dict)  # by intent that somebody waits for
    _abandoned: set[str] = field(default_factory=set)
    _arrival: trio.Event = field(default_factory=trio.Event)
    _change: trio.Event = field(default_factory=trio.Event)
    _hinted: dict[str, None] = field(default_factory=dict)  # signatures that somebody says have landed
    _hint: trio.Event = field(default_factory=trio.Event)
    stuck: dict[str, Stuck] = field(default_factory=dict)  # by signature, what the database refuses again and again
    _outcomes: Counter[str] = field(default_factory=Counter)  # by wallet
    endings: int = 0  # how many attempts have had their outcome
    _ended: OrderedDict[str, int] = field(default_factory=OrderedDict)  # those of them lately, by signature, numbered

    def follow(self, followed: Followed) -> None:
        """Follow an attempt; one that is followed already keeps its send time and evidence.

        Whoever adopts an order counts what it has signed before with `count`.
        """
        if followed.attempt.signature in self._followed:
            return
        intent = followed.intent
        self._followed[followed.attempt.signature] = followed
        self._signatures.setdefault(intent.id, []).append(followed.attempt.signature)
        self._of_wallets.setdefault(intent.request.wallet_id, {})[followed.attempt.signature] = None
        if not followed.decided:
            self._undecide(intent)
        self._arrival.set()
        self._change.set()

    def count(self, intent_id: str, attempts: Iterable[Attempt]) -> None:
        """Count attempts of an undecided intent: the highest number, and the fees of those that were not proven dead."""
        known = self._tallies.get(intent_id, Tally())
        for row in attempts:
            cost = 0 if row.state is AttemptState.EXPIRED else row.fee_lamports
            known = Tally(max(known.attempts, row.number), known.fee_lamports + cost)
        self._tallies[intent_id] = known

    def tally(self, intent_id: str) -> Tally:
        """What an undecided intent has signed so far."""
        return self._tallies.get(intent_id, Tally())

    def abandon(self, intent_id: str) -> None:
        """Whoever made this intent was interrupted; its row, if there is one, is to be taken up at once."""
        self._abandoned.add(intent_id)
        self._arrival.set()

    def abandoned(self) -> frozenset[str]:
        """Intents that lost their maker and have not been taken up yet."""
        return frozenset(self._abandoned)

    def taken_up(self, intent_ids: Iterable[str]) -> None:
        """The rows of these abandoned intents have been seen to."""
        self._abandoned.difference_update(intent_ids)

    def note(self, signature: str, *, sent_at_s: float | None = None, absences: Iterable[Absence] = ()) -> None:
        """Remember a send or further evidence of absence."""
        if followed := self._followed.get(signature):
            self._followed[signature] = replace(
                followed,
                sent_at_s=followed.sent_at_s if sent_at_s is None else sent_at_s,
                absences=(*followed.absences, *absences),
            )

    def looked_for(self, signature: str, asked_at_s: float, *, is_there: bool, has_succeeded: bool = False) -> None:
        """The chain was asked for an attempt at that moment, and knows it or does not."""
        if followed := self._followed.get(signature):
            self._followed[signature] = replace(
                followed, looked_for_at_s=asked_at_s, is_there=is_there, has_succeeded=has_succeeded
            )

    def hint(self, signature: str) -> None:
        """Somebody says that an attempt has landed: a reason to ask for it now, and for nothing else."""
        if signature in self._followed:
            self._hinted[signature] = None
            self._hint.set()

    def take_hints(self) -> list[str]:
        """The attempts that are to be asked for because of a hint, each once."""
        hinted = [signature for signature in self._hinted if signature in self._followed]
        self._hinted.clear()
        return hinted

    async def hints(self) -> None:
        """Wait until there is a hint."""
        if not self._hinted:
            self._hint = trio.Event()
            await self._hint.wait()

    def unseen(self) -> list[str]:
        """The followed attempts that are not known to have landed well: sales before purchases, then the newest first."""
        waiting = [one for one in reversed(self._followed.values()) if not one.has_succeeded and one.error is None]
        waiting.sort(key=lambda one: one.intent.request.side is not Side.SELL)
        return [one.attempt.signature for one in waiting]

    async def changed(self) -> None:
        """Wait until others are followed than before."""
        await self._change.wait()
        self._change = trio.Event()

    def is_missing(self, intent_id: str, since_s: float) -> bool:
        """Whether none of an intent's attempts was there when the chain was asked for it at that moment or later."""
        return all(
            one.looked_for_at_s is not None and one.looked_for_at_s >= since_s and not one.is_there
            for one in self.attempts_of(intent_id)
        )

    def is_there(self, intent_id: str) -> bool:
        """Whether the chain showed one of an intent's attempts when it was asked for it last: it is only to be settled."""
        return any(one.is_there and one.error is None for one in self.attempts_of(intent_id))

    def read_again(self, signature: str) -> int:
        """Count one more reading of a landed transaction that is not the trade of its intent; how many there were."""
        followed = self._followed[signature]
        self._followed[signature] = replace(followed, strange_reads=followed.strange_reads + 1)
        return followed.strange_reads + 1

    def read_alone(self, signature: str) -> int:
        """Count one more reading of a landed transaction that one endpoint alone shows; how many there were."""
        followed = self._followed[signature]
        self._followed[signature] = replace(followed, lone_reads=followed.lone_reads + 1)
        return followed.lone_reads + 1

    def landed_with_error(self, signature: str, code: int | None) -> None:
        """Whoever follows this order may sign it again now; its intent goes on with that, and ends without."""
        followed = self._followed[signature]
        self._followed[signature] = replace(followed, error=LandedError(code, trio.current_time()))
        self._tell(followed.intent.id)

    def to_quote_again(self, intent_id: str) -> LandedError | None:
        """The error after which nobody has tried this order again yet."""
        errors = (one.error for one in self.attempts_of(intent_id))
        return next((error for error in errors if error is not None and not error.tried), None)

    def tried_again(self, intent_id: str) -> None:
        """Somebody has tried to sign this order again, whatever came of it."""
        for one in self.attempts_of(intent_id):
            if one.error is not None:
                self._followed[one.attempt.signature] = replace(one, error=replace(one.error, tried=True))

    def refused(self, intent: Intent, signature: str, reason: str) -> int:
        """The books refused an attempt's outcome; how many times in a row. It is followed again by its rows."""
        before = self.stuck.get(signature)
        times = 1 if before is None else before.times + 1
        self.stuck[signature] = Stuck(intent, times, reason)
        return times

    def resolve(self, signature: str) -> None:
        """The attempt's outcome is in the database; with an intent's last one, wake whoever waits for the intent."""
        followed = self._forget(signature)
        if followed is not None and followed.intent.id not in self._signatures:
            self._decide(followed.intent)

    def filled(self, signature: str) -> None:
        """The attempt's fill is in the database: its intent is decided, and its other attempts are only to be proven dead."""
        self.stuck.pop(signature, None)
        followed = self._forget(signature)
        if followed is not None:
            for other in self.attempts_of(followed.intent.id):
                self._followed[other.attempt.signature] = replace(other, decided=True)
            self._decide(followed.intent)
            self.on_fill(followed.address, signature)

    def reopen(self, intent: Intent) -> None:
        """The network took the fill of an intent back: whichever of its attempts lands now fills it.

        Those that are followed already are not only to be proven dead any more; whoever adopts it follows the others.
        """
        self._outcomes[intent.request.wallet_id] += 1
        for other in self.attempts_of(intent.id):
            self._followed[other.attempt.signature] = replace(other, intent=intent, decided=False)
            self.count(intent.id, [other.attempt])
            self._undecide(intent)

    def owes_buy(self, wallet_id: str, mint: str) -> bool:
        """Whether a buy of this mint by this wallet, landed or taken back by the network, is settled before any sale of it."""
        return any(
            (followed.attempt.rollbacks or followed.has_succeeded)
            and followed.intent.request.side is Side.BUY
            and followed.intent.request.mint == mint
            for followed in self._of_wallet(wallet_id)
        )

    def _undecide(self, intent: Intent) -> None:
        """Somebody may wait for this intent, and its position has an exit on its way where it is one."""
        self._resolved.setdefault(intent.id, trio.Event())
        if intent.request.side is Side.SELL and intent.request.position_id is not None:
            self._exits[intent.request.position_id] = intent

    def has_ended(self, signature: str, after: int = 0) -> bool:
        """Whether these bytes had their outcome lately, `after` so many endings."""
        return self._ended.get(signature, 0) > after and signature not in self._followed

    def _forget(self, signature: str) -> Followed | None:
        self.endings += 1
        self._ended[signature] = self.endings
        if len(self._ended) > ENDED_KEPT:
            self._ended.popitem(last=False)
        followed = self._followed.pop(signature, None)
        if followed is not None:
            self._change.set()
            wallet_id = followed.intent.request.wallet_id
            self._outcomes[wallet_id] += 1
            del self._of_wallets[wallet_id][signature]
            if not self._of_wallets[wallet_id]:
                del self._of_wallets[wallet_id]
            signatures = self._signatures[followed.intent.id]
            signatures.remove(signature)
            if not signatures:
                del self._signatures[followed.intent.id]
        return followed

    def _decide(self, intent: Intent) -> None:
        position_id = intent.request.position_id
        if position_id is not None and (known := self._exits.get(position_id)) is not None and known.id == intent.id:
            del self._exits[position_id]
        self._tallies.pop(intent.id, None)
        self._tell(intent.id)
        event = self._resolved.pop(intent.id, None)
        if event is not None:
            event.set()

    def _tell(self, intent_id: str) -> None:
        event = self._news.pop(intent_id, None)
        if event is not None:
            event.set()

    def all(self, only: Iterable[str] | None = None) -> list[Followed]:
        """What is followed now, oldest first; `only` those of these signatures that are, in their order."""
        if only is None:
            return list(self._followed.values())
        return [self._followed[one] for one in only if one in self._followed]

    def of(self, signature: str) -> Followed | None:
        """What is known of an attempt now; None when it is not followed any more."""
        return self._followed.get(signature)

    def attempts_of(self, intent_id: str) -> list[Followed]:
        """The followed attempts of one intent, oldest first."""
        return [self._followed[signature] for signature in self._signatures.get(intent_id, ())]

    def is_last_hope(self, entry: Followed) -> bool:
        """Whether no other attempt of an undecided intent is younger: then the intent itself is unknown with it."""
        heights = [other.attempt.last_valid_block_height for other in self.attempts_of(entry.intent.id)]
        return not entry.decided and entry.attempt.last_valid_block_height >= max(heights, default=0)

    def exit_of(self, position_id: str) -> Intent | None:
        """The exit of a position that is on its way, if one is; a sale by hand is its user's own affair."""
        return self._exits.get(position_id)

    def _of_wallet(self, wallet_id: str) -> list[Followed]:
        """What is followed of one wallet, oldest first: of a thousand exits each asks for its own."""
        return [self._followed[signature] for signature in self._of_wallets.get(wallet_id, ())]

    def buys(self, wallet_id: str, mint: str) -> bool:
        """Whether a buy of this mint by this wallet may still land."""
        entries = self._of_wallet(wallet_id)
        return any((one.intent.request.mint, one.intent.request.side) == (mint, Side.BUY) for one in entries)

    def coming(self, wallet_id: str) -> set[str]:
        """The mints of a wallet's undecided buys."""
        entries = [one.intent.request for one in self._of_wallet(wallet_id) if not one.decided]
        return {request.mint for request in entries if request.side is Side.BUY}

    def outcomes(self, wallet_id: str) -> int:
        """How many attempts of a wallet have had their outcome, or lost it again: what it holds may differ since."""
        return self._outcomes[wallet_id]

    def follows(self, wallet_id: str) -> bool:
        """Whether anything of a wallet is followed, decided or not."""
        return wallet_id in self._of_wallets

    def may_take(self, wallet_id: str) -> int:
        """The most lamports that what is on its way may still take from a wallet; what sales bring is not counted."""
        entries = self._of_wallet(wallet_id)
        spends = {one.intent.id: one.intent for one in entries if one.intent.request.side in SPENDS}
        fees = sum(one.attempt.fee_lamports for one in entries if one.intent.request.side not in SPENDS)
        return fees + sum(intent.reserved_lamports for intent in spends.values())

    def wallet_ids(self) -> frozenset[str]:
        """Wallets with something undecided."""
        return frozenset(one.intent.request.wallet_id for one in self._followed.values() if not one.decided)

    def is_undecided(self, intent_id: str) -> bool:
        """Whether this intent is on its way."""
        return intent_id in self._resolved

    async def resolved(self, intent_id: str) -> None:
        """Wait until the intent is decided; returns at once for one that is not followed."""
        event = self._resolved.get(intent_id)
        if event is not None:
            await event.wait()

    async def news(self, intent_id: str) -> None:
        """Wait until the intent is decided, or is to be quoted again; returns at once for one that is not followed."""
        while intent_id in self._resolved and self.to_quote_again(intent_id) is None:
            await self._news.setdefault(intent_id, trio.Event()).wait()

    async def given_time(self, intent_id: str, slots_s: float) -> None:
        """Until there are news of an intent, or its bytes had their slots and were then asked for in vain.

        What nobody has asked for yet is not missing, and neither is what the chain shows. Where the chain cannot be asked,
        twice the slots are enough.
        """
        began_s = trio.current_time()
        with trio.move_on_after(slots_s):
            await self.news(intent_id)
            return
        while not self.is_missing(intent_id, began_s + slots_s - LOOK_S):
            if trio.current_time() >= began_s + 2 * slots_s and not self.is_there(intent_id):
                return
            with trio.move_on_after(LOOK_S):
                await self.news(intent_id)
                return

    async def arrival(self) -> None:
        """Wait until there is something to follow or to take up."""
        if not self._followed and not self._abandoned:
            self._arrival = trio.Event()
            await self._arrival.wait()
