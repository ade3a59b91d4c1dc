"""What people get wrong, through the real command line: one clear line each, nothing changed, and the cure works."""

from __future__ import annotations

import base64
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot import settings
from bot.errors import StartupError
from tests.storage.server_thread import running_server
from tests.whole.real import FAST, ROOT, RealBot, command, processes_of, real_bot
from tests.whole.real_evidence import Books, read_books

Done = subprocess.CompletedProcess[str]

NO_TOKEN = "So11111111111111111111111111111111111111112"
SUPERVISION = (ROOT / "supervision.toml").read_text()


@pytest.fixture(scope="module")
def home() -> Iterator[RealBot]:
    """A data directory with users and wallets on which no bot runs; each test leaves it so."""
    with real_bot(FAST) as bot:
        bot.start()
        bot.until_open()
        bot.snipers_off()
        bot.stop()
        yield bot


def run(home: RealBot, *arguments: str, environment: dict[str, str] | None = None) -> Done:
    """`bot run`, which is expected to refuse."""
    return command("run", "--data-dir", str(home.directory), *arguments, environment=environment)


def refused(done: Done, *lines: str) -> None:
    """It ended with exit code 1, and stderr is one line for each of these, which holds these words."""
    told = done.stderr.splitlines()
    assert done.returncode == 1, done
    assert "Traceback" not in done.stdout + done.stderr
    assert len(told) == len(lines), done.stderr
    for line, words in zip(told, lines, strict=True):
        assert line.startswith("bot: ")
        assert words in line


@contextmanager
def nothing_changed(home: RealBot) -> Iterator[None]:
    """Books and users are the same afterwards, and nothing runs."""
    before: Books = read_books(home.directory)
    yield
    assert processes_of(home.directory) == {}
    assert read_books(home.directory) == before


