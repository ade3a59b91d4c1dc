"""Holds the books of a stopped data directory against its chain and says in words whatever does not fit.

The chain decides: every rule starts from what the chain shows of a wallet, or from a sum that must come out. Run it by
hand with `python -m tests.whole.audit DIRECTORY`.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bot.trading.intent import IN_FLIGHT, TERMINAL
from tests.whole.audit_untraded import (
    closings_bring_back_rent,
    swept_positions_follow_their_sweeps,
    withdrawals_take_what_was_asked,
)
from tests.whole.real_evidence import Books, Evidence, Landed, Row, WalletOnChain, read_books, read_evidence

LIVE = "live"
UNTRADED = ("close", "withdraw")
UNFINISHED_RUNS = ("ANALYZED", "MONITORING", "EXECUTING", "UNKNOWN")
# What a snipe run says once its buy has ended.
# A cancelled buy never left: it could not be made, or was not worth it (an unsafe token, a quote beyond the slippage).
RUN_OF_INTENT = {
    "filled": {"COMPLETED"},
    "failed": {"FAILED"},
    "cancelled": {"FAILED", "SKIPPED"},
    "expired": {"EXPIRED"},
}


def audit(directory: Path, *, unresolved: bool = False) -> list[str]:
    """The findings for a data directory on which no bot runs, empty when all is well.

    `unresolved` allows for intents that were on their way when the bot was stopped: what belongs to them is then
    neither asked for nor refused.
    """
    books = read_books(directory)
    return findings(books, read_evidence(directory, [row["address"] for row in books.wallets]), unresolved=unresolved)


def findings(books: Books, evidence: Evidence, *, unresolved: bool = False) -> list[str]:
    """What does not fit between these books and this chain."""
    case = Case(books, evidence, unresolved)
    return [finding for rule in RULES for finding in rule(case)]


@dataclass(frozen=True)
class Case:
    """Books and evidence with the look-ups that the rules share."""

    books: Books
    evidence: Evidence
    unresolved: bool

    @cached_property
    def intents(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.books.intents}

    @cached_property
    def intent_of(self) -> dict[str, Row]:
        """The intent of each attempt's signature."""
        return {row["signature"]: self.intents[row["intent_id"]] for row in self.books.attempts}

    @cached_property
    def trades(self) -> dict[str, Row]:
        return {row["signature"]: row for row in self.books.trades}

    @cached_property
    def signed(self) -> dict[str, tuple[Row, Landed]]:
        """Each landed transaction that one of our wallets signed, by signature, with that wallet."""
        return {
            landed.signature: (wallet, landed)
            for wallet, shown in self.wallets()
            for landed in shown.landed
            if landed.signed
        }

    @cached_property
    def landed(self) -> dict[tuple[str, str], Landed]:
        """Each transaction that touched one of our wallets, by that wallet's id and its signature."""
        return {(wallet["id"], one.signature): one for wallet, shown in self.wallets() for one in shown.landed}

    @cached_property
    def legs(self) -> dict[int, Counter[str]]:
        """The lamports of each ledger entry by account."""
        legs: dict[int, Counter[str]] = defaultdict(Counter)
        for leg in self.books.legs:
            legs[leg["entry_id"]][leg["account"]] += leg["lamports"]
        return legs

    @cached_property
    def booked(self) -> Counter[tuple[str, str]]:
        """What the entries of each transaction changed in a wallet, by that wallet's id and the signature."""
        booked: Counter[tuple[str, str]] = Counter()
        for entry in self.books.entries:
            if entry["signature"] is not None:
                booked[entry["wallet_id"], entry["signature"]] += self.legs[entry["id"]]["wallet"]
        return booked

    @cached_property
    def outflows(self) -> set[str]:
        """Signatures of what left our wallets without us, as the books say."""
        return {entry["signature"] for entry in self.books.entries if entry["kind"] in {"outflow", "adjustment"}}

    @cached_property
    def moved_outside(self) -> set[str]:
        """Positions of which somebody else's transaction took tokens, as the books say with that as evidence."""
        adjusted = (entry for entry in self.books.entries if entry["kind"] == "adjustment" and entry["signature"])
        return {entry["position_id"] for entry in adjusted}

    def wallets(self) -> Iterator[tuple[Row, WalletOnChain]]:
        """Those that the chain knows: what a virtual wallet holds stands in the books alone."""
        for wallet in self.books.wallets:
            if wallet["mode"] == LIVE:
                yield wallet, self.evidence.wallets[wallet["address"]]

    @cached_property
    def virtual(self) -> set[str]:
        """The ids of wallets whose orders never leave."""
        return {wallet["id"] for wallet in self.books.wallets if wallet["mode"] != LIVE}

    def pending(self, signature: str) -> bool:
        """Whether this transaction belongs to an intent that was allowed to be on its way."""
        intent = self.intent_of.get(signature)
        return self.unresolved and intent is not None and intent["state"] in IN_FLIGHT

    def pending_mints(self, wallet_id: str) -> set[str]:
        """Mints of which this wallet was allowed to have an intent on its way."""
        return {
            row["mint"]
            for row in self.books.intents
            if self.unresolved and row["wallet_id"] == wallet_id and row["state"] in IN_FLIGHT
        }


