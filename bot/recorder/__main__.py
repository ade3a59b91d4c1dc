"""`python -m bot.recorder pack FOLDER`, `csv SOURCE TARGET`, `past FOLDER MS`: what needs polars, not in the bot's process."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

USAGE = "usage: python -m bot.recorder pack FOLDER | csv SOURCE TARGET | past FOLDER MS"
NICE = 10  # whoever trades on this machine comes first


def main(arguments: list[str]) -> int:
    """Returns the exit code; what went wrong is one line on stderr."""
    with suppress(PermissionError):  # a service manager may forbid even to be nice
        os.nice(NICE)
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    from bot.recorder.packing import export, pack
    from bot.recorder.past import past_bytes

    try:
        match arguments:
            case ["pack", folder]:
                pack(Path(folder))
            case ["csv", source, target]:
                print(export(Path(source), Path(target)))
            case ["past", folder, before_ms]:
                sys.stdout.buffer.write(past_bytes(Path(folder), int(before_ms)))
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
