"""What a Solana transaction error means: its text, and the program's own error code where there is one."""

from __future__ import annotations

import json
from dataclasses import dataclass

# The launchpad's errors that a trade of ours can meet; names and codes from the interface description of SDK 2.0.0.
PUMP_ERRORS = {
    6002: ("TooMuchSolRequired", "the price rose past the limit"),
    6003: ("TooLittleSolReceived", "the price fell below the limit"),
    6005: ("BondingCurveComplete", "the coin has left its curve and trades in its pool"),
    6020: ("BuyZeroAmount", "the amount buys nothing"),
    6021: ("NotEnoughTokensToBuy", "the curve does not hold that many tokens"),
    6022: ("SellZeroAmount", "the amount sells nothing"),
    6023: ("NotEnoughTokensToSell", "the wallet does not hold that many tokens"),
    6024: ("Overflow", "the amounts do not fit the curve"),
    6040: ("BuyNotEnoughSolToCoverRent", "the wallet cannot pay the rent of an account"),
    6041: ("BuyNotEnoughSolToCoverFees", "the amount does not cover the fees"),
    6042: ("BuySlippageBelowMinTokensOut", "the price rose past the limit"),
    6062: ("BuybackFeeRecipientMissing", "the program wants a fee account that was not named"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """`text` is the chain's error as compact JSON; `program_error` is its custom code, None for an error of the runtime."""

    text: str
    program_error: int | None

    @property
    def said_to_people(self) -> str:
        """One line: the launchpad's name for its code and what it means, or the error as it stands."""
        named = PUMP_ERRORS.get(self.program_error or 0)
        return f"{named[1]} ({named[0]}, {self.program_error})" if named else self.text


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
