"""A first life of the real bot from an empty directory, an audit of what it left, and the next life on the same directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.whole.audit import audit, findings
from tests.whole.real import FAST, RealBot, Status, processes_of, real_bot
from tests.whole.real_evidence import Books, Evidence, Landed, Row, change_books, read_books, read_evidence

# Six seconds of watching, as in the default settings: the generated market's first good launch needs them.
SETTINGS = FAST.replace("observe_s = 3", "observe_s = 6")


@dataclass(frozen=True, slots=True)
class Lived:
    """A directory after its first life: its last status, and everything that money left there."""

    bot: RealBot
    last: Status
    books: Books
    evidence: Evidence


@pytest.fixture(scope="module")
def lived() -> Iterator[Lived]:
    """From nothing to the first filled buy and its sale, then SIGTERM."""
    with real_bot(SETTINGS) as bot:
        bot.start()
        bot.until("a filled buy", lambda status: (status["trades_today"]["buys"] or 0) >= 1)
        last = bot.until("a filled sale", lambda status: (status["trades_today"]["sells"] or 0) >= 1)
        bot.stop()
        books = read_books(bot.directory)
        yield Lived(bot, last, books, read_evidence(bot.directory, [row["address"] for row in books.wallets]))


@pytest.mark.slow
def test_first_life_says_what_it_does_and_leaves_clean_books(lived: Lived) -> None:
    """Slow on a loaded machine: the fixture makes a database and a chain and waits for the market's first good launch."""
    console = (lived.bot.directory / "console").read_text()
    said = ["starting PostgreSQL", "the local chain", "demo-1, demo-2: ", "Bought", "SIGTERM", "stopped"]
    places = [console.find(words) for words in said]
    assert -1 not in places, f"{said} at {places}:\n{console}"
    assert places == sorted(places), console
    assert lived.last["mode"] == "live"
    assert lived.last["cluster"] == "local"
    assert lived.last["usd"]["micro_usd_per_sol"] > 0
    recorder = lived.last["recorder"]
    assert recorder["written"] > lived.last["launches_seen"] > 0
    assert (recorder["dropped"], recorder["trouble"]) == (0, None)
    [segment] = (lived.bot.directory / "recordings" / "segments").glob("*.csv")
    launches = sum(",create," in line for line in segment.read_text().splitlines())
    assert launches >= lived.last["launches_seen"], "what waited when it was stopped is written too"
    assert lived.last["users"] == 2
    assert findings(lived.books, lived.evidence, unresolved=True) == []
    assert len(lived.books.trades) >= 2


def test_next_life_goes_on_with_the_same_chain_users_and_books(lived: Lived) -> None:
    bot = lived.bot
    started_s = time.monotonic()
    bot.start()
    status = bot.until_open()
    assert status["uptime_s"] <= time.monotonic() - started_s
    running = " ".join(processes_of(bot.directory).values())
    assert all(name in running for name in ("-m bot run", "-m bot.localnet", "postgres")), running
    assert status["users"] == 2
    assert status["trades_today"]["buys"] >= lived.last["trades_today"]["buys"]
    bot.snipers_off()
    bot.until_flat()
    bot.stop()
    after = read_books(bot.directory)
    assert after.genesis_hash == lived.books.genesis_hash
    assert after.wallets == lived.books.wallets
    before = {row["signature"] for row in lived.books.trades}
    assert before <= {row["signature"] for row in after.trades}
    assert {row["trace_id"] for row in lived.books.messages} <= {
        row["trace_id"] for row in after.messages if row["delivered_at"]
    }
    assert audit(bot.directory) == []
    assert (bot.directory / "console").read_text().count("made the master key") == 1


def test_a_row_changed_in_the_database_is_named(lived: Lived) -> None:
    trade = lived.books.trades[0]
    where = f"where signature = '{trade['signature']}'"
    change_books(lived.bot.directory, f"update trades set token_raw = token_raw + 1 {where}")
    found = audit(lived.bot.directory, unresolved=True)
    change_books(lived.bot.directory, f"update trades set token_raw = token_raw - 1 {where}")
    assert any(trade["signature"] in finding and "the chain shows" in finding for finding in found), found
    assert audit(lived.bot.directory, unresolved=True) == []


# ------------------------------------------------------------------------------------------------- the auditor can fail

Tamper = Callable[[Books, Evidence], tuple[Books, Evidence]]


def _change(rows: Sequence[Row], which: Callable[[Row], bool], **values: Any) -> list[Row]:
    """The rows with other values in the first one that fits."""
    at = next(index for index, row in enumerate(rows) if which(row))
    return [{**row, **values} if index == at else row for index, row in enumerate(rows)]


def _any(_: Row) -> bool:
    return True


def _closed(row: Row) -> bool:
    return bool(row["state"] == "closed")


def _filled(row: Row) -> bool:
    return bool(row["state"] == "filled" and row["side"] == "buy")


def _books(**tables: Callable[[Books], Any]) -> Tamper:
    """A change of whole tables."""
    return lambda books, evidence: (replace(books, **{name: make(books) for name, make in tables.items()}), evidence)


