"""What a Solana transaction error means: its text, and the program's own error code where there is one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bot.trading.failures import LAUNCHPAD_ERRORS


@dataclass(frozen=True, slots=True)
class Failure:
    """`text` is the chain's error as compact JSON; `program_error` is its custom code, None for an error of the runtime."""

    text: str
    program_error: int | None

    @property
    def said_to_people(self) -> str:
        """One line: the launchpad's name for its code and what it means, or the error as it stands."""
        named = LAUNCHPAD_ERRORS.get(self.program_error or 0)
        return f"{named[1]} ({named[0]}, {self.program_error})" if named else self.text


def failed_instruction(error: object) -> int | None:
    """The index of the instruction that failed, in the `err` member of the interface; None where none did."""
    if isinstance(error, dict):
        match error.get("InstructionError"):
            case [int(index), _]:
                return index
    return None


def failure_of(error: object) -> Failure | None:
    """The failure in an `err` member of the JSON-RPC interface; None when it says that nothing failed."""
    if error is None:
        return None
    text = error if isinstance(error, str) else json.dumps(error, separators=(",", ":"))
    return Failure(text[:500], _custom_code(error))


def _custom_code(error: object) -> int | None:
    """`{"InstructionError": [index, {"Custom": code}]}` is how a program's own error arrives."""
    if not isinstance(error, dict):
        return None
    match error.get("InstructionError"):
        case [_, {"Custom": int(code)}]:
            return code
    return None
