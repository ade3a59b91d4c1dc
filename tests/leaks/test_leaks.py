"""A secret that a run leaves is found in every form and place, and what looks like one is not."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
import trio
from solders.keypair import Keypair

from bot.storage.address import DatabaseAddress
from bot.vault.master_key import MasterKey, make_local_key
from tests.leaks.detect import MARK, Known, leaks
from tests.leaks.places import leaks_in_database, leaks_in_directory
from tests.storage.server_thread import fast_folder, run_sql, running_server

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[2]
PAIR = Keypair.from_seed(bytes(range(1, 33)))
ADDRESS = str(PAIR.pubkey())
WHOLE, SEED = bytes(PAIR), bytes(PAIR)[:32]
MASTER = MasterKey("m", bytes(range(100, 132)))


def known() -> Known:
    known = Known()
    known.add("the master key", MASTER.key)
    known.add_text("the password", "a-password-of-the-database")
    return known


@pytest.mark.parametrize(
    "written",
    [
        f'{{"event": "x", "key": "{PAIR}"}}',
        f"key={PAIR}",
        WHOLE.hex(),
        base64.b64encode(WHOLE).decode(),
        json.dumps(list(WHOLE)),
        f"{ADDRESS} {Keypair.from_seed(SEED).secret().hex()}",
        f"{ADDRESS}: {base64.b64encode(SEED).decode()}",
        f"[{ADDRESS}, {json.dumps(list(WHOLE))}]",
        f"master {base64.b64encode(MASTER.key).decode()}",
        f"master {base64.urlsafe_b64encode(MASTER.key).decode()}",
        f"master {MASTER.key.hex()}",
        f"master {list(MASTER.key)}",
        "postgresql://bot:a-password-of-the-database@/postgres",
        "FATAL: password a-password-of-the-database is wrong",
        "https://user:hunter2@rpc.example/",
        "GET https://rpc.example/?api-key=0123456789abcdef",
        "POST https://api.telegram.org/bot1234567:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIi/getMe",
        f"refused: {MARK}",
    ],
)
def test_a_secret_in_each_form(written: str) -> None:
    [found, *_] = leaks(f"said before\n{written}\nand behind".encode(), known())
    assert written not in found


@pytest.mark.parametrize(
    "written",
    [
        ADDRESS,
        f"signature {PAIR.sign_message(b'x')} of {ADDRESS}",
        SEED.hex(),  # nothing says that these are a key: their address stands nowhere
        json.dumps(list(range(63))),
        json.dumps([900] * 64),
        "https://rpc.example/?api-key=***",
        "https://user:***@rpc.example/",
        "12:34:56 https://rpc.example:8899/ 2026-11-22T00:00:00Z",
        "sha256:" + "ab" * 32,
        "",
    ],
)
def test_what_only_looks_like_one(written: str) -> None:
    assert leaks(written.encode(), known()) == []


def test_a_directory_is_read_to_its_last_file(tmp_path: Path) -> None:
    master = make_local_key(tmp_path / "master.key")
    (tmp_path / "recordings" / "segments").mkdir(parents=True)
    (tmp_path / "bot.toml").write_text(f'base_url = "{MARK}"')
    (tmp_path / "bot.log").write_text("nothing\n")
    assert leaks_in_directory(tmp_path) == []
    (tmp_path / "bot.log.1").write_bytes(b"key " + master.key.hex().encode())
    (tmp_path / "recordings" / "segments" / "x.csv").write_text(MARK)
    (tmp_path / "console").write_bytes(os.urandom(999) + master.key + os.urandom(999))
    assert [one.partition(":")[0] for one in leaks_in_directory(tmp_path)] == [
        "bot.log.1",
        "console",
        "recordings/segments/x.csv",
    ]


def test_a_database_is_read_in_its_columns_and_on_its_pages(tmp_path: Path) -> None:
    text, hidden = f"he said {PAIR} and no more. " * 200, "create table kept (told text, at_rest bytea)"

    async def write(address: DatabaseAddress) -> list[str]:
        await run_sql(address, hidden, "select 1")
        assert await leaks_in_database(address) == []
        await run_sql(address, f"insert into kept values ('{text}', '\\x{WHOLE.hex()}')", "checkpoint", "select 1")
        return await leaks_in_database(address)

    with fast_folder(tmp_path) as folder:
        with running_server(folder / "postgres") as address:
            assert trio.run(write, address) == [f"a column: the private key of {ADDRESS}"]
            trio.run(run_sql, address, f"update kept set told = '{PAIR}'", "delete from kept", "select 1")
        [found] = {one.partition(": ")[2] for one in leaks_in_directory(folder)}
        assert found == f"the private key of {ADDRESS}"


def test_a_test_whose_output_holds_a_secret_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest((ROOT / "tests" / "conftest.py").read_text())
    pytester.makepyfile(f"""
        def test_silent():
            pass

        def test_that_prints():
            print("key", {str(PAIR)!r})
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines([f"*its output holds secrets*{ADDRESS}*"])
    capsys.readouterr()  # else this one fails for the same reason
