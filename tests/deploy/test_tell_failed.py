"""The message that the bot failed, sent without it: by the standard library alone, to whoever has a credential."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.leaks.detect import MARK

SCRIPT = Path(__file__).parents[2] / "deploy" / "tell_failed.py"
TOKEN = f"123:{MARK}"


@contextmanager
def listening(status: int = 200) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """Somebody who takes messages over HTTP: the root of the address, and what came."""
    heard: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((self.path, json.loads(body)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the console."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join()


def told(
    folder: Path, telegram: str = "http://127.0.0.1:1/bot", *about: str, kept: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """One run, isolated from every package that is installed. `kept` is where it may remember when somebody was told."""
    keeps = {} if kept is None else {"RUNTIME_DIRECTORY": str(kept)}
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT), *about],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(folder), "TELEGRAM_BASE_URL": telegram, **keeps},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_both_are_told_and_no_credential_is_said(tmp_path: Path) -> None:
    with listening() as (root, heard):
        (tmp_path / "webhook-url").write_text(f"{root}/{MARK}\n")
        (tmp_path / "telegram-token").write_text(f"{TOKEN}\n")
        (tmp_path / "operator-chat").write_text("42\n")
        run = told(tmp_path, f"{root}/bot")
    assert (run.returncode, run.stdout) == (0, "the webhook: told\nTelegram: told\n"), run.stderr
    (hook, fields), (telegram, message) = heard
    assert (hook, telegram) == (f"/{MARK}", f"/bot{TOKEN}/sendMessage")
    assert message["chat_id"] == "42" and fields["text"] == fields["content"] == message["text"]
    assert "nobody watches the positions" in message["text"]


def test_one_that_does_not_answer_keeps_no_other_from_hearing_and_nobody_is_a_failure(tmp_path: Path) -> None:
    with listening() as (root, heard):
        (tmp_path / "webhook-url").write_text("http://127.0.0.1:1/" + MARK)
        (tmp_path / "telegram-token").write_text(TOKEN)
        (tmp_path / "operator-chat").write_text("42")
        run = told(tmp_path, f"{root}/bot")
        assert run.returncode == 0 and len(heard) == 1
        assert "the webhook: URLError" in run.stdout
    with listening(404) as (root, _):
        (tmp_path / "webhook-url").write_text(f"{root}/{MARK}")
        (tmp_path / "operator-chat").unlink()
        run = told(tmp_path)
        assert (run.returncode, run.stdout) == (1, "the webhook: HTTP status 404\n")
    (tmp_path / "webhook-url").unlink()
    run = told(tmp_path)
    assert run.returncode == 1 and "nobody can be told" in run.stdout
    assert MARK not in run.stdout + run.stderr


def test_who_was_told_is_told_again_after_an_hour_and_a_message_that_reached_nobody_uses_up_none(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    with listening(503) as (root, heard):
        (tmp_path / "webhook-url").write_text(f"{root}/x")
        assert [told(tmp_path, kept=kept).returncode for _ in range(2)] == [1, 1] and len(heard) == 2
    with listening() as (root, heard):
        (tmp_path / "webhook-url").write_text(f"{root}/x")
        assert told(tmp_path, kept=kept).stdout == "the webhook: told\n"
        again = told(tmp_path, kept=kept)
        assert (again.returncode, len(heard)) == (0, 1) and "the next message goes out in 60 min" in again.stdout
        for age_s in (3_601, -86_400):  # an hour later; and where the clock was put back since
            moment = time.time() - age_s
            os.utime(kept / "told", (moment, moment))
            assert told(tmp_path, kept=kept).stdout == "the webhook: told\n"
    assert len(heard) == 3


def test_a_backup_that_fails_is_not_told_as_a_bot_that_is_down(tmp_path: Path) -> None:
    with listening() as (root, heard):
        (tmp_path / "webhook-url").write_text(f"{root}/x")
        assert told(tmp_path, "", "backup").returncode == 0
    [(_, fields)] = heard
    assert "runbooks/backup.md" in fields["text"] and "nobody watches" not in fields["text"]
