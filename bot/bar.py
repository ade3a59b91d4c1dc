"""How far a long verb is, as one line on a terminal; on a pipe nothing, so that nobody has to filter it out."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

WIDTH = 30


class Bar:
    """Drawn on `file` as its work goes on, a step after another, and wiped at the end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file if file.isatty() else None
        self._drawn = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None and self._drawn:
            self._file.write(f"\r{' ' * len(self._drawn)}\r")
            self._file.flush()

    def show(self, step: str, done: int, total: int) -> None:
        """Draw it, when it looks otherwise than before."""
        share = min(done / total, 1.0) if total > 0 else 1.0
        full = int(share * WIDTH)
        drawn = f"{step:24} [{'#' * full}{' ' * (WIDTH - full)}] {share:4.0%}"
        if self._file is None or drawn == self._drawn:
            return
        self._drawn = drawn
        self._file.write(f"\r{drawn}")
        self._file.flush()
