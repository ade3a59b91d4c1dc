"""Pages that need more than one bot, or another one: a standby, a restored bot, the rehearsal of going live."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.backup.test_real_backup import follows_the_chain, key_file
from tests.runbooks.papers import RUNBOOKS, Typed, commands
from tests.runbooks.surroundings import Around, Listener, guarded
from tests.runbooks.walker import Walker
from tests.storage.server_thread import running_server
from tests.telegram.fake_bot_api import TOKEN
from tests.telegram.fake_webhook import free_port
from tests.whole.real import BOT, FAST, ROOT, RealBot, clean_environment, command, real_bot, supervision_file
from tests.whole.real_directory import data_directory
from tests.whole.real_telegram import telegram_outside
from tests.whole.test_real_standby import leads, running_chain, stands_by

COMES_WITHIN_S = 240.0
ENDS_WITHIN_S = 20.0
# A program that brings files away, and refuses to while this file lies beside it.
OFFSITE = """\
#!/bin/sh
[ ! -e {refuses} ] || exit 1
folder=$(basename "$(dirname "$1")")
case "$folder" in log-*) mkdir -p "{away}/$folder"; cp "$1" "{away}/$folder/" ;; *) cp "$1" {away}/ ;; esac
"""
DRILL_WITHIN_S = 900.0
LIVE = """\
[rpc]
urls = {urls}
[wallets]
master_key_file = "{files}/master-key"
[telegram]
base_url = "{telegram}"
operator_chat_id = 99
[live]
allowed_telegram_ids = [99]
confirm = "real money may be lost"
[trading]
max_trade_sol = 1
max_position_sol = 1
[backup]
key_file = "{key}"
"""
AS_A_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000", *BOT)


def walking(bot: RealBot, page: str, home: Path) -> Walker:
    """A walk of a bot that stands alone: nobody hears its signs of life, and it has no Telegram."""
    return Walker(bot, page, Around(home, None, Listener(), 0))


def standby() -> Walker:
    """Two bots on one database: the one that leads is killed, then the database is away for the one that is left of two."""
    with data_directory() as home, running_server(home / "pg") as database, running_chain(home):
        settings = FAST.replace("[localnet]\n", f'[localnet]\ndirectory = "{home / "localnet"}"\n')
        environment = {"DATABASE_URL": database.dsn}
        with real_bot(settings) as first:
            key = f'[wallets]\nmaster_key_file = "{first.directory / "master.key"}"\n'
            with real_bot(settings + key) as second:
                first.start(environment=environment)
                first.until("it leads", leads, within_s=COMES_WITHIN_S)
                second.start(environment=environment)
                second.until("a standby that its leader knows", stands_by, within_s=COMES_WITHIN_S)
                walk = walking(second, "standby", home)
                said = second.command("status").stdout
                assert said.startswith("STARTING: standby of "), said
                said = first.command("status").stdout
                assert "leads on the database with epoch" in said and "stands by since" in said, said
                walk.typed += 2
                first.kill()
                second.until("it leads", leads, within_s=COMES_WITHIN_S)
                walk.alert("This bot leads now, epoch", within_s=COMES_WITHIN_S)
                walk.logged("lease_taken")
                walk.logged("positions_unwatched", within_s=COMES_WITHIN_S)
                first.start(environment=environment)
                first.until("a standby again", stands_by, within_s=COMES_WITHIN_S)
                second.until("its leader shows it", lambda status: status["lease"]["standby"])
                second.stop()
                first.until("it leads", leads, within_s=COMES_WITHIN_S)
                first.stop()
    return walk


def backup() -> Walker:
    """An archive that cannot be brought away, and can again; then the machine is lost, and another one has its books."""
    with data_directory() as home, running_chain(home), ExitStack() as stack:
        key, away = key_file(home, "backup-1"), home / "away"
        away.mkdir()
        (home / "offsite").write_text(OFFSITE.format(refuses=home / "refuses", away=away))
        (home / "offsite").chmod(0o700)
        settings = FAST.replace("[localnet]\n", f'[localnet]\ndirectory = "{home / "localnet"}"\n')
        settings += (
            f'[backup]\nkey_file = "{key}"\narchive = true\narchive_every_s = 1\noffsite = "{home / "offsite"}"\n'
        )
        first, second = stack.enter_context(real_bot(settings)), stack.enter_context(real_bot(settings))
        first.start()
        first.until("a trade", lambda status: (status["trades_today"]["buys"] or 0) >= 1, within_s=COMES_WITHIN_S)
        walk = walking(first, "backup", home)
        (home / "refuses").touch()
        walk.alert("stands still", within_s=COMES_WITHIN_S)
        walk.logged("backup_round_failed")
        (home / "refuses").unlink()
        walk.alert("goes on", within_s=COMES_WITHIN_S)
        walk.logged("log_archived")
        create, base, verify = (walk.of("backup", verb)[0] for verb in ("create", "base", "verify"))
        walk.type(create, within_s=COMES_WITHIN_S)
        walk.type(base, within_s=COMES_WITHIN_S)
        said = walk.type(verify, within_s=COMES_WITHIN_S)
        assert "2 wallets, 2 opened" in said and "it can be restored" in said, said
        walk.until("a base backup that was brought away", lambda: list(away.glob("*.base")), within_s=COMES_WITHIN_S)
        first.kill()
        brought_back(walk, second, away, first.directory / "master.key", home)
    return walk


def brought_back(walk: Walker, bot: RealBot, away: Path, master_key: Path, home: Path) -> None:
    """What was brought away is all that there is; the bot on it is halted until an operator has looked."""
    newest = max(away.glob("*.base"), key=lambda file: file.name)
    restore = next(typed for typed in walk.of("backup", "restore") if typed.words[-1] == "/var/lib/trading-bot")
    here = Typed(
        restore.paper, restore.line, ("backup", "restore", str(newest), "--data-dir", str(bot.directory)), True
    )
    config = ("--config", str(bot.directory / "bot.toml"))
    assert "a bot on them starts halted" in walk.type(here, *config, within_s=COMES_WITHIN_S)
    shutil.copy(master_key, bot.directory / "master.key")
    bot.start()
    walk.bot = bot
    status = bot.until(
        "halted, and books that follow the chain",
        lambda status: follows_the_chain(bot, home, status),
        within_s=COMES_WITHIN_S,
    )
    assert (status["halt"]["cause"], status["level"]) == ("restored", 3)
    for words in (("status",), ("supervisor", "status"), ("rearm",)):
        walk.type(walk.of(*words)[0])
    bot.until("open", lambda status: status["halt"] is None)
    bot.stop()


def going_live() -> Walker:
    """The page's rehearsal: the gates that refuse, the drills that they ask for, the start, and the first lines of a live bot."""
    with data_directory() as home, telegram_outside() as telegram, posing(home) as urls:
        key = key_file(home, "backup-1")
        guarded(home / "master-key", key_file(home, "live-1").read_text().strip())
        settings = LIVE.format(urls=json.dumps(urls), files=home, telegram=telegram.url, key=key)
        with real_bot(settings, supervision_file(dwell_s=0.2)) as bot:
            walk = walking(bot, "going-live", home)
            config = ("--config", str(bot.directory / "bot.toml"))
            environment = {"TELEGRAM_BOT_TOKEN": TOKEN}
            bot.start("--profile", "paper", environment=environment, program=AS_A_USER)
            bot.until("paper", lambda status: status["state"] == "OPEN", within_s=COMES_WITHIN_S)
            done = bot.command("backup", "create", *config, "--profile", "paper")
            assert done.returncode == 0, done.stderr
            bot.stop()
            bot.start("--profile", "live", environment=environment, program=AS_A_USER)
            assert bot.ended_by_itself(within_s=COMES_WITHIN_S) == 1
            refused = gates_of(bot)
            assert refused == {"kill_switch_drill", "restore_drill"}, refused
            for drill in ("kill-switch", "restore"):
                typed = next(one for one in walk.of("drill", drill) if one.whole)
                said = walk.type(typed, *config, within_s=DRILL_WITHIN_S, environment=environment)
                assert "passed; recorded in" in said, said
            bot.start("--profile", "live", environment=environment, program=AS_A_USER)
            bot.until("live", lambda status: status["state"] == "OPEN", within_s=COMES_WITHIN_S)
            console = (bot.directory / "console").read_text()
            assert "10 % of the ceilings" in console and "mainnet" in walk.type(walk.of("status")[0]), bot.told()
            bot.stop()
    return walk


def gates_of(bot: RealBot) -> set[str]:
    """The gates that did not hold at the latest start."""
    lines = (bot.directory / "console").read_text().splitlines()
    return {line.split()[2].rstrip(":") for line in lines if line.startswith("bot: gate ") and "does not hold" in line}


@contextmanager
def posing(home: Path) -> Iterator[list[str]]:
    """The page's own local chain, which poses as mainnet, at another port; the addresses of its two endpoints."""
    [typed] = [one for one in commands(RUNBOOKS / "going-live.md") if one.words[:1] == ("localnet",)]
    port = free_port()
    put = {"/tmp/posing": str(home / "posing"), "8899": str(port)}
    argv = [*BOT, *(put.get(word, word) for word in typed.words)]
    with (home / "log").open("ab") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=clean_environment(), stdout=output, stderr=output)
    try:
        while command("localnet", "status", "--data-dir", str(home / "posing")).returncode:
            assert process.poll() is None, (home / "log").read_text()
        yield [f"http://127.0.0.1:{port}", f"http://localhost:{port + 2}"]
    finally:
        process.terminate()
        process.wait(ENDS_WITHIN_S)
