"""The trading state in whole sentences: for the head of the tree, and for a user who asks in the chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actors.trading_guard import TradingGuard
from bot.clock import rfc3339_s
from bot.execution.alerts import CANNOT_SELL, GO_ON, LEASE, NOT_FOR_LONG, WAITED_FOR
from bot.ports import Spool
from bot.trading.intent import Context
from bot.trading.runbooks import BACKUP, HALTED, page_for
from bot.trading.trading_state import (
    FROZEN,
    GLOBAL,
    OF_PROGRAM,
    OF_WALLET,
    OUTFLOW,
    Binds,
    Cause,
    Halt,
    in_words,
    scope_of_wallet,
)

FROZEN_SHOWN = 5
FROZEN_TOLD = "Your wallet is frozen: nothing of yours can be sold until you give /ack_outflow."
ONE_FROZEN_TOLD = "A wallet of yours is frozen: nothing in it can be sold or sent until you give /unfreeze with a code."
WHY_LENGTH = 50  # of a cause in the sentence
IN_SHORT = {
    "rpc": "no RPC endpoint is of use; bot status has each one's trouble",
    "stream": "no source of launches is heard; bot status has each one's trouble",
}


@dataclass(frozen=True, slots=True)
class StateWords:
    """`spool` is the journal of exits, None for a store that has none."""

    guard: TradingGuard
    spool: Spool | None

    def line(self, user_id: str, closed_by: str = "") -> str:
        """The first line of the chat's /status; `closed_by` is what else than a pause closes this user's entries."""
        told = self._line(user_id, closed_by)
        return f"{told} {ONE_FROZEN_TOLD}" if self._has_frozen(user_id) else told

    def _line(self, user_id: str, closed_by: str) -> str:
        guard = self.guard
        lead = f"{guard.state}, level {guard.level}"
        if OUTFLOW in guard.covering(user_id, Context.MANUAL_COMMAND):
            return f"{lead}: your wallet is frozen, exits too: SOL left it without this bot; see /ack_outflow."
        if commands := guard.covering(user_id, Context.MANUAL_COMMAND):
            return f"{lead}: entries are paused for you by {in_words(commands)}; {self.exits() or 'exits go on'}."
        if automated := guard.covering(user_id, Context.SNIPER):
            return (
                f"{lead}: what buys by itself, as the sniper, is paused for you by {', '.join(automated)}; your own commands"
                " and exits go on."
            )
        if closed_by:
            return f"{lead}: entries are closed for you: {closed_by}; exits go on."
        programs = self._programs()
        return f"{lead}: entries are open for you{', but for one thing.' if programs else '.'}{programs}"

    def is_frozen(self, user_id: str) -> bool:
        """Whether nothing is signed for this user's wallets until he says that what left was moved by himself."""
        return OUTFLOW in self.guard.covering(user_id, Context.MANUAL_COMMAND)

    def frozen(self, user_id: str) -> str:
        """What a user is told beside everything that speaks of his money, as a sentence; empty while he can sell."""
        if self.is_frozen(user_id):
            return FROZEN_TOLD
        return ONE_FROZEN_TOLD if self._has_frozen(user_id) else ""

    def _has_frozen(self, user_id: str) -> bool:
        """Whether a wallet of this user is frozen until he gives a code."""
        return any(
            one.scope.startswith(scope_of_wallet(user_id, "")) for one in self.guard.causes() if one.name == FROZEN
        )

    def frozen_users(self, handles: Mapping[str, str]) -> str | None:
        """Whose wallets are frozen, in one sentence for operators; `handles` are by user id. None where nobody's is."""
        causes = self.guard.causes()
        by_outflow = [one.scope.removeprefix("user:") for one in causes if one.name == OUTFLOW]
        wallets = [one.scope.removeprefix(OF_WALLET).partition(":")[0] for one in causes if one.name == FROZEN]
        told = []
        if by_outflow:
            told.append(
                f"Frozen by outflow: {_named(by_outflow, handles)}; nothing of theirs is bought or sold until they give"
                f" /ack_outflow, see {page_for(OUTFLOW)}."
            )
        if wallets:
            told.append(
                f"Frozen wallets of: {_named(wallets, handles)}; nothing is signed for those until they give /unfreeze, see"
                f" {page_for(FROZEN)}."
            )
        return " ".join(told) or None

    def _programs(self) -> str:
        """What is bought by nobody because of where it trades, as a further sentence."""
        told = [one for one in self.guard.causes() if one.scope.startswith(OF_PROGRAM)]
        return "".join(
            f" Nothing that trades at {one.scope.removeprefix(OF_PROGRAM)} is bought ({one.name}: {shortened(one.why)})."
            for one in told
        )

    def of_everybody(self) -> str | None:
        """What holds entries of everybody now, since when and what ends it; None where nothing does."""
        if (halt := self.guard.halt) is not None:
            return self._halt_sentence(halt)
        causes = [cause for cause in self.guard.causes() if cause.scope == GLOBAL]
        return self._pause_sentence(causes) if causes else None

    def exits(self) -> str | None:
        """What exits wait for now, or how else than usual they are made; None while they are made as usual."""
        guard = self.guard
        if guard.cannot_sell:
            return CANNOT_SELL
        away = [one.name for one in guard.causes() if one.scope == GLOBAL and guard.ends_at_ms(one) is None]
        waits = next((f"exits wait for {words}" for name, words in WAITED_FOR.items() if name in away), None)
        if waits is None and self.spool is not None and self.spool.spool().trouble is not None:
            waits = "exits wait for a journal that can be written"
        if waits is None and guard.bound and "database" in away:
            return NOT_FOR_LONG
        return waits or next((words for name, words in GO_ON.items() if name in away), None)

    def cannot_sell(self) -> str | None:
        """Why no sale leaves at all; None while one can."""
        return CANNOT_SELL if self.guard.cannot_sell else None

    def kept_where(self) -> str:
        """Where an order is kept that is not in the database yet, as a further sentence; empty where it is."""
        return self.guard.kept_where()

    def _halt_sentence(self, halt: Halt) -> str:
        doing = "what is to be sold is sold" if self.guard.flattened else "every position is being sold"
        if not halt.sells:
            doing = "positions leave by their own exits alone"
        elif self.guard.cannot_sell and not self.guard.flattened:
            doing = CANNOT_SELL
        return (
            f"Halted since {rfc3339_s(halt.since_ms)} by {halt.by} ({halt.why}); {doing}, nothing is bought until an"
            f" operator gives bot rearm; see {HALTED if halt.sells else BACKUP}."
        )

    def _pause_sentence(self, causes: list[Cause]) -> str:
        """The cause that weighs most is told: whose service is still away first, and what binds everybody's entries."""
        guard = self.guard
        first, *others = sorted(
            causes, key=lambda one: (guard.ends_at_ms(one) is not None, one.binds is not Binds.ALL, one.name != LEASE)
        )
        exits = self.exits()
        meanwhile = f"monitors go on, {exits}" if exits else "exits and monitors go on"
        ends_ms = guard.ends_at_ms(first)
        if first.name == "operator":
            ends = "entries open again by bot resume"
        elif ends_ms is not None:
            ends = f"{first.name} is well again, and entries open at {rfc3339_s(ends_ms)} if it stays so"
        else:
            ends = "entries open again by themselves"
        is_for_all = any(one.binds is Binds.ALL for one in causes)
        entries = "Entries" if is_for_all else "Entries of what buys by itself"
        more = f" and {len(others)} more ({', '.join(one.name for one in others)})" if others else ""
        return (
            f"{entries} are paused since {rfc3339_s(first.since_ms)} by {first.name} ({_in_short(first)}){more}, see"
            f" {page_for(first.name)}; {meanwhile}; {ends}."
        )


def _named(ids: list[str], handles: Mapping[str, str]) -> str:
    """The first few of these users by their handles, and how many more there are."""
    named = ", ".join(handles.get(one, "a user") for one in ids[:FROZEN_SHOWN])
    return f"{named} and {len(ids) - FROZEN_SHOWN} more" if len(ids) > FROZEN_SHOWN else named


def _in_short(cause: Cause) -> str:
    """Why a cause pauses: what services say of themselves begins with the troubles of each endpoint, which status lists."""
    return IN_SHORT.get(cause.name) or shortened(cause.why)


def shortened(why: str) -> str:
    """The beginning of a reason, up to the end of a word; the list of causes has the whole of it."""
    if len(why) <= WHY_LENGTH:
        return why
    words, _, _ = why[: WHY_LENGTH - 3].rpartition(" ")
    return f"{(words or why[: WHY_LENGTH - 3]).rstrip(',;:')}..."
