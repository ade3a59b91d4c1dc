"""Programs of the local chain: our own C sources beside what they were built into.

`pump.c` stands in for the launchpad, `pump_amm.c` for the pools that its coins migrate to, `jupiter.c` for the
aggregator's and `metadata.c` for Metaplex's. Their built forms are committed with their hashes; `build.py` makes the same
bytes again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from bot.localnet.errors import LocalnetError

HERE = Path(__file__).parent


class ProgramError(LocalnetError):
    """A built program is missing or is not the one that was committed."""


def load_program(name: str) -> bytes:
    """The built program `name`; raises ProgramError when its bytes do not match the hash beside it."""
    try:
        code = (HERE / f"{name}.so").read_bytes()
        expected = (HERE / f"{name}.so.sha256").read_text(encoding="ascii").split()[0]
    except (OSError, IndexError) as error:
        raise ProgramError(f"the local program {name} cannot be read: {error}") from error
    if hashlib.sha256(code).hexdigest() != expected:
        raise ProgramError(
            f"{name}.so does not match {name}.so.sha256; build it again with python -m bot.localnet.programs.build"
        )
    return code
