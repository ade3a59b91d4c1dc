"""What an operator must hear, as short plain records: what happened, what the bot does about it, and which page helps.

Alerts are about this moment. They are not kept in the database, because the database may be what they are about; what
is still wrong after a restart is told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bot.clock import rfc3339_s
from bot.ports import Wallet, WalletMove
from bot.trading.intent import Intent
from bot.trading.position import Position
from bot.trading.runbooks import BACKUP, EXITS, FINALITY, HALTED, LEDGER, QUARANTINED, STANDBY, page_for
from bot.trading.trading_state import Binds, Cause, Halt
from bot.trading.units import counted, format_sol

# Services without which nothing can be sold either, and those without which it is done in another way.
WAITED_FOR = {"rpc": "a route to the chain", "vault": "the vault to answer"}
GO_ON = {"database": "exits go on from memory"}
SIGNATURES_NAMED = 5  # of one alert
LEASE = "lease"  # the cause that stands while the lease has run out and another bot waits to take it
CANNOT_SELL = f"nothing can be sold until the database answers, because another bot waits to lead; see {STANDBY}"
NOT_FOR_LONG = "exits go on from memory for some seconds only, because another bot waits to lead"


class Turn(Enum):
    """Whether something begins that will end, ends, or simply happened."""

    BEGINS = auto()
    ENDS = auto()
    HAPPENED = auto()


@dataclass(frozen=True, slots=True)
class Alert:
    """`key` names what it is about: of one key at most one alert a minute is told. `urgent` ones wait for nothing first.

    A user is named in `text` as `user ID`; whoever reads it sees his handle, the log has the id. `is_news` is good to know and no
    trouble.
    """

    key: str
    text: str
    page: str
    turn: Turn = Turn.HAPPENED
    urgent: bool = False
    is_news: bool = False


def paused(cause: Cause, *, bound: bool = False) -> Alert:
    """A cause pauses entries for everybody; `bound`: another bot waits to lead, and exits cannot do without the database."""
    if cause.name == LEASE:
        return _cannot_sell(cause)
    whose = "Entries are" if cause.binds is Binds.ALL else "What buys by itself is"
    waits = f"exits wait for {WAITED_FOR[cause.name]}" if cause.name in WAITED_FOR else "so do exits"
    exits = NOT_FOR_LONG if bound and cause.name in GO_ON else GO_ON.get(cause.name, waits)
    text = f"{whose} paused by {cause.name} ({cause.why}). Monitors go on, {exits}."
    return Alert(cause.name, text, page_for(cause.name), Turn.BEGINS)


def _cannot_sell(cause: Cause) -> Alert:
    text = (
        f"Nothing can be bought or sold, by nobody: {cause.why}. Monitors look on. Make the database answer, whoever can reach"
        " it first leads then; nothing else helps but ending the other bot before the next time."
    )
    return Alert(LEASE, text, STANDBY, Turn.BEGINS, urgent=True)


def still_paused(cause: Cause, dwell_s: int) -> Alert:
    """A pause that an earlier process left behind; whether its service is away now is not known yet."""
    text = (
        f"Entries are still paused by {cause.name}, which was away when the last process ended ({cause.why}); they open when"
        f" it has been well for {dwell_s} s. Monitors and exits go on."
    )
    return Alert(cause.name, text, page_for(cause.name), Turn.BEGINS)


def spool_trouble(why: str) -> Alert:
    """The journal of exits cannot be written, or does not fit the database."""
    return Alert("spool", why, page_for("database"), urgent=True)


def pause_over(name: str, left: Sequence[str]) -> Alert:
    """A cause is over; `left` are the names of those that still pause."""
    state = f"still paused by {', '.join(left)}" if left else "nothing else pauses entries"
    return Alert(name, f"The pause by {name} is over; {state}.", page_for(name), Turn.ENDS)


def halted(halt: Halt, *, cannot_sell: bool = False) -> Alert:
    """Level 3: a halt was latched, now or by an earlier process."""
    selling = f"but {CANNOT_SELL}; then every position is" if cannot_sell else "and every position is being"
    what = (
        f"{selling} sold, except where its owner chose to hold" if halt.sells else "and positions keep their own exits"
    )
    text = f"Halted by {halt.cause} ({halt.why}). Nothing is bought {what}. Only bot rearm ends it."
    return Alert("halt", text, HALTED if halt.sells else BACKUP, Turn.BEGINS, urgent=True)


def outflow(wallet: Wallet, moves: Sequence[WalletMove]) -> Alert:
    """Transactions took a wallet's key that our vault did not sign: SOL or tokens left it, or it paid a fee; oldest first.

    It stands until the wallet's user says that it was he: what leaves meanwhile is no other alert.
    """
    left_lamports = -sum(min(move.lamports, 0) for move in moves)
    came_lamports = sum(max(move.lamports, 0) for move in moves)
    mints = sorted({mint for move in moves for mint, raw in move.token_raw.items() if raw < 0})
    what = [f"{format_sol(left_lamports)} SOL"] if left_lamports or not mints else []
    what += [f"tokens of {mint}" for mint in mints]
    brought = f", for which {format_sol(came_lamports)} SOL came in," if came_lamports else ""
    signatures = [move.signature for move in moves]
    named = ", ".join(signatures[:SIGNATURES_NAMED])
    more = len(signatures) - SIGNATURES_NAMED
    by = (
        f"{named} and {more} more, which were"
        if more > 0
        else f"{named}, which {'was' if len(signatures) == 1 else 'were'}"
    )
    text = (
        f"{' and '.join(what)} left wallet {wallet.address} of user {wallet.user_id}{brought} by {by} not signed here."
        " It is in the books, as is whatever leaves after it, and the wallet is frozen, its exits too, until its owner says"
        " that it was he."
    )
    return Alert(f"outflow {wallet.user_id}", text, LEDGER, Turn.BEGINS, urgent=True)


def outflow_over(user_id: str) -> Alert:
    """A user says that it was he who moved what left his wallet."""
    text = f"What left the wallet of user {user_id} was moved by himself, he says; it is not frozen any more."
    return Alert(f"outflow {user_id}", text, LEDGER, Turn.ENDS)


def outflow_was_ours(user_id: str) -> Alert:
    """A journal that came later proves all of it."""
    text = (
        f"What left the wallet of user {user_id} was sold by this bot after all, whose records of it came later; it is not"
        " frozen any more."
    )
    return Alert(f"outflow {user_id}", text, LEDGER, Turn.ENDS)


def ledger_mismatch(wallet: Wallet, missing_sol: str) -> Alert:
    """The ledger does not explain what a wallet holds."""
    text = (
        f"The ledger of wallet {wallet.address} of user {wallet.user_id} does not explain what it holds:"
        f" {missing_sol} SOL are in no entry and in no transaction that the chain's history shows. Nobody is paused by it."
    )
    return Alert(f"ledger_mismatch {wallet.id}", text, LEDGER, Turn.BEGINS)


def uncompared(wallet: Wallet, since_ms: int, why: str) -> Alert:
    """Nobody could say for a while what a wallet holds, so that what leaves it would not be found."""
    text = (
        f"Wallet {wallet.address} of user {wallet.user_id} could not be compared with the chain since {rfc3339_s(since_ms)}"
        f" ({why}). He buys nothing until it is; what leaves the wallet is not found meanwhile. Exits go on."
    )
    return Alert(f"uncompared {wallet.user_id}", text, LEDGER, Turn.BEGINS)


def uncompared_over(wallet: Wallet) -> Alert:
    """A wallet was compared again."""
    text = f"Wallet {wallet.address} of user {wallet.user_id} is compared with the chain again."
    return Alert(f"uncompared {wallet.user_id}", text, LEDGER, Turn.ENDS)


def ledger_exact(wallet: Wallet) -> Alert:
    """The ledger explains a wallet again."""
    return Alert(f"ledger_mismatch {wallet.id}", f"The ledger of wallet {wallet.address} is exact.", LEDGER, Turn.ENDS)


def took_over(before: str, epoch: int, *, in_order: bool, unwatched_ms: int | None) -> Alert:
    """Another bot led before this one, and was stopped `in_order` or gave no sign of life any more.

    `unwatched_ms` is how long nobody looked after positions; None while nobody does yet.
    """
    end = "which was stopped in order" if in_order else "which gave no sign of life any more; look why"
    if unwatched_ms is None:
        watched = "Positions are not watched yet: bot status says what that waits for"
    else:
        watched = f"Positions were unwatched for {unwatched_ms / 1000:.1f} s and are watched again"
    text = f"This bot leads now, epoch {epoch}, in place of {before}, {end}. {watched}. Nobody stands by for it yet."
    return Alert("took_over", text, STANDBY, urgent=True)


def halt_brought(halt: Halt, name: str) -> Alert:
    """A bot that led before and waits now had a halt on its disk that the database did not know."""
    text = (
        f"The halt by {halt.cause} ({halt.why}), latched {rfc3339_s(halt.since_ms)} by {halt.by}, was on the disk of {name}"
        " alone while the database was away. Nobody has ended it, so that it holds now."
    )
    return Alert("halt_brought", text, STANDBY, urgent=True)


def order_overtaken(told: str) -> Alert:
    """What a person ordered lay on the disk of a bot that leads no more; `told` says what and what is to be done."""
    return Alert("order_overtaken", told, STANDBY, urgent=True)


def brought_left_out(name: str, why: str) -> Alert:
    """A record from the journal of a bot that waits does not fit the database."""
    text = (
        f"A record from the journal of {name} contradicts the database ({why}) and is left out; what is held follows the"
        " chain. That bot keeps its journal as a file."
    )
    return Alert("brought_left_out", text, STANDBY, urgent=True)


def loss_flatten(user_id: str, why: str) -> Alert:
    """Level 3 for one user: the loss was reached at which he, or the operator for everybody, wants everything sold."""
    text = f"Everything of user {user_id} is being sold: {why}. He buys nothing until he gives /resume; nobody else is touched."
    return Alert(f"loss_flatten {user_id}", text, HALTED, urgent=True)


def flattened(unsellable: int) -> Alert:
    """A halt has sold what was to be sold, except for what cannot be sold: that goes on being tried."""
    left = (
        f"{counted(unsellable, 'position')} cannot be sold, and it is tried again"
        if unsellable
        else "Nothing is left to sell"
    )
    return Alert("flattened", f"{left}; the bot stays halted until bot rearm.", HALTED)


def rearmed(by: str, left: Sequence[str]) -> Alert:
    """An operator ended the halt."""
    state = f"still paused by {', '.join(left)}" if left else "entries are open"
    return Alert("halt", f"Rearmed by {by}; {state}.", HALTED, Turn.ENDS, urgent=True)


def quarantined(path: str, reason: str) -> Alert:
    """A child of a dynamic supervisor used up its restarts; it stays down and nobody else is touched."""
    text = f"{path} used up its restarts and does not run any more: {reason}. Nobody else is touched."
    return Alert("quarantined", text, QUARANTINED)


def used_up(path: str, reason: str) -> Alert:
    """A subtree that is not about money used up its restarts; it comes back after a longer wait."""
    text = f"{path} used up its restarts and comes back after a longer wait: {reason}."
    return Alert(f"used up {path}", text, QUARANTINED)


def on_fallback(position: Position) -> Alert:
    """A position's own monitor is quarantined."""
    text = (
        f"Position {position.id} of user {position.user_id} in {position.mint} has lost its monitor; the fallback monitor"
        " keeps its stop-loss, trailing stop and time exit, and its owner was told."
    )
    return Alert("fallback", text, QUARANTINED)