def one_chain(case: Case) -> Iterator[str]:
    if case.books.genesis_hash != case.evidence.genesis_hash:
        yield f"the books belong to chain {case.books.genesis_hash}, this is chain {case.evidence.genesis_hash}"


def positions_equal_balances(case: Case) -> Iterator[str]:
    for wallet, shown in case.wallets():
        booked: Counter[str] = Counter()
        for row in case.books.positions:
            if row["wallet_id"] == wallet["id"] and row["state"] == "open":
                booked[row["mint"]] += row["token_raw"]
        for mint in (set(booked) | set(shown.tokens)) - case.pending_mints(wallet["id"]):
            held = shown.tokens.get(mint, 0)
            if held != booked[mint]:
                yield f"wallet {wallet['address']} holds {held} of {mint}, its open positions say {booked[mint]}"


def no_lost_fill(case: Case) -> Iterator[str]:
    """Every landed, successful transaction of ours is one trade that says the same."""
    for signature, (wallet, landed) in case.signed.items():
        trade = case.trades.get(signature)
        if signature in case.outflows:
            continue
        if signature not in case.intent_of:
            yield f"{signature} was signed by wallet {wallet['address']} and is no attempt in the books"
        elif not landed.succeeded or case.pending(signature):
            continue
        elif case.intent_of[signature]["side"] in UNTRADED:
            continue  # `closings_bring_back_rent` and `withdrawals_take_what_was_asked` look at it
        elif not landed.on_launchpad:
            yield f"{signature} of wallet {wallet['address']} is no trade on the launchpad"
        elif trade is None:
            yield f"lost fill: {signature} moved {dict(landed.tokens)} of wallet {wallet['address']}, no trade tells of it"
        else:
            yield from _trade_differs(trade, wallet, landed)


def _trade_differs(trade: Row, wallet: Row, landed: Landed) -> Iterator[str]:
    moved = trade["token_raw"] if trade["side"] == "buy" else -trade["token_raw"]
    booked = (trade["wallet_id"], {trade["mint"]: moved}, trade["wallet_delta_lamports"], trade["slot"])
    shown = (wallet["id"], dict(landed.tokens), landed.lamports, landed.slot)
    if booked != shown:
        yield f"trade {trade['signature']} says {booked}, the chain shows {shown}"


def no_invented_fill(case: Case) -> Iterator[str]:
    for signature, trade in case.trades.items():
        landed = case.signed.get(signature)
        if trade["wallet_id"] not in case.virtual and (landed is None or not landed[1].succeeded):
            yield f"invented fill: trade {signature} of {trade['mint']} did not land"
        if case.intents[trade["intent_id"]]["state"] != "filled":
            yield f"trade {signature} belongs to intent {trade['intent_id']}, which is not filled"
    traded = {trade["intent_id"] for trade in case.books.trades}
    for intent in case.books.intents:
        if intent["state"] == "filled" and intent["side"] not in UNTRADED and intent["id"] not in traded:
            yield f"intent {intent['id']} is filled and has no trade"


