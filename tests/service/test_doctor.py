"""The doctor names what a machine lacks, with the cure, and says nothing else; a start says what weighs most of it."""

from __future__ import annotations

import argparse
import json
import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from bot.cli import main
from bot.clock import virtual_clock
from bot.doctor import LOCK, REFUSES_A_START, Finding, Verdict, examine, examine_succession, look_at_start
from bot.errors import StartupError
from bot.start import read_options
from bot.storage.cluster import running_cluster
from bot.storage.halt_file import HaltFile
from bot.trading.trading_state import Halt
from bot.vault import socket_vault
from tests.leaks.detect import MARK
from tests.storage.server_thread import run_sql, running_server

CLOCK = virtual_clock(lambda: 0.0, epoch_ms=1_795_000_000_000, seed=1)
KEY = "prod-1:" + "A" * 43 + "="


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOT_MASTER_KEY", "DATABASE_URL", "TELEGRAM_BOT_TOKEN", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def found(directory: Path, profile: str = "local", config: str = "") -> dict[str, Finding]:
    file = directory / "given.toml"
    file.write_text(config)
    return {one.name: one for one in examine(directory, profile, str(file), CLOCK)}


def test_a_fresh_directory_is_fit_for_profile_local_and_knows_what_is_advised(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    findings = found(tmp_path)
    assert [one.name for one in findings.values() if one.verdict is Verdict.BAD] == []
    assert findings["watched"].verdict is Verdict.WARN and "runbooks/watching.md" in findings["watched"].cure
    assert findings["backups"].verdict is Verdict.WARN
    assert all(one.cure or one.verdict is Verdict.OK for one in findings.values())
    assert all("\n" not in one.line for one in findings.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.toml"], "it changes nothing"


def test_each_trouble_is_bad_and_named_with_its_cure(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert "chmod 700" in found(tmp_path)["data directory"].cure
    tmp_path.chmod(0o700)
    assert found(tmp_path, config="[trading]\nmax_trade_soll = 1\n")["settings"].verdict is Verdict.BAD
    away = found(tmp_path, config=f'[database]\nurl = "postgresql://bot:{MARK}@127.0.0.1:1/bot"\n')["database"]
    assert away.verdict is Verdict.BAD and MARK not in away.line and away.cure == "runbooks/database.md"
    (tmp_path / "prod.key").write_text(KEY)
    (tmp_path / "prod.key").chmod(0o644)
    assert (
        found(tmp_path, config=f'[wallets]\nmaster_key_file = "{tmp_path}/prod.key"\n')["master key"].verdict
        is Verdict.BAD
    )
    HaltFile(tmp_path / "halt.json").keep(Halt("rpc", 1_794_000_000_000, "rpc watch", "away"))
    assert "bot rearm ends it" in found(tmp_path)["halt"].cure


@pytest.mark.parametrize("setting", ["alerts.webhook_url_file", "alerts.heartbeat_url_file", "telegram.token_file"])
@pytest.mark.parametrize("profile", ["local", "paper"])
def test_a_file_of_a_key_that_refuses_a_start_is_bad_here_too_whatever_it_is_for(
    tmp_path: Path, setting: str, profile: str
) -> None:
    """Operators restarted after a doctor who found nothing, into a bot that refused to start."""
    section, _, key = setting.partition(".")
    config = f'[{section}]\n{key} = "{tmp_path}/given"\n[rpc]\nurls = ["http://127.0.0.1:1"]\n'
    findings = found(tmp_path, profile, config)
    assert findings["keys"].verdict is Verdict.BAD and setting in findings["keys"].line
    assert "keys" in REFUSES_A_START and "runbooks" not in findings["endpoints"].line, (
        "the cure is not the endpoints' page"
    )
    (tmp_path / "given").write_text("https://127.0.0.1/x\n" if "url" in setting else f"123456789:{'A' * 35}\n")
    (tmp_path / "given").chmod(0o600)
    assert found(tmp_path, profile, config)["keys"].line == "ok   keys: 1 file of keys and addresses can be read"


def test_what_is_advice_elsewhere_is_asked_for_where_money_moves(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "prod.key").write_text(KEY)
    (tmp_path / "prod.key").chmod(0o600)
    config = f'[wallets]\nmaster_key_file = "{tmp_path}/prod.key"\n[rpc]\nurls = ["http://127.0.0.1:1", "http://localhost:1"]\n'
    findings = found(tmp_path, "live", config)
    assert findings["master key"].verdict is Verdict.OK and "AAA" not in findings["master key"].line
    bad = {one.name for one in findings.values() if one.verdict is Verdict.BAD}
    assert bad >= {"telegram", "endpoints"}
    assert "run bot drill kill-switch --profile live; no restore drill" in findings["drills"].line
    assert findings["drills"].verdict is Verdict.WARN


def test_a_master_key_that_a_vault_by_itself_holds_is_not_looked_for_here(tmp_path: Path) -> None:
    config = (
        f'[wallets]\nmaster_key_file = "{tmp_path}/none"\n[vault]\nrun = "outside"\nsocket = "{tmp_path}/vault.sock"\n'
    )
    key = found(tmp_path, "live", config)["master key"]
    assert key.verdict is Verdict.OK and "a vault that runs by itself" in key.found


def test_a_former_master_key_that_is_named_and_not_there_refuses_a_start_and_is_bad_here_too(tmp_path: Path) -> None:
    folder = tmp_path / "former"
    config = f'[wallets]\nmaster_key_file = "{tmp_path}/prod.key"\nformer_keys = "{folder}"\n'
    (tmp_path / "prod.key").write_text(KEY)
    (tmp_path / "prod.key").chmod(0o600)
    key = found(tmp_path, config=config)["master key"]
    assert key.verdict is Verdict.BAD and f"{folder}: there is no such file or folder of former master keys" in key.line
    folder.mkdir()
    (folder / "old.key").write_text(KEY.replace("prod-1", "prod-0").replace("AAAA", "BBBB"))
    (folder / "old.key").chmod(0o600)
    key = found(tmp_path, config=config)["master key"]
    assert key.verdict is Verdict.OK and "prod-1, and beside it prod-0" in key.found


def test_no_endpoint_at_all_is_said_as_that(tmp_path: Path) -> None:
    (tmp_path / "given.toml").touch()
    assert "rpc.urls names no endpoint; give two" in found(tmp_path, "paper")["endpoints"].line


def test_a_fault_between_two_keys_is_blamed_on_the_variable_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_ALERTS__HEARTBEAT_URL_FILE", "heartbeat-url")
    monkeypatch.setenv("BOT_ALERTS__QUIET_FROM", "22:00")
    line = found(tmp_path)["settings"].line
    assert "environment BOT_ALERTS__QUIET_FROM: " in line and "give both" in line and "HEARTBEAT" not in line


async def test_a_servers_folder_that_is_not_ours_is_one_line_with_its_cure(tmp_path: Path) -> None:
    """A state directory that was copied by root; the doctor ended in a traceback, and so did the start."""
    folder = tmp_path / "postgres"
    (folder / "data" / "postmaster.pid").mkdir(parents=True)  # what nobody may read either, for root too
    with pytest.raises(StartupError, match=r"it has to belong to the user that runs the bot: chown -R --reference="):
        await running_cluster(folder)


def test_the_profile_of_a_verb_is_the_given_one_else_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def endpoints(*arguments: str) -> str:
        main(["doctor", "--data-dir", str(tmp_path), *arguments])
        return next(line for line in capsys.readouterr().out.splitlines() if " endpoints: " in line)

    tmp_path.chmod(0o700)
    own = "profile local brings a chain of its own"
    assert own in endpoints()
    monkeypatch.setenv("BOT_PROFILE", "live")
    assert own not in endpoints() and own in endpoints("--profile", "local")
    monkeypatch.setenv("BOT_PROFILE", "lively")
    with pytest.raises(SystemExit):
        main(["doctor", "--data-dir", str(tmp_path)])
    assert "'lively' is no profile, neither here nor in BOT_PROFILE" in capsys.readouterr().err
    assert own in endpoints("--profile", "local"), "what is not asked for refuses nothing"


def test_the_verb_prints_a_line_each_and_ends_with_one_where_something_is_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o700)
    assert main(["doctor", "--data-dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split(" ")[0] in {"ok", "warn", "bad"} for line in lines) and len(lines) > 10
    (tmp_path / "bot.toml").write_text("nonsense")
    assert main(["doctor", "--json", "--data-dir", str(tmp_path)]) == 1
    told = json.loads(capsys.readouterr().out)["findings"]
    assert [one["verdict"] for one in told if one["name"] == "settings"] == ["bad"]


def test_before_an_upgrade_only_what_a_start_would_be_refused_for_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o700)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        (tmp_path / "bot.toml").write_text(f"[web]\nport = {other.getsockname()[1]}\n")
        assert main(["doctor", "--data-dir", str(tmp_path)]) == 1
        capsys.readouterr()
        assert main(["doctor", "--start", "--data-dir", str(tmp_path)]) == 0
    named = [line.split(":")[0].split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert set(named) == REFUSES_A_START
    for file in ("halt.json", "spool.journal"):
        (tmp_path / file).write_text("nonsense\n" * 9)
        assert main(["doctor", "--start", "--data-dir", str(tmp_path)]) == 1
        assert f"{file}: " in capsys.readouterr().out
        (tmp_path / file).unlink()
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    assert main(["doctor", "--start", "--data-dir", str(tmp_path)]) == 1
    assert "bad  database: " in capsys.readouterr().out


class Usage(NamedTuple):
    """What shutil says of a disk, in bytes."""

    total: int
    used: int
    free: int


def told_at_a_start(directory: Path, profile: str = "local", config: str = "") -> list[str]:
    file = directory / "given.toml"
    file.write_text(config)
    asked = argparse.Namespace(config=str(file), supervision=None, market=None, profile=profile, speed=1.0)
    said: list[str] = []
    look_at_start(read_options(asked, directory), CLOCK, said.append)
    return said


def test_a_start_tells_what_is_to_be_cured_and_asks_nobody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert told_at_a_start(tmp_path) == []
    HaltFile(tmp_path / "halt.json").keep(Halt("rpc", 1_794_000_000_000, "rpc watch", "away"))
    urls = '[rpc]\nurls = ["http://127.0.0.1:1", "http://localhost:1"]\n'
    said = told_at_a_start(tmp_path, "paper", urls)
    assert [line.split(":")[0] for line in said] == ["warn halt", "warn telegram", "warn watched", "warn backups"]
    assert all("; " in line for line in said), "each with its cure"


def test_a_full_disk_refuses_the_first_start_and_never_a_bot_that_may_hold_positions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 5_000_000))
    with pytest.raises(StartupError, match=r"nothing was started: bad  disk: 5 MB are free .*; make room"):
        told_at_a_start(tmp_path)
    (tmp_path / LOCK).touch()
    assert [line.partition(" are")[0] for line in told_at_a_start(tmp_path)] == ["bad  disk: 5 MB"]


def succeeds(directory: Path, config: str = "") -> list[str]:
    """What a program that is to take a running bot's place says of this directory."""
    file = directory / "given.toml"
    file.write_text(config)
    asked = argparse.Namespace(config=str(file), supervision=None, market=None, profile="local", speed=1.0)
    return list(examine_succession(read_options(asked, directory), CLOCK))


def test_no_bot_makes_place_for_one_that_would_not_get_as_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    assert succeeds(tmp_path) == []
    monkeypatch.setattr(socket_vault, "ANSWER_WITHIN_S", 0.1)
    vault = f'[vault]\nrun = "outside"\nsocket = "{tmp_path}/vault.sock"\n'
    with pytest.raises(StartupError, match=r"^vault: no vault answers on .*; runbooks/vault.md$"):
        succeeds(tmp_path, vault)
    for file in ("halt.json", "spool.journal"):
        (tmp_path / file).write_text("nonsense\n" * 9)
        with pytest.raises(StartupError, match=file):
            succeeds(tmp_path)
        (tmp_path / file).unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 5_000_000))
    with pytest.raises(StartupError, match=r"^disk: 5 MB are free at .*; make room"):
        succeeds(tmp_path)