def unwatched(position: Position, reason: str) -> Alert:
    """Even the fallback monitor cannot judge a position."""
    text = (
        f"Position {position.id} of user {position.user_id} in {position.mint} is watched by nobody: the fallback monitor"
        f" cannot judge it either ({reason}). Its owner can sell it by hand."
    )
    return Alert("unwatched", text, QUARANTINED, urgent=True)


def _token_of(intent: Intent) -> str:
    """The token of an order; a closing has several."""
    return intent.request.mint or ", ".join(intent.request.closes)


def evidence_strange(intent: Intent, signature: str, trouble: str) -> Alert:
    """A landed transaction of ours is not the trade that it was signed for; the books do without a fill."""
    text = (
        f"Transaction {signature} of user {intent.request.user_id} in {_token_of(intent)} landed and is not the"
        f" {intent.request.side} it was signed for ({trouble}). No fill was written; the books take tokens and SOL from the"
        " chain."
    )
    return Alert("evidence", text, EXITS, urgent=True)


def settle_refused(intent: Intent, signature: str, reason: str) -> Alert:
    """The books refuse an order's outcome again and again."""
    text = (
        f"Transaction {signature} of user {intent.request.user_id} in {intent.request.mint} has its outcome on the chain and"
        f" cannot be written into the books ({reason}). It is tried again; until then he cannot buy this token."
    )
    return Alert(f"settle {signature}", text, LEDGER, urgent=True)


