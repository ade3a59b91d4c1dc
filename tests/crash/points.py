"""The crash points of the money path, read from its source: every await has a name, and every call of a port is a point.

An await either asks a port, and a crash may come before that call or after it, or waits for another function of the money
path, whose awaits are listed themselves, or stands in NO_POINT with the reason why nothing can be lost there.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MONEY_PATH = ROOT / "bot" / "execution"
PORTS = ("store", "chain", "vault")

# Files of that room through which no order goes.
OFF_THE_ROAD = {
    "analysis_book.py": "what is measured of tokens takes confidence from an opinion; it writes nothing and waits for nobody",
    "alert_channels.py": "alerts are told of this moment, not owed; what is still wrong after a crash is told again",
    "funding.py": "where SOL came from is read for what is measured; it writes nothing and no order waits for it",
    "copy_book.py": "what a rule needs is written before it, and what its end owes before that; its command is done again",
    "freezes.py": "no order goes through it; a crash leaves the wallet frozen in the rows, and the vault is told again",
    "loss_rules.py": "a user's automation is paused in one write; a crash after it loses the message, which /status repeats",
    "exit_funds.py": "who cannot pay for his sales is told under an id of the day; a crash before it leaves it to the next life",
    "protocol_check.py": "looks at layouts and simulates beside the road; it writes nothing and signs nothing",
    "rehearsal.py": "asks and simulates beside the road while a token is watched; it writes nothing and signs nothing",
    "copy_rehearsal.py": "asks and simulates beside the road before copies are ordered; it writes nothing and signs nothing",
    "chat_saying.py": "replies are told, not owed; what is owed stands in the outbox",
    "chat_doing.py": "a command that a crash ends is in the inbox and done by the next start; its order begins behind its key",
    "chat_secrets.py": "a secret that was shown is deleted by the next life; tests/telegram/test_telegram_security.py kills one",
    "message_book.py": "which message is edited is no money; without it news comes as a message of its own",
    "chat_inbox.py": "what it writes and when a life is dropped there is played in tests/telegram/test_telegram_replay.py",
    "hearsay_book.py": "what aggregators say is shown and never decided by; it writes nothing and no order waits for it",
    "trader_book.py": "who trades how well is read out of books; it writes nothing and no order waits for it",
    "wallet_standings.py": "what followed wallets came to is read out of books; it writes nothing and no order waits",
    "position_rest.py": "how a monitor waits between two decisions: it reads memory and the row again, and writes nothing",
    "leadership.py": "the lease of the process is renewed beside the road; losing it ends the process, at any moment",
}
# "function: what is awaited" -> why it is no crash point of its own.
NO_POINT = {
    "Rounds._turn: lock": "waits for another step of the same order; its own has not begun",
    "Rounds._steps_of: self._turn(intent_id)": "waits for its turn; its step has not begun",
    "Rounds._steps_of: self._at_once": "waits for its turn; its step has not begun",
    "Rounds._search: self._searches": "waits for its turn; nothing has been asked",
    "Rounds._search: self._turn(followed.intent.id)": "waits for its turn; what was found is asked for again",
    "Confirmer._settle: self.settled": "starts a monitor from the position's row, which the reconciler does as well",
    "Finality._watched_again: self.settled": "starts a monitor from the position's row, which the reconciler does as well",
    "LedgerAudit.foreign: self.history.transactions": "reads the chain",
    "LedgerAudit.foreign: self.history.moved": "reads the chain",
    "LedgerAudit._was_ours_before: self.history.moved": "reads the chain",
    "at_once: trio.open_nursery": "waits for both, which are named where they are asked",
    "at_once.ask: question": "what is asked beside each other is named where it is asked",
    "InFlight.resolved: event.wait": "waits in memory; whoever waits owes nothing",
    "InFlight.news: self._news.setdefault(intent_id, trio.Event()).wait": "waits in memory; whoever waits owes nothing",
    "InFlight.hints: self._hint.wait": "waits in memory; whoever waits owes nothing",
    "InFlight.changed: self._change.wait": "waits in memory; whoever waits owes nothing",
    "InFlight.arrival: self._arrival.wait": "waits in memory; whoever waits owes nothing",
    "CopyOrders.see_through: self._buy(copy) if copy.side is Side.BUY else self._sell(copy, trying)": "both listed",
    "CopyOrders.see_through: trio.sleep": "waits for its next turn; whatever is owed is in the rows",
    "CopyOrders._buy: self.buys_at_once": "waits for its turn; its order does not exist yet",
    "CopyOrders._submit_sale: self.sales_at_once": "waits for its turn; its order does not exist yet",
    "SaleTrials.prove: trial.turn": "waits for another order's simulation of the same token; nothing has begun",
    "PriceBook.doubts: self._doubts.wait": "waits in memory; whoever waits owes nothing",
    "RugBook.doubtful: self._to_judge.receive": "waits in memory; whoever waits owes nothing",
    "PriceBook.changed: self._entries[mint].changed.wait": "waits in memory; whoever waits owes nothing",
}


@dataclass(frozen=True, slots=True)
class Await:
    """One await of the money path. `port` is empty where it asks none."""

    file: str
    function: str
    awaited: str
    port: str
    first_line: int
    last_line: int

    def __str__(self) -> str:
        return f"{self.function}: {self.awaited}"


@functools.cache
def awaits(folder: Path = MONEY_PATH) -> tuple[Await, ...]:
    """Every await below a folder, in the order of files and lines; `async with` and `async for` count as awaits."""
    found: list[Await] = []
    for path in sorted(folder.glob("*.py")):
        if path.name in OFF_THE_ROAD:
            continue
        found += _awaits_of(ast.parse(path.read_text("utf-8")), str(path), "")
    return tuple(found)


def _awaits_of(node: ast.AST, file: str, function: str) -> Iterator[Await]:
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inside = f"{function}.{child.name}".lstrip(".")
        waited: ast.expr | None = None
        if isinstance(child, ast.Await):
            waited = child.value
        elif isinstance(child, ast.AsyncFor):
            waited = child.iter
        elif isinstance(child, ast.AsyncWith):
            waited = child.items[0].context_expr
        if waited is not None:
            yield _await(waited, file, function)
        yield from _awaits_of(child, file, inside)


def _await(waited: ast.expr, file: str, function: str) -> Await:
    called = ast.unparse(waited.func if isinstance(waited, ast.Call) else waited)
    parts = called.removeprefix("self.").split(".")
    port = parts[-2] if len(parts) >= 2 and parts[-2] in PORTS else ""
    return Await(file, function, called, port, waited.lineno, waited.end_lineno or waited.lineno)


def nameless() -> list[str]:
    """Awaits that neither ask a port, nor wait for a function of the money path, nor are excused."""
    own = _functions()
    return [
        f"{Path(one.file).name}:{one.first_line}: {one}"
        for one in awaits()
        if not one.port and one.awaited.split(".")[-1] not in own and str(one) not in NO_POINT
    ]


@functools.cache
def _functions() -> frozenset[str]:
    """The names of all coroutine functions of the money path."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(MONEY_PATH.glob("*.py"))]
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef))


@functools.cache
def points() -> dict[str, Await]:
    """Every call of a port by its name; one that a function makes at several places is numbered."""
    seen: Counter[str] = Counter()
    named: dict[str, Await] = {}
    for one in awaits():
        if one.port:
            name = f"{one.function}: {one.port}.{one.awaited.split('.')[-1]}"
            seen[name] += 1
            named[name if seen[name] == 1 else f"{name} ({seen[name]})"] = one
    return named


@functools.cache
def point_at(file: str, line: int) -> str | None:
    """The point at a place of the source; None for a place outside of the money path."""
    for name, one in points().items():
        if one.file == file and one.first_line <= line <= one.last_line:
            return name
    return None
