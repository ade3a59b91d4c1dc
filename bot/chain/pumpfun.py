"""The events of the launchpad and its pools as domain records: in logs or inner instructions, accepted only from them.

An event is recognised by its eight discriminator bytes and by the program that emitted it. The bytes alone are not
enough: another launchpad uses the same ones, and any program may log any bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bot.chain import layouts
from bot.chain.addresses import EVENT_AUTHORITY, POOL_EVENT_AUTHORITY, POOL_PROGRAM, PUMP_PROGRAM
from bot.chain.rpc import AccountData
from bot.errors import DecodeError
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch

LOGS = "logs"  # the source of whatever nobody says otherwise of

_INVOKE = re.compile(r"Program (\w{32,44}) invoke \[(\d{1,3})\]")
_RETURN = re.compile(r"Program (\w{32,44}) (?:success|failed: .*)", re.DOTALL)
_SUCCESS, _FAILED = " success", " failed: "
LINES_KEPT = 4_096  # of those that enter a program, and as many of those that leave one
_TEXT = "Program log: "
_DATA = "Program data: "
_TRUNCATED = "Log truncated"
# Who may emit an event, and who signs for it when it is repeated as a call.
_PUMP = str(PUMP_PROGRAM)
_EMITTERS = {_PUMP: str(EVENT_AUTHORITY), str(POOL_PROGRAM): str(POOL_EVENT_AUTHORITY)}


@dataclass(frozen=True, slots=True)
class LoggedEvents:
    """Event payloads that the launchpad or its pool program logged, in order.

    `truncated`: the node cut the log, so there may be more.
    """

    payloads: tuple[bytes, ...]
    truncated: bool


def events_in_logs(logs: Sequence[str]) -> LoggedEvents:
    """The `Program data:` payloads whose emitting program is the launchpad or its pool program.

    The emitter of a line is the program on top of the stack of `invoke` and `success` lines. A program's own text always
    stands behind `Program log: `, so it can forge none of them. After `Log truncated` shorter lines may still follow
    while longer ones were dropped: the stack means nothing any more and reading ends. Raises DecodeError when the lines
    do not nest.
    """
    stack: list[str] = []
    payloads: list[bytes] = []
    for line in logs:
        if line.startswith(_TEXT):
            continue
        if line == _TRUNCATED:
            return LoggedEvents(tuple(payloads), truncated=True)
        if line.startswith(_DATA):
            if stack and stack[-1] in _EMITTERS:
                payloads.append(_payload(line))
        elif line.endswith("]") and (entered := _entered(line)):
            program, depth = entered
            stack.append(program)
            if depth != len(stack):
                raise DecodeError(f"a log enters depth {depth} from depth {len(stack) - 1}")
        elif (
            (line.endswith(_SUCCESS) or _FAILED in line)
            and (left := _left(line))
            and (not stack or stack.pop() != left)
        ):
            raise DecodeError(f"a log leaves {left}, which it had not entered")
    return LoggedEvents(tuple(payloads), truncated=False)


# The same few programs enter and leave in every transaction of the market, so that nearly every such line was read before.
@lru_cache(maxsize=LINES_KEPT)
def _entered(line: str) -> tuple[str, int] | None:
    """The program that a line enters and how deep; None for another line."""
    invoked = _INVOKE.fullmatch(line)
    return None if invoked is None else (invoked[1], int(invoked[2]))


@lru_cache(maxsize=LINES_KEPT)
def _left(line: str) -> str | None:
    """The program that a line leaves; None for another line."""
    returned = _RETURN.fullmatch(line)
    return None if returned is None else returned[1]


def _payload(line: str) -> bytes:
    """Anchor logs an event as one field; a line of several fields holds none."""
    try:
        return base64.b64decode(line[len(_DATA) :].split(" ", maxsplit=1)[0], validate=True)
    except (binascii.Error, ValueError):
        raise DecodeError("the launchpad logged data that is not base64") from None


@dataclass(frozen=True, slots=True)
class InnerInstruction:
    """An instruction that a program invoked; keys are base58 and already looked up."""

    program: str
    accounts: tuple[str, ...]
    data: bytes


def events_in_instructions(instructions: Iterable[InnerInstruction]) -> tuple[bytes, ...]:
    """Event payloads that both programs repeated as calls to themselves, signed by their event authorities; never cut."""
    return tuple(
        instruction.data[8:]
        for instruction in instructions
        if instruction.data[:8] == layouts.EVENT_CPI
        and instruction.accounts[:1] == (_EMITTERS.get(instruction.program),)
    )


def curve_from(account: layouts.CurveAccount, slot: int, told_by: str = "") -> Curve:
    """The reserves of an account read at `slot` from `told_by`; raises DecodeError for a coin that is not quoted in SOL."""
    if not layouts.is_sol(account.quote_mint):
        raise DecodeError(f"the coin is quoted in {account.quote_mint}, only SOL is traded here")
    if account.virtual_token_raw == 0 and not account.complete:
        raise DecodeError("an open bonding curve holds no virtual tokens")
    return Curve(
        virtual_token_raw=account.virtual_token_raw,
        virtual_quote_lamports=account.virtual_quote_raw,
        real_token_raw=account.real_token_raw,
        real_quote_lamports=account.real_quote_raw,
        complete=account.complete,
        creator=str(account.creator),
        slot=slot,
        told_by=told_by,
    )


def curve_in(account: AccountData, slot: int, told_by: str = "") -> Curve:
    """The reserves of a curve account; raises DecodeError for one of another program or layout."""
    if account.owner != _PUMP:
        raise DecodeError(f"the curve account belongs to {account.owner}, not to the launchpad")
    return curve_from(layouts.decode_curve(account.data), slot, told_by)


def launchpad_events(
    payloads: Iterable[bytes], *, signature: str, slot: int, seen_at_ms: int, source: str = LOGS, told_by: str = ""
) -> list[LaunchpadEvent]:
    """Launches and trades among event payloads of one transaction, in its order; `source` is who told of it.

    `told_by` is the endpoint or service whose word alone they are. Other events and coins that are not quoted in SOL are left
    out. Raises DecodeError when a launch or trade is cut short.
    """
    found: list[LaunchpadEvent] = []
    for payload in payloads:
        event: LaunchpadEvent | None = None
        if payload[:8] == layouts.CREATE_EVENT:
            event = _launch(layouts.decode_create_event(payload), signature, slot, seen_at_ms, source)
        elif payload[:8] == layouts.TRADE_EVENT:
            event = _trade(layouts.decode_trade_event(payload), signature, slot, seen_at_ms)
        if event is not None:
            found.append(replace(event, curve=replace(event.curve, told_by=told_by)) if told_by else event)
    return found


def tells_launch_or_trade(payloads: Iterable[bytes]) -> bool:
    """Whether any payload is the launchpad's event of a launch or of a trade, whatever the coin is quoted in."""
    return any(payload[:8] in {layouts.CREATE_EVENT, layouts.TRADE_EVENT} for payload in payloads)


