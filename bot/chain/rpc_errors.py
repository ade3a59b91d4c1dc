"""What an answer of an RPC endpoint means when it is none: the errors by whose trouble it is, and refusals to send.

Codes: Agave `rpc-client-api/src/custom_error.rs` and the JSON-RPC specification.
"""

from __future__ import annotations

from typing import Any

from bot.chain.outcome import failure_of
from bot.chain.transport import KeyRefused, StatusRefused
from bot.errors import ChainUnavailable, SendRejected

PREFLIGHT_FAILURE = -32002
NEVER_VALID = frozenset({-32003, -32013, -32602})  # bad signature, signature count, malformed or too large

SLOT_NOT_REACHED = -32016

# Providers that answer 200 to a request beyond its rate put it into the error; no code is Agave's, the last is Jito's.
RATE_CODES = frozenset({429, -32429, -32097})

# Answers that tell of the endpoint's own state: behind, block or status not there yet, internal.
UNHEALTHY_CODES = frozenset({-32004, -32005, -32014, -32603})
NODE_UNHEALTHY = -32005
INTERNAL = -32603

# Not known, no history kept, and what providers make of a method that a plan or a public node does not include.
FORBIDDEN_CODES = frozenset({-32601, -32011, -32403, 403, 410})
FORBIDDEN_STATUSES = frozenset({403, 404, 405, 410, 501})


class RpcFault(ChainUnavailable):
    """The endpoint answered with a JSON-RPC error. `data` is that error's own, None where it has none."""

    def __init__(self, message: str, code: int, data: Any) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class EndpointBehind(ChainUnavailable):
    """The endpoint answered from a slot so old that nothing may be decided by it."""


class EndpointBlind(ChainUnavailable):
    """The endpoint does not show the landmark, an account that every cluster has: what it says is gone may be there."""


class SlotNotReached(ChainUnavailable):
    """The endpoint is well and has not come as far as the question asks (`minContextSlot`); a moment later it has."""


class NotAnAnswer(ChainUnavailable):
    """Nothing came within the deadline, or something that the method does not return."""


class MethodFailed(ChainUnavailable):
    """One method fails, or is not allowed, at an endpoint that answers others: it says nothing about the endpoint."""


def is_forbidden(error: ChainUnavailable) -> bool:
    """Whether the endpoint says that it does not serve the method."""
    if isinstance(error, RpcFault):
        return error.code in FORBIDDEN_CODES
    return isinstance(error, StatusRefused) and error.status in FORBIDDEN_STATUSES


def may_be_of_the_method(error: ChainUnavailable) -> bool:
    """Whether it may be the method that fails and not the endpoint; a connection that fails is never the method's doing."""
    if isinstance(error, RpcFault):
        return error.code == INTERNAL
    return isinstance(error, NotAnAnswer | StatusRefused) and not isinstance(error, KeyRefused)


def is_about_the_question(error: ChainUnavailable) -> bool:
    """An answer that tells nothing of the endpoint's own state: it is well, and will not answer this, or not yet."""
    if isinstance(error, SlotNotReached):
        return True
    return isinstance(error, RpcFault) and error.code not in UNHEALTHY_CODES


def refuses_key(error: ChainUnavailable) -> bool:
    """Whether an endpoint's failure means that it does not take its key."""
    return isinstance(error, StatusRefused) and error.status in {401, 403}


def already_processed(fault: RpcFault) -> bool:
    return fault.code == PREFLIGHT_FAILURE and "already been processed" in str(fault)


def rejection(fault: RpcFault) -> SendRejected | None:
    """What a refusal to send means; None for trouble of the endpoint's own and for a transaction that is there already."""
    if fault.code in NEVER_VALID:
        return SendRejected("invalid", str(fault))
    if fault.code != PREFLIGHT_FAILURE or already_processed(fault):
        return None
    failure = failure_of(fault.data.get("err")) if isinstance(fault.data, dict) else None
    if (failure is not None and failure.text == "BlockhashNotFound") or "Blockhash not found" in str(fault):
        return SendRejected("expired", str(fault))
    if failure is None:
        return SendRejected("simulation", str(fault))
    return SendRejected("simulation", f"it would fail: {failure.said_to_people}", program_error=failure.program_error)