def rolled_back(intent: Intent, signature: str, evidence: str, reversed_orders: int) -> Alert:
    """The network took back a transaction that the books had settled."""
    text = (
        f"Transaction {signature} of user {intent.request.user_id} in {intent.request.mint} was taken back by the network:"
        f" {evidence}. {counted(reversed_orders, 'order')} reversed in the books by further entries; each is followed"
        " again, and its owner was told."
    )
    return Alert("rolled_back", text, FINALITY, urgent=True)


def landed_after_all(intent: Intent, signature: str, evidence: str) -> Alert:
    """An order that the books had given up has landed."""
    text = (
        f"Transaction {signature} of user {intent.request.user_id} in {intent.request.mint} has landed after all, and the books"
        f" had its order ended without a trade: {evidence}. It is followed again and booked as what it did; its owner was told."
    )
    return Alert("landed_after_all", text, FINALITY, urgent=True)


def reversal_refused(intent: Intent, signature: str, reason: str) -> Alert:
    """The network took back a transaction, and the books refuse to."""
    text = (
        f"Transaction {signature} of user {intent.request.user_id} in {intent.request.mint} was taken back by the network, and"
        f" that cannot be written into the books ({reason}). It is tried again every few seconds; until then the books show"
        " a trade that is not there."
    )
    return Alert(f"reverse {signature}", text, FINALITY, urgent=True)