def files(directory: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a directory; the lock and the console are written by every start."""
    return {
        str(path.relative_to(directory)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.name not in {"lock", "console"}
    }


# ----------------------------------------------------------------------------------------------- before anything starts

SETTINGS_FAULTS = {
    "[trading]\nobserv_s = 3\n": ["x.toml:2:1: trading.observ_s: unknown key; did you mean observe_s?"],
    "[tradin]\nobserve_s = 3\n": ["x.toml:1:1: tradin: unknown key; did you mean trading?"],
    "trading = 3\n": ["x.toml:1:1: trading: this is a table; write [trading]"],
    "[trading\nobserve_s = 1\n": ["x.toml:1:9: not valid TOML"],
    "[trading]\nobserve_s = \n": ["x.toml:2:13: not valid TOML"],
    "[trading]\nmax_trade_sol = -1\n\n[localnet]\n  port = 99999\nslot_ms = 'a'\n[demo]\nusers = true\n": [
        "x.toml:2:1: trading.max_trade_sol: Input should be greater than 0",
        "x.toml:5:3: localnet.port: Input should be less than or equal to",
        "x.toml:6:1: localnet.slot_ms: Input should be a valid integer",
        "x.toml:8:1: demo.users: true and false are no value",
    ],
}

SUPERVISION_FAULTS = {
    "[supervisor.root\n": ["sup.toml:1:17: "],
    SUPERVISION.replace("intensity = 20", "intensty = 20", 1): ["did you mean 'intensity'?"],
}

ENVIRONMENT_FAULTS = {
    ("BOT_TRADING__OBSERVE", "3"): "environment BOT_TRADING__OBSERVE: trading.observe: unknown key",
    (
        "BOT_TRADING__OBSERVE_S",
        "abc",
    ): "environment BOT_TRADING__OBSERVE_S: trading.observe_s: Input should be a valid number",
    (
        "DATABASE_URL",
        "postgresql://u:sekret@127.0.0.1:99999/d",
    ): "environment DATABASE_URL: database.url: it cannot be read; write it as",
}


@pytest.mark.parametrize("text", SETTINGS_FAULTS, ids=range(len(SETTINGS_FAULTS)))
def test_every_fault_of_a_settings_file_is_one_line_with_its_place(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    with pytest.raises(StartupError) as caught:
        settings.load(file, {})
    for line, words in zip(str(caught.value).splitlines(), SETTINGS_FAULTS[text], strict=True):
        assert line.startswith(words)


@pytest.mark.parametrize("text", [next(iter(SETTINGS_FAULTS)), "[trading\nobserve_s = 1\n"], ids=["key", "syntax"])
def test_settings_file_with_a_fault_starts_nothing(home: RealBot, text: str) -> None:
    file = home.directory / "x.toml"
    file.write_text(text)
    before = files(home.directory)
    refused(run(home, "--config", str(file)), *SETTINGS_FAULTS[text])
    assert files(home.directory) == before


@pytest.mark.parametrize("text", SUPERVISION_FAULTS, ids=range(len(SUPERVISION_FAULTS)))
def test_supervision_file_is_refused_with_the_place_of_every_fault(home: RealBot, text: str) -> None:
    file = home.directory / "sup.toml"
    file.write_text(text)
    refused(run(home, "--supervision", str(file)), *SUPERVISION_FAULTS[text])


@pytest.mark.parametrize("variable", ENVIRONMENT_FAULTS, ids=range(len(ENVIRONMENT_FAULTS)))
def test_environment_is_refused_by_the_name_of_the_variable(home: RealBot, variable: tuple[str, str]) -> None:
    done = run(home, environment=dict([variable]))
    refused(done, ENVIRONMENT_FAULTS[variable])
    assert "sekret" not in done.stdout + done.stderr


def test_files_that_are_not_there_are_named_with_their_option(home: RealBot) -> None:
    gone = str(home.directory / "gone")
    before = files(home.directory)
    refused(run(home, "--config", gone), f"{gone}: no such settings file; check --config")
    refused(run(home, "--supervision", gone), f"{gone}: the supervision file cannot be read: No such file")
    refused(run(home, "--market", gone), f"{gone}: no such market file; check --market")
    assert files(home.directory) == before


def test_data_directory_that_cannot_be_made_is_named() -> None:
    """Not even root makes a folder in /proc, or below a file."""
    refused(command("run", "--data-dir", "/proc/bot"), "/proc/bot: the data directory cannot be used:")
    file = f"{ROOT / 'supervision.toml'}"
    refused(
        command("run", "--data-dir", file),
        f"{file}: is no folder, and the bot keeps its things in one; give --data-dir",
    )


def test_paper_without_an_endpoint_is_refused_as_it_is_to_root(home: RealBot) -> None:
    before = files(home.directory)
    refused(run(home, "--profile", "paper"), "profile paper")
    assert files(home.directory) == before


def test_live_is_refused_with_a_line_for_every_gate(home: RealBot) -> None:
    names = ("root", "master_key", "own_key", "signing_policy", "endpoints", "genesis", "allowlist", "telegram")
    before = files(home.directory)
    lines = [f"gate {name}: " for name in (*names, "ceilings", "kill_switch_drill", "restore_drill", "confirmation")]
    refused(run(home, "--profile", "live"), "profile live is refused", *lines)
    assert files(home.directory) == before


def test_taken_port_is_named_with_its_setting(home: RealBot) -> None:
    file = home.directory / "x.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(f"[localnet]\nport = {port}\n")
        before = files(home.directory)
        refused(run(home, "--config", str(file)), f"localnet.port = {port}: port {port} of 127.0.0.1 cannot be used")
        assert files(home.directory) == before


def test_wrong_usage_exits_with_2_and_a_silent_bot_with_3(home: RealBot) -> None:
    for line in ("", "runn", "run --speed 0", "run --speed fast", "run --profile real"):
        assert command(*line.split()).returncode == 2, line
    for line in ("status", "status --json", "supervisor status", "chat"):
        done = home.command(*line.split(), text="/help\n")
        assert done.returncode == 3, line
        assert done.stderr == (
            f"bot: no bot is running on {home.directory}; start it with `bot run`, or give --data-dir\n"
        )
        assert done.stdout == ""
    done = home.command("localnet", "fault", "rpc-down", "--for", "1s")
    assert done.returncode == 3
    assert done.stderr.startswith("localnet: no local chain answers in ")


# ------------------------------------------------------------------------------------------------ with the servers up


def test_market_that_is_no_recording_is_named_with_what_it_lacks(home: RealBot) -> None:
    file = home.directory / "market.csv"
    file.write_text("hello,world\n1,2\n")
    with nothing_changed(home):
        refused(run(home, "--market", str(file)), f"the recorded market {file} lacks the column(s) mint, ts_ms, side")


def _wrong_bytes(line: str) -> str:
    return line.partition(":")[0] + ":" + base64.b64encode(bytes(32)).decode() + "\n"


KEY_FAULTS: dict[str, tuple[Callable[[str], str] | None, int, str]] = {
    "missing": (None, 0o600, "no master key with id {id}; put the key file back"),
    "malformed": (lambda _: "garbage\n", 0o600, "not a master key; the key with id {id} is expected here"),
    "other bytes": (_wrong_bytes, 0o600, "master key {id} has the right id and opens none of the wallets"),
    "for everybody": (lambda line: line, 0o644, "can be read by others; run chmod 600 on it"),
}


@pytest.mark.parametrize("fault", KEY_FAULTS)
def test_master_key_that_is_not_the_wallets_is_refused_by_id(home: RealBot, fault: str) -> None:
    content, mode, words = KEY_FAULTS[fault]
    file = home.directory / "master.key"
    line = file.read_text()
    key_id, key = line.strip().split(":")
    file.unlink()
    if content is not None:
        file.write_text(content(line))
        file.chmod(mode)
    try:
        done = run(home)
        assert file.exists() is (content is not None), "a key was made where one was expected"
    finally:
        file.write_text(line)
        file.chmod(0o600)
    refused(done, words.format(id=key_id))
    assert key not in done.stdout + done.stderr


def test_database_of_another_chain_is_refused_by_name_and_left_alone(home: RealBot) -> None:
    chain, away = home.directory / "localnet", home.directory / "away"
    known = read_books(home.directory).genesis_hash
    chain.rename(away)
    with nothing_changed(home):
        try:
            done = run(home)
        finally:
            shutil.rmtree(chain)
            away.rename(chain)
    refused(done, f"the database belongs to the chain with genesis hash {known}, this chain has ")
    assert f"put that chain's data back into {chain}" in done.stderr


def test_database_that_is_away_is_waited_for_and_one_that_refuses_is_named(tmp_path: Path) -> None:
    """A server that refuses the password, then one that does not run yet; once it does, the bot works on it."""
    with running_server(tmp_path) as server, real_bot(FAST) as bot:
        password = urlsplit(server.dsn).password
        assert password is not None
        wrong = run(bot, environment={"DATABASE_URL": server.dsn.replace(password, "sekret")})
        refused(wrong, "(database.url) cannot be used: it refuses the user name or the password; correct database.url")
        assert "sekret" not in wrong.stdout + wrong.stderr
    with real_bot(FAST) as bot:
        bot.start(environment={"DATABASE_URL": server.dsn})
        waits = bot.until("it waits", lambda status: "waits" in status)
        assert (waits["state"], waits["waits"]["for"]) == ("STARTING", "database")
        told = bot.command("status")
        assert (told.returncode, told.stdout.startswith("STARTING: waits for its database since ")) == (0, True), told
        assert "is STARTING, waits for its database" in bot.command("pause").stderr
        with running_server(tmp_path) as again:
            assert again.dsn == server.dsn
            assert bot.until_open()["users"] == 2
            bot.stop()
        console = (bot.directory / "console").read_text()
        assert console.count("waits for its database") == 1
        assert password not in console
        assert not (bot.directory / "postgres").exists()


# ---------------------------------------------------------------------------------------------- while the bot runs


def test_the_cured_directory_works_and_takes_no_second_bot_and_no_wrong_amount(home: RealBot) -> None:
    """Last in this file: after all those refusals the bot starts, and what is typed wrong buys nothing."""
    home.start()
    status = home.until_open()
    assert home.process is not None
    done = run(home, environment={"HELIUS_API_KEY": "s3kret", "TWITTER_API_KEY": ""})
    refused(done, f"{home.directory}: another bot runs here (pid {home.process.pid}); stop it, or give --data-dir")
    assert "environment: HELIUS_API_KEY has no effect: rpc.urls names the endpoints of profile paper" in done.stdout
    assert "s3kret" not in done.stdout
    assert "TWITTER_API_KEY" not in done.stdout
    typed = {
        f"/buy {NO_TOKEN} -1": "'-1' is negative; give a positive amount in SOL",
        f"/buy {NO_TOKEN} 0": "'0' is zero; give a positive amount in SOL",
        f"/buy {NO_TOKEN} abc": "'abc' is not an amount; write it like 0.5",
        f"/buy {NO_TOKEN} 0.0000000001": "more than 9 decimals",
        f"/buy {NO_TOKEN} 1e3": "'1e3' is not an amount",
        f"/buy {NO_TOKEN} 1.5": "1.5 SOL is above your limit per trade of 1 SOL; give a smaller amount",
        f"/buy {NO_TOKEN} 0.1": f"{NO_TOKEN} is no token of the launchpad, or so new that the chain has not confirmed it",
        "/buy 0OIl 0.1": "'0OIl' is not a token address; it has 32 to 44 letters and digits",
    }
    for line, words in typed.items():
        assert words in home.say("demo-1", line)[-1], line
    assert home.status()["trades_today"] == status["trades_today"]
    assert stat.S_IMODE((home.directory / "ctl.sock").stat().st_mode) == 0o600
    home.stop()
    assert not (home.directory / "localnet" / "localnet.sock").exists()
