"""Pages for days on which nothing rings, for drills, and for books that come from elsewhere."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.runbooks.walker import Walker
from tests.vault.test_sqlite_import import earlier_database

DRILL_WITHIN_S = 600.0


def daily(walk: Walker) -> None:
    walk.type_all("status")
    assert walk.type_all("supervisor", "status").startswith("Everything runs; nothing is asked of you.")
    walk.type_all("top", "--once")
    walk.type_all("diag", put={"HANDLE": "demo-1"})


def weekly(walk: Walker) -> None:
    here = _files(walk)
    walk.type_all("export", put=here)
    assert len(_rows(here["fills.csv"])) > 1 and len(_rows(here["positions.csv"])) > 1
    walk.type_all("config", "history")
    walk.type_all("config", "get")


def monthly(walk: Walker) -> None:
    """What the market's recording of this campaign says; drills and backups have walks of their own."""
    recordings = str(walk.bot.directory / "recordings")
    put = {"DIR/recordings": recordings, "month.html": str(walk.around.files / "month.html")}
    walk.type_all("backtest", put=put, within_s=DRILL_WITHIN_S)
    assert (walk.around.files / "month.html").is_file()


def quarterly(walk: Walker) -> None:
    walk.type_all("keys")
    walk.type_all("config", "get")


def reports(walk: Walker) -> None:
    """The alert of midnight is tried in virtual time; its numbers can be had at any hour."""
    here = _files(walk)
    walk.type_all("export", put=here)
    assert len(_rows(here["fills.csv"])) > 1
    assert len(_rows(here["days.csv"])) == 1, "its columns alone: no day is over yet"


def import_sqlite(walk: Walker) -> None:
    """The Fernet key is with the vault since the start; the file is an earlier bot's, with two users whose keys open."""
    file = earlier_database(walk.around.files / "trading_bot.db")
    dry, real = [typed for typed in walk.whole() if typed.words[0] == "import-sqlite"]
    put = {"trading_bot.db": str(file)}
    assert "tg-1" in walk.type(dry, put=put)
    assert "tg-1" in walk.type(real, put=put)
    assert "already" in walk.type(real, put=put)


def drills(walk: Walker) -> None:
    """Each on a scratch bot of its own; the records lie in this one's data directory."""
    for drill in ("kill-switch", "restore", "failover"):
        said = walk.type(walk.of("drill", drill)[0], within_s=DRILL_WITHIN_S)
        assert "passed; recorded in" in said.splitlines()[-1], said
    for typed in walk.whole():
        if typed.words in {("drill",), ("drill", "--json")}:
            assert "kill-switch" in walk.type(typed)


def _files(walk: Walker) -> dict[str, str]:
    return {name: str(walk.around.files / name) for name in ("fills.csv", "positions.csv", "days.csv")}


def _rows(file: str) -> list[list[str]]:
    with Path(file).open(newline="") as lines:
        return list(csv.reader(lines))
