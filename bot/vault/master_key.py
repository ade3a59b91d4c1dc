"""Master keys and where they come from: a file, an environment variable, or a fresh one for profile `local`.

A master key is one line, `key-id:base64 of 32 bytes`. The id is a version: it stands beside every wallet that the key
wraps, and tells which key a refusal is about. Nothing here makes a key where one was expected (D-18).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import StartupError

KEY_BYTES = 32
LOCAL_PREFIX = "local-"
MAX_FILE_BYTES = 1_000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FORM = "one line, key-id:base64 of 32 bytes"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps the wallets' data keys. Its bytes appear in no repr."""

    id: str
    key: bytes = field(repr=False)


def parse_master_key(line: str, place: str, expected_id: str | None = None, what: str = "master key") -> MasterKey:
    """Read one line; raises StartupError that names the place, the id that is expected and the cure, never the content."""
    wanted = f"; the key with id {expected_id} is expected here" if expected_id else ""
    key_id, separator, text = line.strip().partition(":")
    if not separator or not _ID.fullmatch(key_id):
        raise StartupError(f"{place}: not a {what}{wanted}; it must be {_FORM}")
    if expected_id is not None and key_id != expected_id:
        raise StartupError(f"{place}: holds a {what} with another id{wanted}; put that one back, or rotate to this one")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StartupError(f"{place}: the {what} is not valid base64{wanted}; it must be {_FORM}") from None
    if len(key) != KEY_BYTES:
        raise StartupError(f"{place}: the {what} does not have {KEY_BYTES} bytes{wanted}; it must be {_FORM}")
    return MasterKey(key_id, key)


def read_master_key(path: Path, expected_id: str | None = None) -> MasterKey:
    """The master key in a file that only its owner, and we are he, may read; raises StartupError with one line.

    `expected_id` is the id that the sealed wallets name, where there are any: a missing key is never replaced by a new one.
    """
    wanted = f" with id {expected_id}" if expected_id else ""
    content, state = _read_file(path, wanted)
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError:
        lines = []
    if len(content) > MAX_FILE_BYTES or len(lines) != 1:
        raise StartupError(f"{path}: not a master key{wanted}; it must be {_FORM}")
    master_key = parse_master_key(lines[0], str(path), expected_id)
    # Only now: whoever named another file by mistake must not be told to change the mode of that one.
    _check_guarded(path, state, wanted)
    return master_key


def read_guarded(path: Path, what: str, setting: str) -> bytes:
    """Another secret of one file that only its owner, and we are he, may read; raises StartupError with one line."""
    content, state = _read_file(path, "", what, setting)
    if len(content) > MAX_FILE_BYTES:
        raise StartupError(f"{path}: not a {what}; it is too long")
    _check_guarded(path, state, "", what)
    return content


def _read_file(
    path: Path, wanted: str, what: str = "master key", setting: str = "wallets.master_key_file"
) -> tuple[bytes, os.stat_result]:
    """The file's bytes, at most one more than a key file may have; links are not followed and pipes not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise StartupError(f"{path}: no {what}{wanted}; put the key file back, or name another in {setting}") from None
    except OSError as error:
        raise StartupError(f"{path}: the {what}{wanted} cannot be read: {error.strerror}; mend the file") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise StartupError(f"{path}: the {what}{wanted} must be a regular file")
        return os.read(descriptor, MAX_FILE_BYTES + 1), state
    finally:
        os.close(descriptor)


def _check_guarded(path: Path, state: os.stat_result, wanted: str, what: str = "master key") -> None:
    """The owner is we or root, and nobody else may read.

    A credential that systemd passes belongs to root and is opened to the unit's user by an access list, whose mask shows
    as group bits; only root can put a file there, so those bits are let through.
    """
    if state.st_uid not in {0, os.geteuid()}:
        raise StartupError(f"{path}: the {what}{wanted} belongs to uid {state.st_uid}; chown it to uid {os.geteuid()}")
    passed_by_systemd = state.st_uid == 0 and str(path.parent) == os.environ.get("CREDENTIALS_DIRECTORY")
    refused = stat.S_IRWXO if passed_by_systemd else stat.S_IRWXG | stat.S_IRWXO
    if stat.S_IMODE(state.st_mode) & refused:
        raise StartupError(f"{path}: the {what}{wanted} can be read by others; run chmod 600 on it")


def master_key_from_environment(
    variable: str, environment: Mapping[str, str] = os.environ, expected_id: str | None = None
) -> MasterKey:
    """The master key in an environment variable, for development; raises StartupError with one line."""
    place = f"environment variable {variable}"
    wanted = f" with id {expected_id}" if expected_id else ""
    line = environment.get(variable, "")
    if not line:
        raise StartupError(f"{place}: no master key{wanted}; set it to key-id:base64 of 32 bytes")
    return parse_master_key(line, place, expected_id)


def make_local_key(path: Path) -> MasterKey:
    """A fresh key for profile `local`, written whole, readable by its owner alone, and on the disk before it is used.

    Raises StartupError when something is there already: a key is never overwritten.
    """
    master_key = MasterKey(LOCAL_PREFIX + os.urandom(4).hex(), os.urandom(KEY_BYTES))
    line = f"{master_key.id}:{base64.b64encode(master_key.key).decode()}\n"
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        _write_guarded(draft, line.encode())
        try:
            os.link(draft, path)  # unlike a rename, this refuses to overwrite
        finally:
            draft.unlink()
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except FileExistsError:
        raise StartupError(f"{path}: a master key is here already; it is never overwritten") from None
    except OSError as error:
        raise StartupError(
            f"{path}: the local master key cannot be written: {error.strerror}; mend the directory"
        ) from None
    return master_key


def _write_guarded(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
