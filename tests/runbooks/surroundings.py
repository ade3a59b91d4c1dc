"""What stands round the bot that is walked on: Telegram, whoever hears its signs of life, and files that it is given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.telegram.fake_bot_api import TOKEN
from tests.telegram.fake_webhook import free_port
from tests.vault.test_sqlite_import import FERNET_KEY
from tests.whole.real import FAST, RealBot, real_bot, supervision_file
from tests.whole.real_directory import data_directory
from tests.whole.real_market import write_busy_market
from tests.whole.real_telegram import TelegramOutside, telegram_outside

LAUNCHES = 6_000
OPERATOR = 99
HEARTBEAT_S = 10
SETTINGS = FAST.replace(
    "[localnet]",
    """\
[vault]
run = "child"
[model]
folder = "no-such-model"
[wallets]
fernet_key_file = "{files}/fernet-key"
[telegram]
base_url = "{telegram}"
operator_chat_id = {operator}
[alerts]
heartbeat_url_file = "{files}/heartbeat-url"
heartbeat_every_s = {heartbeat_s}
[web]
port = {port}
[backup]
folder = "{files}/backups"
[localnet]
demo_fund_sol = 1000""",
).replace("[demo]", "[demo]\nsnipe_sol = 0.02\nsnipe_max_daily = 1000000")
# The least dwell time that is taken; it doubles with each relapse within an hour.
SUPERVISION = supervision_file(dwell_s=0.01, telegram={"pauses_after_s": 3})


class Listener:
    """A service that hears signs of life; while it is closed none arrive."""

    def __init__(self) -> None:
        self._port = free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/ping"

    def open(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _Hears)
        threading.Thread(target=self._server.serve_forever, name="who hears signs of life", daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Hears(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    do_POST = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing on the console."""


@dataclass(frozen=True, slots=True)
class Around:
    """The surroundings of one bot. `files` is a folder of its operator, `port` where monitoring asks."""

    files: Path
    telegram: TelegramOutside | None
    listener: Listener
    port: int

    def start(self, bot: RealBot) -> None:
        """`bot run` in these surroundings."""
        bot.start("--market", str(self.files / "busy.csv"), environment={"TELEGRAM_BOT_TOKEN": TOKEN})


@contextmanager
def surrounded_bot() -> Iterator[tuple[RealBot, Around]]:
    """A bot that is not started yet, and all that its pages speak of."""
    with data_directory() as files, telegram_outside() as telegram:
        around = Around(files, telegram, Listener(), free_port())
        guarded(files / "fernet-key", FERNET_KEY.decode())
        guarded(files / "heartbeat-url", around.listener.url)
        write_busy_market(files / "busy.csv", LAUNCHES)
        (files / "backups").mkdir()
        settings = SETTINGS.format(
            files=files, telegram=telegram.url, operator=OPERATOR, heartbeat_s=HEARTBEAT_S, port=around.port
        )
        around.listener.open()
        try:
            with real_bot(settings, SUPERVISION) as bot:
                yield bot, around
        finally:
            around.listener.close()


def guarded(path: Path, content: str) -> None:
    """A file with a secret, for its owner's eyes alone."""
    path.touch(0o600)
    path.write_text(f"{content}\n")
