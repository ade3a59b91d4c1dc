"""Files that are for their owner's eyes alone, whatever stood there before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any


def opened(path: Path, mode: str, **how: Any) -> IO[Any]:
    """Open a file to write it anew, readable by nobody else also where an older one was. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.fchmod(
            descriptor, 0o600
        )  # before anything is in it: the mode of a file that is there is not touched by opening
        os.ftruncate(descriptor, 0)
        return os.fdopen(descriptor, mode, **how)
    except BaseException:
        os.close(descriptor)
        raise
