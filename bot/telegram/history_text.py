"""Entries of a user's ledger as lines for him to read, and as a table with every lamport for his own reckoning."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from bot.clock import day_of, minute_of, rfc3339_s
from bot.ports import BookedEntry
from bot.telegram.book_text import FEES, reason_text
from bot.telegram.words import short
from bot.trading.intent import Side
from bot.trading.ledger import Account, EntryKind
from bot.trading.units import TOKEN_DECIMALS, format_sol, format_tokens

NOTE_MAX = 300
CARRIED = "carried"
COLUMN_OF = {account: f"{account.value}_sol" for account in Account}
COLUMNS = (
    *("number", "time_utc", "day", "mode", "kind", "side", "mint", "token_amount"),
    *COLUMN_OF.values(),
    *("signature", "order", "position", "note"),
)
# A spreadsheet takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@")


def history_line(row: BookedEntry, zone: str) -> str:
    """One entry: when, what it was, and what it did to the wallet."""
    wallet = format_sol(row.entry.wallet_lamports, signed=True)
    fees_lamports = sum(leg.lamports for leg in row.entry.legs if leg.account in FEES)
    fees = f", {format_sol(fees_lamports)} of it fees" if fees_lamports > 0 and row.entry.kind is EntryKind.FILL else ""
    return f"{minute_of(row.at_ms, zone)}  {wallet} SOL{fees}: {_what(row)}"


def _what(row: BookedEntry) -> str:
    token = short(row.mint) if row.mint else "a token"
    match row.entry.kind:
        case EntryKind.FILL:
            verb = "bought" if row.side is Side.BUY else "sold"
            return f"{verb} {format_tokens(row.token_raw)} tokens of {token} ({reason_text(row.reason)})"
        case EntryKind.FEE:
            return f"a {_order(row, token)} that traded nothing"
        case EntryKind.CLOSING:
            return "emptied token accounts closed, their rent came back"
        case EntryKind.WITHDRAWAL:
            return "sent to an address of your own"
        case EntryKind.OPENING:
            return "what the wallet held when its books began"
        case EntryKind.DEPOSIT:
            return "came in from outside"
        case EntryKind.OUTFLOW:
            return "left without this bot"
        case EntryKind.ADJUSTMENT if moved_lamports := row.entry.sum_of(Account.MOVED):
            return (
                f"your tokens of {token} went to your safe address, at their cost of {format_sol(moved_lamports)} SOL"
            )
        case EntryKind.ADJUSTMENT:
            return f"your tokens of {token} put right by what the chain shows"
        case EntryKind.REVERSAL:
            return f"the network took back the {_order(row, token)}"


def _order(row: BookedEntry, token: str) -> str:
    if row.side is None:
        return f"movement of {token}" if row.mint else "movement of SOL"
    others = {
        Side.CLOSE: "closing of emptied token accounts",
        Side.WITHDRAW: f"sweep of {token}" if row.mint else "withdrawal",
    }
    return others.get(row.side, f"{row.side.value} of {token}")


def table(rows: Sequence[BookedEntry], *, mode: str, zone: str, carried: Mapping[Account, int]) -> bytes:
    """All entries as CSV (RFC 4180, UTF-8), oldest first. The SOL columns of each row sum to zero, and so do all together.

    `carried` is what older entries sum to that are not among `rows`: it is the first row where there are any.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    if carried:
        first = min((row.number for row in rows), default=0)
        note = f"the sum of all entries before number {first}"
        writer.writerow({"kind": CARRIED, "mode": mode, "note": note, **_amounts(carried)})
    for row in sorted(rows, key=lambda one: one.number):
        writer.writerow(_cells(row, mode, zone))
    return text.getvalue().encode()


def _cells(row: BookedEntry, mode: str, zone: str) -> dict[str, str | int]:
    entry = row.entry
    sums: dict[Account, int] = {}
    for leg in entry.legs:
        sums[leg.account] = sums.get(leg.account, 0) + leg.lamports
    return {
        "number": row.number,
        "time_utc": rfc3339_s(row.at_ms),
        "day": day_of(row.at_ms, zone),
        "mode": mode,
        "kind": entry.kind.value,
        "side": "" if row.side is None else row.side.value,
        "mint": row.mint,
        "token_amount": _plain(row.token_raw, TOKEN_DECIMALS) if row.token_raw else "",
        "signature": entry.signature or "",
        "order": entry.intent_id or "",
        "position": entry.position_id or "",
        "note": _note(entry.evidence or row.reason),
        **_amounts(sums),
    }


def _amounts(sums: Mapping[Account, int]) -> dict[str, str]:
    """SOL without separators, exact; what is zero is left empty."""
    return {COLUMN_OF[account]: _plain(lamports, 9) for account, lamports in sums.items() if lamports}


def _plain(amount: int, decimals: int) -> str:
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**decimals)
    return f"{sign}{whole}.{rest:0{decimals}d}"


def _note(text: str) -> str:
    """One line that no spreadsheet takes for a formula."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:NOTE_MAX]
    return f"'{line}" if line.startswith(_FORMULA) else line


def table_words(rows: Sequence[BookedEntry], carried: Mapping[Account, int], wallet_lamports: int) -> str:
    """What is said beside the table."""
    older = " with one row for all that is older" if carried else ""
    entries = "1 entry" if len(rows) == 1 else f"{len(rows)} entries"
    return (
        f"{entries} of your ledger{older}. The SOL columns of each row sum to"
        f" zero: what left one is in another. The column wallet_sol sums to {format_sol(wallet_lamports)} SOL, what the ledger"
        " says that your wallet holds."
    )
