"""The directory that a real bot lives in while a test looks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.leaks.places import leaks_in_directory


@contextmanager
def data_directory() -> Iterator[Path]:
    """A short-named directory that is removed at the end, and kept for whoever looks at a failure.

    Nothing that was written into it may hold a secret.
    """
    directory = Path(tempfile.mkdtemp(prefix="bot-test-"))
    try:
        yield directory
        found = leaks_in_directory(directory)
        assert not found, f"secrets were written: {found}"
    except BaseException as error:
        error.add_note(f"the data directory is kept: {directory}")
        raise
    shutil.rmtree(directory)