def _launch(event: layouts.CreateEvent, signature: str, slot: int, seen_at_ms: int, source: str) -> TokenLaunch | None:
    """The launch's creator is who signed it; the curve's creator is who earns its fees. They are mostly the same."""
    if not layouts.is_sol(event.quote_mint) or event.virtual_token_raw == 0:
        return None
    curve = Curve(
        virtual_token_raw=event.virtual_token_raw,
        virtual_quote_lamports=event.virtual_quote_raw,
        real_token_raw=event.real_token_raw,
        real_quote_lamports=0,
        complete=False,
        creator=str(event.creator),
        slot=slot,
    )
    return TokenLaunch(
        mint=str(event.mint),
        name=event.name,
        symbol=event.symbol,
        uri=event.uri,
        creator=str(event.user),
        token_program=str(event.token_program),
        curve=curve,
        signature=signature,
        slot=slot,
        seen_at_ms=seen_at_ms,
        source=source,
    )


def _trade(event: layouts.TradeEvent, signature: str, slot: int, seen_at_ms: int) -> CurveTrade | None:
    """Coins that are not quoted in SOL carry zero SOL reserves, and an open or completed curve never does."""
    if event.virtual_sol_lamports == 0 or event.virtual_token_raw == 0:
        return None
    curve = Curve(
        virtual_token_raw=event.virtual_token_raw,
        virtual_quote_lamports=event.virtual_sol_lamports,
        real_token_raw=event.real_token_raw,
        real_quote_lamports=event.real_sol_lamports,
        complete=event.real_token_raw == 0,
        creator=str(event.creator),
        slot=slot,
    )
    return CurveTrade(
        mint=str(event.mint),
        trader=str(event.user),
        is_buy=event.is_buy,
        token_raw=event.token_raw,
        quote_lamports=event.sol_lamports,
        curve=curve,
        signature=signature,
        slot=slot,
        seen_at_ms=seen_at_ms,
    )
