"""Tells the operator that the bot, its vault or a backup ended in failure, without the program, which may be what is broken.

The credentials are files in `CREDENTIALS_DIRECTORY`, where systemd puts them: `webhook-url`, or `telegram-token` with
`operator-chat`. Both are used where both are there. Nothing secret is printed. It ends with 1 where nobody could be told.

What was told is told again after an hour at the earliest. When that was is a file in `RUNTIME_DIRECTORY`, which systemd makes and
keeps; a message that reached nobody leaves none, so that the next failure tries again. Backups have a unit and an hour of their
own: one that fails every few minutes must not be why nobody hears of a crash.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

WITHIN_S = 20
TELEGRAM = "https://api.telegram.org/bot"
AGAIN_S = 3600
BACKUP = "backup"  # the argument of those who speak of backups
TEXT = (
    "trading-bot on {host} ended in failure. systemd starts it again every few seconds; while it is down nobody watches the"
    " positions. Look: systemctl status trading-bot trading-bot-vault, journalctl -u trading-bot -n 50; runbooks/README.md"
    " says what to do. The next message comes in an hour at the earliest."
)
BACKUP_TEXT = (
    "trading-bot on {host} could not make a backup, or bring one away. The bot itself is not touched by that: it trades on. Look:"
    " journalctl -u trading-bot-backup -n 20; runbooks/backup.md says what to do. The next message comes in an hour at the"
    " earliest."
)


def credential(folder: Path, name: str) -> str:
    """One line, empty where there is none."""
    try:
        return (folder / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def wanted(folder: Path, text: str, telegram: str = TELEGRAM) -> list[tuple[str, str, dict[str, str]]]:
    """Who is to be told: a name for people, the address, the fields."""
    found = []
    if hook := credential(folder, "webhook-url"):
        found.append(("the webhook", hook, {"text": text, "content": text, "level": "critical", "about": "failed"}))
    token, chat = credential(folder, "telegram-token"), credential(folder, "operator-chat")
    if token and chat:
        found.append(("Telegram", f"{telegram}{token}/sendMessage", {"chat_id": chat, "text": text}))
    return found


def tell(url: str, fields: dict[str, str]) -> str:
    """Send them; what went wrong, empty when nothing did. The address is in no text."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        return "its address does not begin with https://"
    body = json.dumps(fields).encode()
    try:
        asked = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 - looked at above
        with urllib.request.urlopen(asked, timeout=WITHIN_S) as answer:  # noqa: S310
            return "" if 200 <= answer.status < 300 else f"HTTP status {answer.status}"
    except urllib.error.HTTPError as error:
        return f"HTTP status {error.code}"
    except (OSError, ValueError) as error:
        return type(error).__name__


def note() -> Path | None:
    """The file whose age says when somebody was last told; None where there is no place for it."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "")
    return Path(folder, "told") if folder else None


def age_s(noted: Path | None) -> float | None:
    """How long ago somebody was told; None when nobody was within the hour, or by a clock that was put back since."""
    try:
        age = time.time() - noted.stat().st_mtime if noted is not None else AGAIN_S
    except OSError:
        return None
    return age if 0 <= age < AGAIN_S else None


def main() -> int:
    """Tell everybody, unless somebody was told within the hour; 0 when somebody was."""
    is_backup = BACKUP in sys.argv[1:]
    noted = note()
    if (age := age_s(noted)) is not None:
        print(
            f"told {age / 60:.0f} min ago; the next message goes out in {(AGAIN_S - age) / 60:.0f} min at the earliest"
        )
        return 0
    folder = Path(os.environ.get("CREDENTIALS_DIRECTORY", "."))
    text = BACKUP_TEXT if is_backup else TEXT
    people = wanted(folder, text.format(host=socket.gethostname()), os.environ.get("TELEGRAM_BASE_URL", TELEGRAM))
    if not people:
        print(
            "nobody can be told: put trading-bot.webhook-url, or trading-bot.telegram-token and trading-bot.operator-chat, into"
        )
        print("/etc/credstore")
        return 1
    troubles = [(name, tell(url, fields)) for name, url, fields in people]
    for name, trouble in troubles:
        print(f"{name}: {trouble or 'told'}")
    if not any(not trouble for _, trouble in troubles):
        return 1
    if noted is not None:
        noted.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