def _second_attempt(books: Books) -> list[Row]:
    """The attempt of the second trade, told to belong to the intent of the first."""
    first, second = books.trades[0], books.trades[1]
    return _change(books.attempts, lambda row: row["signature"] == second["signature"], intent_id=first["intent_id"])


def _moved_leg(books: Books) -> list[Row]:
    """One lamport from the tokens to the wallet in the entry of a buy: it still balances."""
    bought = {row["signature"] for row in books.trades if row["side"] == "buy"}
    entry = next(row["id"] for row in books.entries if row["signature"] in bought)
    legs = list(books.legs)
    for account, lamports in (("wallet", 1), ("tokens", -1)):
        old = next(leg for leg in legs if leg["entry_id"] == entry and leg["account"] == account)
        legs = _change(legs, lambda leg, old=old: leg is old, lamports=old["lamports"] + lamports)  # type: ignore[misc]
    return legs


def _chain(change: Callable[[Books, Any], Any]) -> Tamper:
    """A change of what the chain shows of the first wallet that traded."""

    def tamper(books: Books, evidence: Evidence) -> tuple[Books, Evidence]:
        address = next(row["address"] for row in books.wallets if row["id"] == books.trades[0]["wallet_id"])
        return books, replace(evidence, wallets={**evidence.wallets, address: change(books, evidence.wallets[address])})

    return tamper


def _stranger(books: Books, shown: Any) -> Any:
    """A trade that the wallet signed and that the books do not know."""
    landed = Landed("stranger", 9, signed=True, succeeded=True, lamports=0, tokens={"M": 1}, on_launchpad=True)
    return replace(shown, landed=[*shown.landed, landed])


TAMPERED: dict[str, tuple[Tamper, str]] = {
    "a trade is missing": (_books(trades=lambda books: books.trades[1:]), "lost fill"),
    "a trade was invented": (
        _books(trades=lambda books: [*books.trades, {**books.trades[0], "signature": "made up"}]),
        "invented fill: trade made up",
    ),
    "a trade has another price": (
        _books(trades=lambda books: _change(books.trades, _any, wallet_delta_lamports=-1)),
        "the chain shows",
    ),
    "a position has other tokens": (
        _books(positions=lambda books: _change(books.positions, _closed, state="open", token_raw=5)),
        "its open positions say 5",
    ),
    "a position has another result": (
        _books(positions=lambda books: _change(books.positions, _any, realized_lamports=12_345)),
        "realised 12345",
    ),
    "an entry does not balance": (
        _books(legs=lambda books: _change(books.legs, _any, lamports=books.legs[0]["lamports"] + 7)),
        "sum to 7 lamports",
    ),
    "an entry balances and is wrong": (_books(legs=_moved_leg), "the ledger says"),
    "an entry is missing": (
        _books(entries=lambda books: [row for row in books.entries if row["kind"] != "fill"]),
        "the ledger has no entry of it",
    ),
    "a closed position has its cost still": (
        _books(
            legs=lambda books: [leg for leg in books.legs if (leg["account"], leg["lamports"] < 0) != ("tokens", True)]
        ),
        "is closed and stands at",
    ),
    "a filled intent is open again": (
        _books(intents=lambda books: _change(books.intents, _filled, state="planned")),
        "which is not filled",
    ),
    "an ended intent reserves": (
        _books(intents=lambda books: _change(books.intents, _filled, reserved_lamports=3)),
        "still reserves 3",
    ),
    "an intent is filled twice over": (_books(attempts=_second_attempt), "2 attempts of intent"),
    "a snipe bought twice": (
        _books(
            intents=lambda books: [
                *books.intents,
                {**next(row for row in books.intents if _filled(row)), "id": "again"},
            ]
        ),
        "2 times for one snipe",
    ),
    "the books were adjusted": (
        _books(adjustments=lambda _: [{"position_id": "p", "evidence": "the wallet held 3"}]),
        "was adjusted: the wallet held 3",
    ),
    "a run says something else": (
        _books(runs=lambda books: _change(books.runs, lambda run: run["status"] == "COMPLETED", status="FAILED")),
        "its buy ended as filled",
    ),
    "a fill was not told": (
        _books(messages=lambda books: [row for row in books.messages if row["kind"] != "fill"]),
        "has 0 messages",
    ),
    "the books are of another chain": (_books(genesis_hash=lambda _: "elsewhere"), "belong to chain elsewhere"),
    "the wallet has another balance": (
        _chain(lambda _, shown: replace(shown, lamports=shown.lamports + 1)),
        "its ledger explains",
    ),
    "a fill vanished from the chain": (
        _chain(
            lambda books, shown: replace(
                shown, landed=[one for one in shown.landed if one.signature != books.trades[0]["signature"]]
            )
        ),
        "did not land",
    ),
    "somebody else signed with the key": (_chain(_stranger), "is no attempt in the books"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_books_that_were_tampered_with_are_named(lived: Lived, what: str) -> None:
    tamper, wanted = TAMPERED[what]
    found = findings(*tamper(lived.books, lived.evidence), unresolved=True)
    assert any(wanted in finding for finding in found), found
