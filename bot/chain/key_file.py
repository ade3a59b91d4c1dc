"""A provider's key in a file of one line, read again when the file changes, so that a new key is used without a restart.

What is asked from then on carries the new key; what is on its way ends with the old one, which is not kept. No key is in an
error, a log, a status line or a repr.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import structlog
import trio

from bot.errors import StartupError

# The current key, asked for whenever a request is made.
Key = Callable[[], str]

MARK = "{key}"  # where it stands in a URL
MAX_BYTES = 1_000
LOOK_EVERY_S = 1.0
LOOK_WITHIN_S = 2.0
_FORM = re.compile(r"[!-~]{1,500}")

log = structlog.get_logger()


class KeyUnreadableError(Exception):
    """The file cannot be read, or holds no key; the text says which and nothing of its content."""


class KeyOpenToOthersError(KeyUnreadableError):
    """Others than the file's owner may read it, or change it."""


class KeyFile:
    """The key in `path`; `setting` is what names the file, and who uses it is told when it changes.

    Raises StartupError for a file that holds none, or that others may read. Later such a file changes nothing but
    `trouble`: whoever replaces a file in two steps leaves it empty for a moment. So does a key of which `refuses`, given the
    one that is used and that one, says why it cannot take its place; without a reason it says nothing.
    """

    def __init__(self, path: Path, setting: str, refuses: Callable[[str, str], str] | None = None) -> None:
        self._path = path
        self._setting = setting
        self._refuses = refuses or (lambda _before, _now: "")
        try:
            self._text = _content(path)
        except KeyOpenToOthersError as error:
            raise StartupError(f"{setting}: {error}") from None
        except KeyUnreadableError as error:
            raise StartupError(f"{setting}: {error}; put the key there, alone on one line") from None
        self._seen = self._text
        self._using: list[Callable[[], None]] = []
        self.trouble = ""
        self._reading = trio.CapacityLimiter(1)

    def __repr__(self) -> str:
        return f"<KeyFile {self._setting}>"

    @property
    def setting(self) -> str:
        """What names the file."""
        return self._setting

    def text(self) -> str:
        """The key that is used now."""
        return self._text

    def tell(self, changed: Callable[[], None]) -> None:
        """Call this after each change."""
        self._using.append(changed)

    async def look(self) -> None:
        """Read the file again. A new key counts once it was read twice: one that is being written is not whole."""
        with trio.move_on_after(LOOK_WITHIN_S) as scope:
            try:
                found = await trio.to_thread.run_sync(
                    _content, self._path, abandon_on_cancel=True, limiter=self._reading
                )
            except KeyUnreadableError as error:
                self._in_trouble(str(error))
                return
        if scope.cancelled_caught:
            self._in_trouble(f"{self._path} was not read within {LOOK_WITHIN_S:g} s")
            return
        if reason := self._refuses(self._text, found):
            self._in_trouble(f"{self._path}: {reason}")
            return
        self.trouble = ""
        is_whole, self._seen = found == self._seen, found
        if is_whole and found != self._text:
            self._text = found
            log.info("key_changed", setting=self._setting, file=self._path.name)
            for changed in self._using:
                changed()

    def _in_trouble(self, what: str) -> None:
        if not self.trouble:
            log.warning("key_not_read", setting=self._setting, reason=what)
        self.trouble = f"{self._setting}: {what}; the key from before is used"


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw, state = file.read(MAX_BYTES), os.fstat(file.fileno())
    except OSError as error:
        raise KeyUnreadableError(f"{path} cannot be read: {error.strerror}") from None
    text = raw.decode("latin-1").strip()
    if not _FORM.fullmatch(text):
        raise KeyUnreadableError(f"{path} holds no key")
    # Only now: whoever named another file by mistake must not be told to change the mode of that one.
    if _is_open_to_others(path, state):
        raise KeyOpenToOthersError(f"{path} can be read by others; run chmod 600 on it")
    return text


def _is_open_to_others(path: Path, state: os.stat_result) -> bool:
    """A credential that systemd passes belongs to root and shows the mask of its access list as bits of the group."""
    passed_by_systemd = state.st_uid == 0 and str(path.parent) == os.environ.get("CREDENTIALS_DIRECTORY")
    refused = stat.S_IRWXO if passed_by_systemd else stat.S_IRWXG | stat.S_IRWXO
    return bool(stat.S_IMODE(state.st_mode) & refused)


def filled(template: str, key: Key | None) -> str:
    """A URL with the key in its place."""
    return template if key is None else template.replace(MARK, quote(key(), safe=""))


async def keep(files: Sequence[KeyFile], every_s: float = LOOK_EVERY_S) -> None:
    """Look at each file so often until cancelled; without any there is nothing to do."""
    while files:
        await trio.sleep(every_s)
        for one in files:
            await one.look()
