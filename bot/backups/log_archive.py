"""The archive of PostgreSQL's log: what its server has copied is packed, sealed, brought away, and put back for a recovery.

It lies in the folder of the backups, `log-SYSTEM` for each server that ever wrote there, one `NAME.sealed` per segment. A file
there appears whole or not at all, is never written over with something else, and stands until no kept base backup needs it.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.backups.archive import BASED, HOUR_MS, MANIFEST, Manifest, moment_of, unpack
from bot.errors import KeyUnavailable, StartupError
from bot.storage.archiving import SEGMENT, copies, flush, header_of, lacking, number_of, system_of_server
from bot.vault.master_key import MasterKey
from bot.vault.sealed_file import OpeningReader, SealingWriter

SEALED = ".sealed"
OWED = ".owed"  # beside a file that is still to be brought away
LOG = "log-"
PACKING = 1  # zlib's fastest: most of a segment that ended early is zeros


@dataclass(frozen=True, slots=True)
class LogArchive:
    """The archive in the folder of the backups, `folder`. Its methods block, and raise StartupError with one line."""

    key: MasterKey
    folder: Path

    # -------------------------------------------------------------------------------------------------------- take over

    def take_over(self, root: Path, *, owes: bool) -> int:
        """Seal everything that the server in `root` has copied, then remove the copies; how many there were.

        `owes`: each is to be brought away by somebody, see `owed`.
        """
        taken = 0
        for copy in copies(root):
            try:
                self._take(root, copy, owes=owes)
            except OSError as error:
                raise StartupError(f"{self.folder}: the log cannot be written: {error.strerror}; make room") from None
            taken += 1
        return taken

    def _take(self, root: Path, copy: Path, *, owes: bool) -> None:
        content = copy.read_bytes()
        try:
            system = (
                header_of(content)[0] if SEGMENT.match(copy.name) and len(copy.name) == 24 else system_of_server(root)
            )
        except ValueError as error:
            raise StartupError(f"{copy}: {error}; move it away") from None
        home = self.folder / f"{LOG}{system}"
        sealed = home / f"{copy.name}{SEALED}"
        if sealed.exists():
            if self._content(sealed) != content:
                raise StartupError(
                    f"{sealed}: another bot has written this part of the log: two run on copies of one database; stop one"
                    " and give it a backup.folder of its own"
                )
        else:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if owes:
                owe(sealed)
            self._seal(content, sealed)
        copy.unlink()

    def _seal(self, content: bytes, sealed: Path) -> None:
        draft = sealed.with_name(f".{sealed.name}.new")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                sealing = SealingWriter(self.key, out)
                sealing.write(gzip.compress(content, PACKING))
                sealing.close()
                out.flush()
                os.fsync(out.fileno())
            draft.replace(sealed)
            flush(sealed.parent)
        finally:
            draft.unlink(missing_ok=True)

    def _packed(self, sealed: Path) -> bytes:
        try:
            with sealed.open("rb") as file:
                return OpeningReader(self.key, file).read()
        except KeyUnavailable as error:
            raise StartupError(f"{sealed}: {error}; give another file, or the key that it was made with") from None
        except OSError as error:
            raise StartupError(f"{sealed}: cannot be read: {error.strerror}") from None

    def _content(self, sealed: Path) -> bytes:
        return gzip.decompress(self._packed(sealed))

    # --------------------------------------------------------------------------------------------------------- put back

    def put_back(self, manifest: Manifest, folder: Path) -> int:
        """Open what a base backup needs into `folder`, as `NAME.gz`; how many segments that is."""
        found = 0
        for sealed, number in self._files(manifest.system, manifest.segment_bytes):
            if number is None or number >= self._first(manifest):
                (folder / f"{sealed.name.removesuffix(SEALED)}.gz").write_bytes(self._packed(sealed))
                found += number is not None
        return found

    def gap(self, manifest: Manifest, held: Iterable[str]) -> int | None:
        """How many segments behind its beginning the log can be followed where it breaks off early; None where it does not.

        `held` are the names of segments that the base backup brings itself.
        """
        size, first = manifest.segment_bytes, self._first(manifest)
        numbers = [number for _, number in self._files(manifest.system, size) if number is not None]
        numbers += [number for name in held if (number := number_of(name, size)) is not None]
        missing = lacking(numbers, first)
        return None if missing is None else missing - first

    def _first(self, manifest: Manifest) -> int:
        first = number_of(manifest.segment, manifest.segment_bytes) if manifest.segment_bytes else None
        if first is None:
            raise StartupError("the base backup does not say where its log begins; give another one")
        return first

    def _files(self, system: str, segment_bytes: int) -> Iterator[tuple[Path, int | None]]:
        """The sealed files of a server, with their places in its log; those of timelines and beginnings have none."""
        for sealed in sorted((self.folder / f"{LOG}{system}").glob(f"*{SEALED}")):
            yield sealed, number_of(sealed.name.removesuffix(SEALED), segment_bytes)

    # --------------------------------------------------------------------------------------------------------- retention

    def prune(self, now_ms: int, days: int, scratch: Path, system: str) -> list[str]:
        """Remove base backups that are older than `days`, but never the newest, and the log that none of the others needs.

        `system` is the server that writes now, which may have no base backup yet. The answer names what went. Timelines' own
        files stay as long as their server's log.
        """
        bases = bases_in(self.folder)
        kept = [base for base in bases if now_ms - (moment_of(base.name, BASED) or 0) < days * 24 * HOUR_MS]
        kept = kept or bases[-1:]
        needed: dict[str, tuple[int, int]] = {}
        for base in kept:
            manifest = manifest_of(self.key, base, scratch)
            first = self._first(manifest)
            needed[manifest.system] = min(needed.get(manifest.system, (first, 0))[0], first), manifest.segment_bytes
        gone = []
        for base in bases:
            if base not in kept:
                base.unlink(missing_ok=True)
                settle(base)
                gone.append(base.name)
        if kept:
            gone += self._prune_log(needed, system)
        return gone

    def _prune_log(self, needed: dict[str, tuple[int, int]], writing: str) -> Iterator[str]:
        for home in sorted(self.folder.glob(f"{LOG}*")):
            system = home.name.removeprefix(LOG)
            if system not in needed and system == writing:
                continue
            if system not in needed:
                shutil.rmtree(home)
                yield home.name
                continue
            first, size = needed[system]
            for sealed, number in self._files(system, size):
                if number is not None and number < first:
                    sealed.unlink(missing_ok=True)
                    settle(sealed)
                    yield f"{home.name}/{sealed.name}"


def bases_in(folder: Path) -> list[Path]:
    """The base backups of a folder, the oldest first."""
    return sorted(path for path in folder.glob("*") if moment_of(path.name, BASED)) if folder.is_dir() else []


def manifest_of(key: MasterKey, base: Path, scratch: Path) -> Manifest:
    """What a backup says of itself, without the rest of it."""
    (scratch / MANIFEST).unlink(missing_ok=True)
    return unpack(key, base, scratch, only=MANIFEST)


def owed(folder: Path) -> list[Path]:
    """What of a folder of backups is to be brought away and was not yet: base backups first, then the log, the oldest first."""
    notes = sorted(folder.glob(f"{LOG}*/*{OWED}"), key=lambda note: (note.stat().st_mtime_ns, note.name))
    return [note.with_suffix("") for note in [*sorted(folder.glob(f"*{OWED}")), *notes]]


def owe(file: Path) -> None:
    """Note that a file is to be brought away."""
    note_of(file).touch(mode=0o600)


def settle(file: Path) -> None:
    """It was brought away, or is gone."""
    note_of(file).unlink(missing_ok=True)


def note_of(file: Path) -> Path:
    """What stands beside a file for as long as it is to be brought away."""
    return file.with_name(f"{file.name}{OWED}")