def exit_stuck(position: Position, tries: int, reason: str) -> Alert:
    """Every rung of an exit has failed."""
    text = (
        f"Position {position.id} of user {position.user_id} in {position.mint} could not be sold {tries} times, the last"
        f" time because {reason}. It is tried again twice a minute, and its owner was told."
    )
    return Alert("exit_stuck", text, EXITS)


def engine_away(why: str) -> Alert:
    """No region of the block engine answers."""
    text = (
        f"No block engine answers ({why}). Orders whose users want them protected are refused, or go by every route where"
        " their users allow it; all others, and exits that are open, go on."
    )
    return Alert("engine", text, page_for("engine"), Turn.BEGINS)


def router_away(why: str) -> Alert:
    """The aggregator does not answer, or proposes other trades than it is asked for."""
    text = (
        f"Jupiter cannot be used ({why}). Tokens that have neither a curve nor a pool of their own are neither bought nor sold"
        " meanwhile: their exits wait and are tried again. Everything else goes on."
    )
    return Alert("jupiter", text, page_for("jupiter"), Turn.BEGINS)


def router_back() -> Alert:
    """The aggregator answers again."""
    return Alert("jupiter", "Jupiter answers again; what waited for it is tried again.", page_for("jupiter"), Turn.ENDS)


def engine_back() -> Alert:
    """A region of the block engine answers again."""
    return Alert("engine", "The block engine answers again.", page_for("engine"), Turn.ENDS)


def drifted(program: str, why: str) -> Alert:
    """A program of the chain is not the one that this bot was written for; its entries are closed."""
    text = f"The program {program} is not as it was: {why}. Nothing is bought there; other programs, monitors and exits go on."
    return Alert(f"drift {program}", text, page_for("drift"), Turn.BEGINS, urgent=True)


def drift_over(program: str) -> Alert:
    """Looks at a program were good again, several in a row."""
    return Alert(
        f"drift {program}", f"The program {program} is as it was; entries are open.", page_for("drift"), Turn.ENDS
    )


def monitor_missing(first: Position, count: int) -> Alert:
    """Open positions that neither their own monitor nor the fallback monitor looks after."""
    text = (
        f"{count} open positions are watched by nobody, the first is {first.id} of user {first.user_id} in {first.mint}."
        " Their stops do not work until their monitors run; they are started again and again."
    )
    return Alert("monitor_missing", text, EXITS, Turn.BEGINS, urgent=True)


def price_lost(first: Position, count: int) -> Alert:
    """Open positions whose reserves nobody has told for a while, although the endpoints answer."""
    text = f"The prices of {count} open positions are no longer read, although the endpoints answer, the first is {first.id}"
    text += f" of user {first.user_id} in {first.mint}. Their stops work by old prices."
    return Alert("price_lost", text, EXITS, Turn.BEGINS, urgent=True)


def prices_back() -> Alert:
    """The price of every open position is read again."""
    return Alert("price_lost", "The price of every open position is read again.", EXITS, Turn.ENDS)


def monitors_back() -> Alert:
    """Every open position has somebody who looks after it."""
    return Alert("monitor_missing", "Every open position is watched again.", EXITS, Turn.ENDS)