def virtual_wallets_sign_nothing(case: Case) -> Iterator[str]:
    for wallet in case.books.wallets:
        for landed in case.evidence.wallets[wallet["address"]].landed if wallet["id"] in case.virtual else ():
            if landed.signed:
                yield f"{landed.signature} of the virtual wallet {wallet['address']} landed"


def one_landed_attempt_per_intent(case: Case) -> Iterator[str]:
    landed = Counter(
        case.intent_of[signature]["id"]
        for signature, (_, one) in case.signed.items()
        if one.succeeded and signature in case.intent_of
    )
    for intent_id, count in landed.items():
        if count > 1:
            yield f"{count} attempts of intent {intent_id} landed"


def one_buy_per_snipe(case: Case) -> Iterator[str]:
    """A user, a mint and an epoch are one decision to snipe, whatever was killed in between."""
    epochs = {row["id"]: row["epoch"] for row in case.books.runs}
    bought = Counter(
        (row["user_id"], row["mint"], epochs.get(row["causation_id"]))
        for row in case.books.intents
        if row["context"] == "sniper" and row["side"] == "buy" and row["state"] == "filled"
    )
    for (user_id, mint, epoch), count in bought.items():
        if count > 1:
            yield f"user {user_id} bought {mint} {count} times for one snipe of epoch {epoch}"


def ledger_balances(case: Case) -> Iterator[str]:
    """Each entry sums to zero, and those that name a transaction say what that changed in its wallet.

    One that the network took back was reversed: then its entries are worth nothing, unless it landed again.
    """
    for entry in case.books.entries:
        if total := sum(case.legs[entry["id"]].values()):
            yield f"the legs of ledger entry {entry['id']} sum to {total} lamports"
    for (wallet_id, signature), booked in case.booked.items():
        if wallet_id in case.virtual:
            continue
        landed = case.landed.get((wallet_id, signature))
        if landed is None and booked:
            yield f"the ledger moves {booked} lamports of a wallet by {signature}, which did not land"
        elif landed is not None and landed.lamports != booked and not case.pending(signature):
            yield f"{landed.signature} changed the wallet by {landed.lamports} lamports, the ledger says {booked}"


def ledger_explains_the_wallets(case: Case) -> Iterator[str]:
    """A wallet's entries sum to what it holds, but for what landed and nobody has looked at yet.

    An order of ours that is settled has its entry. What others put in before the books began is in the opening.
    """
    for wallet, shown in case.wallets():
        entries = [entry for entry in case.books.entries if entry["wallet_id"] == wallet["id"]]
        named = {entry["signature"] for entry in entries if case.booked.get((wallet["id"], entry["signature"]))}
        opened = next((entry["slot"] for entry in entries if entry["kind"] == "opening"), -1)
        explained = sum(case.legs[entry["id"]]["wallet"] for entry in entries)
        for landed in shown.landed:
            if landed.signature in named:
                continue
            if landed.signature in case.intent_of and not case.pending(landed.signature):
                yield f"{landed.signature} changed the wallet by {landed.lamports} lamports, the ledger has no entry of it"
            elif landed.slot > opened or landed.signature in case.intent_of:
                explained += landed.lamports
        if explained != shown.lamports:
            yield f"wallet {wallet['address']} has {shown.lamports} lamports, its ledger explains {explained}"


