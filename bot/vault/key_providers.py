"""Where former master keys come from: the keys that rows may still be sealed under, beside the one that new rows are.

A provider is a file, or a folder of them, such as the directory of a unit's credentials. Each file is guarded as that of the
newest key is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.errors import StartupError
from bot.vault.master_key import MasterKey, read_master_key

SUFFIX = ".key"
KEYS_MAX = 64


class KeyProvider(Protocol):
    """Gives master keys. Raises StartupError, with one line that names the place and never the content."""

    def keys(self) -> tuple[MasterKey, ...]:
        """Every key that is there, at least one."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key in a file of one line."""

    path: Path

    def keys(self) -> tuple[MasterKey, ...]:
        return (read_master_key(self.path),)


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Every file in a folder whose name ends in `.key`, one key each; whatever else lies there is left alone."""

    path: Path

    def keys(self) -> tuple[MasterKey, ...]:
        try:
            files = sorted(file for file in self.path.iterdir() if file.suffix == SUFFIX)
        except OSError as error:
            raise StartupError(f"{self.path}: the former master keys cannot be listed: {error.strerror}") from None
        if not 0 < len(files) <= KEYS_MAX:
            raise StartupError(f"{self.path}: has {len(files)} files that end in {SUFFIX}, not 1 to {KEYS_MAX}")
        return tuple(read_master_key(file) for file in files)


def provider_of(path: Path) -> KeyProvider:
    """The provider of a path: a folder, or a file. Raises StartupError for one that is not there."""
    if not os.path.lexists(path):
        raise StartupError(
            f"{path}: there is no such file or folder of former master keys; put it back, or take wallets.former_keys out once"
            " bot keys says that no wallet needs them"
        )
    return KeyFolder(path) if path.is_dir() else KeyFile(path)
