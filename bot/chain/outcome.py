"""What a Solana transaction error means: its text, and the program's own error code where there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.chain import addresses as at
from bot.errors import SendRejected
from bot.trading.failures import LAUNCHPAD_ERRORS
from bot.trading.venue import PUMPFUN, PUMPSWAP

# How a runtime ends the log of a call that failed; a program's callers follow it, the innermost is first.
FAILED = re.compile(r"Program (\S+) failed: ")
NAMES = {str(at.PUMP_PROGRAM): PUMPFUN, str(at.POOL_PROGRAM): PUMPSWAP}


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


def failed_program(logs: Iterable[str] | None) -> str | None:
    """The program whose error ended a transaction, by its name here or its address; None where a log is cut or absent."""
    for line in logs or ():
        if (found := FAILED.match(line)) is not None:
            return NAMES.get(found[1], found[1])
    return None


def would_fail(failure: Failure, logs: Iterable[str] | None) -> SendRejected:
    """The refusal of an order whose simulation failed, with what its log says of who refused it."""
    return SendRejected(
        "simulation",
        f"it would fail: {failure.said_to_people}",
        program_error=failure.program_error,
        failed_program=failed_program(logs),
    )


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
