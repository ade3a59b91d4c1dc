"""Books are backed up while the bot trades, proved, and brought back on another machine, where a bot starts halted."""

from __future__ import annotations

import base64
import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.leaks.detect import Known, leaks
from tests.whole.real import FAST, Event, RealBot, Status, real_bot
from tests.whole.real_directory import data_directory
from tests.whole.real_evidence import Node, rows_of_running
from tests.whole.test_real_standby import running_chain

OPEN = """
select positions.mint, positions.token_raw, user_wallets.address
from positions inner join user_wallets on positions.wallet_id = user_wallets.id
where positions.state = 'open'
"""


def key_file(folder: Path, name: str) -> Path:
    """A fresh key, as the runbook makes one."""
    path = folder / name
    path.write_text(f"{name}:{base64.b64encode(os.urandom(32)).decode()}\n")
    path.chmod(0o600)
    return path


@pytest.mark.slow
def test_books_are_taken_and_brought_back_under_load_and_nothing_is_sent_again() -> None:
    """Slow: a chain, two lives of a bot, and three PostgreSQL servers that are made anew."""
    with data_directory() as home, running_chain(home):
        key = key_file(home, "backup-1")
        settings = FAST.replace("[localnet]\n", f'[localnet]\ndirectory = "{home / "localnet"}"\n')
        settings += f'[backup]\nkey_file = "{key}"\nfolder = "{home / "away"}"\n'
        with real_bot(settings) as first, real_bot(settings) as second:
            first.start()
            first.until("a trade", lambda status: (status["trades_today"]["buys"] or 0) >= 1)
            file = backed_up(first, home)
            first.kill()
            proved(first, second, file)

            config = ("--config", str(second.directory / "bot.toml"))
            done = second.command("backup", "restore", str(file), *config)
            assert done.returncode == 0, done.stderr
            assert "a bot on them starts halted" in done.stdout
            again = second.command("backup", "restore", str(file), *config)
            assert again.returncode == 1 and "holds the books of a bot" in again.stderr
            shutil.copy(first.directory / "master.key", second.directory / "master.key")
            second.start()
            status = second.until("halted, and books that follow the chain", partial(follows_the_chain, second, home))
            assert status["halt"]["cause"] == "restored" and status["level"] == 3
            assert sent_again_of_before(second) == []
            # A buy that was on its way at the backup may be found filled; exits by their own plans go on.
            made = [e["side"] for e in second.this_life() if e["event"] in {"intent_planned", "attempt_signed"}]
            assert "buy" not in made
            assert second.command("rearm").returncode == 0
            second.until("no halt", lambda status: status["halt"] is None)
            second.stop()


def backed_up(bot: RealBot, home: Path) -> Path:
    """A backup of the running bot; neither the wallets' key nor the database's password is in it, nor anything readable."""
    done = bot.command("backup", "create", "--config", str(bot.directory / "bot.toml"))
    assert done.returncode == 0, done.stderr
    [file] = (home / "away").iterdir()
    known = Known()
    known.add("the master key", base64.b64decode((bot.directory / "master.key").read_text().partition(":")[2]))
    content = file.read_bytes()
    assert leaks(content, known, is_text=False) == []
    assert b"snipe" not in content and b"CREATE TABLE" not in content
    assert file.stat().st_mode & 0o077 == 0
    assert not [path for path in bot.directory.iterdir() if path.name.startswith(".backup-")], "no scratch is left"
    return file


def proved(first: RealBot, second: RealBot, file: Path) -> None:
    """It opens with the wallets' master key alone, and says so."""
    config = ("--config", str(first.directory / "bot.toml"))
    done = first.command("backup", "verify", *config)
    assert done.returncode == 0, done.stderr
    assert "2 wallets, 2 opened" in done.stdout
    other = key_file(second.directory, "master.key")
    other.write_text(
        (first.directory / "master.key").read_text().partition(":")[0] + other.read_text()[len("master.key") :]
    )
    wrong = second.command("backup", "verify", str(file), *config)
    assert wrong.returncode == 1 and "did not open" in wrong.stderr
    other.unlink()


def sent_again_of_before(bot: RealBot) -> list[Event]:
    """What this life handed over again that an earlier one had signed; its own exits it may send until they land."""
    events = bot.this_life()
    own = {event["signature"] for event in events if event["event"] == "attempt_signed"}
    return [event for event in events if event["event"] == "attempt_sent_again" and event["signature"] not in own]


def follows_the_chain(bot: RealBot, home: Path, status: Status) -> bool:
    """Halted, and whatever the books hold is there: what was sold after the backup has left them."""
    if status["state"] != "HALTED":
        return False
    node = Node(json.loads((home / "localnet" / "localnet.json").read_text())["http_url"])
    rows = rows_of_running(bot.directory, OPEN)
    held = {address: node.wallet(address).tokens for address in {row["address"] for row in rows}}
    return all(held[row["address"]].get(row["mint"]) == row["token_raw"] for row in rows)
