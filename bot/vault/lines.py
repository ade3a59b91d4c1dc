"""Lines that the vault keeps for itself in a file of its own: of each subject the last one counts.

A line is written before whoever wrote it goes on, and no row of the bot's database can put an old one back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from bot.errors import StartupError

Line = TypeVar("Line", bound=msgspec.Struct)

OVERTAKEN_MAX = 20_000  # so many lines that count no more are the most that a running vault leaves in its file


class Lines(Generic[Line]):
    """The last line of each subject. Without a path they are remembered for as long as the object lives."""

    def __init__(self, path: Path | None, form: type[Line], subject: Callable[[Line], str]) -> None:
        """Raises StartupError for a file that cannot be used. A torn last line was never acted upon and is left out."""
        self._path, self._form, self._subject = path, form, subject
        self._last: dict[str, Line] = {}
        self._written = 0
        if path is not None:
            self._load(path)

    def __repr__(self) -> str:
        return f"<Lines {self._form.__name__} of {len(self._last)}>"

    def __len__(self) -> int:
        return len(self._last)

    def __contains__(self, subject: str) -> bool:
        return subject in self._last

    def of(self, subject: str) -> Line | None:
        """The latest line of a subject, None where there is none."""
        return self._last.get(subject)

    def keep(self, line: Line, *, durable: bool = True) -> None:
        """On the disk first; raises OSError where that takes none, and nothing has changed.

        A line that is not `durable` outlives this process in the kernel's hands, and perhaps not the machine's power.
        """
        if self._path is not None:
            _append(self._path, _encoded(line), durable=durable)
            self._written += 1
        self._last[self._subject(line)] = line
        if self._path is not None and self._written - len(self._last) >= OVERTAKEN_MAX:
            with suppress(OSError):  # the line is kept all the same, and the next one tries again
                self._write_anew(self._path)

    def _load(self, path: Path) -> None:
        try:
            whole = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
            for number, content in enumerate(whole):
                line = self._decoded(content, path, number + 1)
                self._last[self._subject(line)] = line
            self._write_anew(path)
        except OSError as error:
            raise StartupError(f"{path}: what the vault remembers cannot be used: {error.strerror}") from None

    def _decoded(self, content: bytes, path: Path, number: int) -> Line:
        try:
            return msgspec.json.decode(content, type=self._form)
        except msgspec.DecodeError:
            raise StartupError(f"{path}: line {number} is none of the vault's; put the file back as it was") from None

    def _write_anew(self, path: Path) -> None:
        """One line for each subject."""
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        _append(draft, b"".join(map(_encoded, self._last.values())))
        draft.replace(path)
        _sync_folder(path.parent)
        self._written = len(self._last)


def _encoded(line: msgspec.Struct) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _append(path: Path, content: bytes, *, durable: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        written = os.write(descriptor, content)
        if written != len(content):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise OSError(None, "no space is left")
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