def ledger_follows_positions(case: Case) -> Iterator[str]:
    """What a closed position gained is what its entries left in the wallet, and nothing of it stands at cost."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    adjusted = {entry["position_id"] for entry in case.books.entries if entry["kind"] == "adjustment"}
    for entry in case.books.entries:
        if entry["position_id"] is not None:
            sums[entry["position_id"]].update(case.legs[entry["id"]])
    for row in case.books.positions:
        accounts, cost = sums[row["id"]], sums[row["id"]]["tokens"]
        if cost < 0 or (row["state"] == "closed" and cost):
            yield f"position {row['id']} is {row['state']} and stands at {cost} lamports"
        gained = accounts["wallet"] + accounts["rent"]
        if row["state"] == "closed" and row["id"] not in adjusted and gained != row["realized_lamports"]:
            yield f"position {row['id']} realised {row['realized_lamports']} lamports, its ledger left {gained}"


def every_intent_ended(case: Case) -> Iterator[str]:
    for intent in case.books.intents:
        if intent["state"] in IN_FLIGHT and not case.unresolved:
            yield f"intent {intent['id']} is still {intent['state']}"
        if intent["state"] in TERMINAL and intent["reserved_lamports"]:
            yield f"intent {intent['id']} is {intent['state']} and still reserves {intent['reserved_lamports']} lamports"


def positions_follow_their_trades(case: Case) -> Iterator[str]:
    held: Counter[str] = Counter()
    realized: Counter[str] = Counter()
    for trade in case.books.trades:
        held[trade["position_id"]] += trade["token_raw"] if trade["side"] == "buy" else -trade["token_raw"]
        realized[trade["position_id"]] += trade["realized_lamports"]
    for row in case.books.adjustments:
        if row.get("sweep_id") is not None:
            held[row["position_id"]] -= row["before_token_raw"] - row["after_token_raw"]
    for row in case.books.positions:
        if row["id"] in case.moved_outside:
            continue
        if row["token_raw"] != held[row["id"]]:
            yield f"position {row['id']} has {row['token_raw']} tokens, its trades leave {held[row['id']]}"
        if row["realized_lamports"] != realized[row["id"]]:
            yield f"position {row['id']} realised {row['realized_lamports']}, its trades {realized[row['id']]} lamports"


def nothing_was_adjusted(case: Case) -> Iterator[str]:
    """Nobody but the bot moves these wallets' tokens: every adjustment but that of a sweep was wrong when it was written."""
    for row in case.books.adjustments:
        if row.get("sweep_id") is None:
            yield f"position {row['position_id']} was adjusted: {row['evidence']}"


def runs_follow_their_buys(case: Case) -> Iterator[str]:
    buys = {
        row["causation_id"]: row for row in case.books.intents if row["context"] == "sniper" and row["side"] == "buy"
    }
    for run in case.books.runs:
        intent = buys.get(run["id"])
        wanted = RUN_OF_INTENT.get(intent["state"]) if intent is not None else None
        if wanted is not None and run["status"] not in wanted:
            yield f"snipe run {run['id']} is {run['status']}, its buy ended as {intent['state'] if intent else None}"
        elif wanted is None and run["status"] in UNFINISHED_RUNS and not case.unresolved:
            yield f"snipe run {run['id']} is still {run['status']}"


def every_fill_is_told(case: Case) -> Iterator[str]:
    """Once for each time that it settled, and once for each time that the network took it back."""
    fills = Counter(row["trace_id"] for row in case.books.messages if row["kind"] == "fill")
    backs = Counter(row["trace_id"] for row in case.books.messages if row["kind"] == "rolled_back")
    reversed_ = Counter(row["intent_id"] for row in case.books.reversals)
    for trade in case.books.trades:
        told, wanted = fills[trade["intent_id"]], 1 + reversed_[trade["intent_id"]]
        if told != wanted:
            yield f"trade {trade['signature']} has {told} messages to its user, not {wanted}"
    for intent_id, count in reversed_.items():
        if backs[intent_id] < count:
            yield f"intent {intent_id} was taken back {count} times, its user was told {backs[intent_id]} times"


RULES: tuple[Callable[[Case], Iterator[str]], ...] = (
    one_chain,
    positions_equal_balances,
    no_lost_fill,
    no_invented_fill,
    virtual_wallets_sign_nothing,
    closings_bring_back_rent,
    withdrawals_take_what_was_asked,
    swept_positions_follow_their_sweeps,
    one_landed_attempt_per_intent,
    one_buy_per_snipe,
    ledger_balances,
    ledger_explains_the_wallets,
    ledger_follows_positions,
    every_intent_ended,
    positions_follow_their_trades,
    nothing_was_adjusted,
    runs_follow_their_buys,
    every_fill_is_told,
)


if __name__ == "__main__":
    found = audit(Path(sys.argv[1]))
    print("\n".join(found) or "no findings")
    sys.exit(1 if found else 0)
