"""Who may look: the token in its file, and the sessions of browsers that have shown it.

The token is read from its file for every session that is opened. A new token in the file ends all sessions.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import trio

from bot.errors import StartupError
from bot.paths import text_of

TOKEN_LEAST = 24  # characters
TOKEN_FILE = "web.token"  # noqa: S105 - its name
CREDENTIAL = "web-token"
FILE_BYTES_MAX = 1_024
SESSION_S = 12 * 3600.0
SESSIONS_MAX = 16
ASKED_MAX = 8  # questions of one session that wait for their confirmation
ASKED_S = 120.0
TRIES_MAX = 10  # wrong tokens a minute, of everybody together
TRIES_S = 60.0


def token_file(given: str | None, directory: Path, credentials: str | None) -> tuple[Path, bool]:
    """The file that holds the token, and whether it was made now.

    As given, else `web-token` of systemd's credentials directory, else `web.token` in the data directory, which is made
    with a new token where it is missing. Raises StartupError where it cannot be used.
    """
    if given:
        path, made = Path(given), False
    elif credentials and (Path(credentials) / CREDENTIAL).exists():
        path, made = Path(credentials) / CREDENTIAL, False
    else:
        path = directory / TOKEN_FILE
        made = _make(path)
    read_token(path)
    return path, made


def _make(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise StartupError(
            f"{path}: the dashboard's token cannot be kept here ({error.strerror}); give --token-file or --data-dir"
        ) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(f"{secrets.token_urlsafe(32)}\n")
    return True


def read_token(path: Path) -> str:
    """The token; raises StartupError for one that others may read, that is too short or that cannot be read."""
    try:
        mode = path.stat().st_mode
        text = text_of(path, FILE_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StartupError(f"{path}: the dashboard's token cannot be read: {reason}; check --token-file") from None
    if stat.S_IMODE(mode) & 0o077:
        raise StartupError(f"{path}: others may read the dashboard's token; chmod 600 it")
    if len(text) < TOKEN_LEAST or any(letter.isspace() for letter in text):
        raise StartupError(f"{path}: a token is one line of {TOKEN_LEAST} characters or more, without spaces")
    return text


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that waits for its confirmation."""

    verb: str
    until_s: float


@dataclass(slots=True)
class Session:
    """A browser that has shown the token. `form` is what each of its forms must bring back."""

    ends_at_s: float
    form: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    asked: dict[str, Asked] = field(default_factory=dict, repr=False)

    def ask(self, verb: str) -> str:
        """Remember an action until it is confirmed; the word that confirms it, once."""
        word = secrets.token_urlsafe(16)
        while len(self.asked) >= ASKED_MAX:
            del self.asked[next(iter(self.asked))]
        self.asked[word] = Asked(verb, trio.current_time() + ASKED_S)
        return word

    def confirmed(self, word: str) -> str | None:
        """The action of a word, which is over with this; None for one that is unknown, was used or waited too long."""
        asked = self.asked.pop(word, None)
        return asked.verb if asked is not None and trio.current_time() < asked.until_s else None


class Sessions:
    """Opens a session for the token and finds it again by its cookie. Nothing here outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[bytes, Session] = {}
        self._token = _digest(read_token(path))
        self._wrong_s: list[float] = []

    def __repr__(self) -> str:
        return f"<Sessions open={len(self._open)}>"

    def is_patient(self) -> bool:
        """Whether another token may be tried; after some wrong ones nobody's is looked at for a while."""
        since_s = trio.current_time() - TRIES_S
        self._wrong_s = [at_s for at_s in self._wrong_s if at_s > since_s]
        return len(self._wrong_s) < TRIES_MAX

    def open(self, shown: str) -> str | None:
        """The cookie of a new session, None for a wrong token. Raises StartupError where the file cannot be read now."""
        self._look()
        if not hmac.compare_digest(_digest(shown), self._token):
            self._wrong_s.append(trio.current_time())
            return None
        cookie = secrets.token_urlsafe(32)
        while len(self._open) >= SESSIONS_MAX:
            del self._open[next(iter(self._open))]
        self._open[_digest(cookie)] = Session(trio.current_time() + SESSION_S)
        return cookie

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, None where there is none, or none any more."""
        if not cookie:
            return None
        session = self._open.get(_digest(cookie))
        return session if session is not None and trio.current_time() < session.ends_at_s else None

    def close(self, cookie: str) -> None:
        """End a session."""
        self._open.pop(_digest(cookie), None)

    def look_again(self) -> None:
        """Take up a new token of the file; one that cannot be read now leaves everything as it is."""
        try:
            self._look()
        except StartupError:
            return

    def _look(self) -> None:
        token = _digest(read_token(self._path))
        if token != self._token:
            self._token = token
            self._open.clear()


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