def test_a_program_that_does_not_know_the_schema_of_the_running_server_is_told_so_before_it_is_too_late(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)
    with running_server(tmp_path / "postgres") as server:
        assert found(tmp_path)["database"].verdict is Verdict.OK
        made = "create table schema_migrations (version int)", "insert into schema_migrations values (9999) returning *"
        trio.run(run_sql, server, *made)
        assert found(tmp_path)["database"].found.startswith("its schema is at version 9999, and this program knows ")
        with pytest.raises(StartupError, match="run the newer program"):
            succeeds(tmp_path)
        (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("11\n")
        assert "was written by PostgreSQL 11, this program brings" in found(tmp_path)["database"].found


def test_the_disk_that_backups_go_to_is_looked_at_where_it_is_another_one(tmp_path: Path) -> None:
    data, memory = tmp_path / "data", Path("/dev/shm")
    data.mkdir(0o700)
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one disk")
    names = {}
    for folder in (memory, tmp_path):
        (data / "bot.toml").write_text(f'[backup]\nfolder = "{folder}"\n')
        names[folder] = [one.name for one in examine(data, "local", None, CLOCK)]
    assert "disk of backups" in names[memory]
    assert "disk of backups" not in names[tmp_path]


def test_a_port_that_another_program_has_is_told_and_keeps_no_bot_from_its_exits(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        [said] = told_at_a_start(tmp_path, config=f"[web]\nport = {port}\n")
    assert said == f"bad  port: another program has web.port {port}; choose another"
