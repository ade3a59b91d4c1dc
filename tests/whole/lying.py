"""One of three endpoints lies about what became of orders; the honest ones are slower, so that the liar is asked first."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio

from bot.chain import addresses as at
from bot.localnet.inprocess import InProcessChain
from tests.chain.chain_doubles import InProcessTransport
from tests.whole.virtual import World, make_world

HONEST_DELAY_S = 0.12
AMOUNT, AMOUNT_AT = struct.Struct("<Q"), 64  # of a token account
TOKEN_PROGRAMS = {str(program) for program in at.TOKEN_PROGRAMS}
SYSTEM_PROGRAM = str(at.SYSTEM_PROGRAM)
REFUSED = {"InstructionError": [2, {"Custom": 6003}]}

# Changes the result of one method, in place or by what it returns.
Lie = Callable[[Any], None]


def failed_statuses(result: Any) -> None:
    """Whatever landed has landed with an error."""
    for status in result["value"]:
        if status is not None:
            status["err"] = REFUSED


def good_statuses(result: Any) -> None:
    """Whatever landed has landed without an error."""
    for status in result["value"]:
        if status is not None:
            status["err"] = None


def failed_record(result: Any) -> None:
    """The transaction failed and cost its fee alone."""
    if result is None:
        return
    meta = result["meta"]
    paid = [meta["preBalances"][0] - meta["fee"], *meta["preBalances"][1:]]
    meta |= {"err": REFUSED, "postBalances": paid, "innerInstructions": [], "logMessages": []}
    meta["postTokenBalances"] = meta["preTokenBalances"]


def half_record(result: Any) -> None:
    """It left half of the tokens that it left."""
    for balance in () if result is None else result["meta"]["postTokenBalances"]:
        amount = balance["uiTokenAmount"]
        amount["amount"] = str(int(amount["amount"]) // 2)


def other_record(result: Any) -> None:
    """It called other instructions than those that were signed."""
    if result is not None:
        result["transaction"]["message"]["instructions"].pop()


def more_tokens(factor: int, added_raw: int) -> Lie:
    """Of whatever token account holds any it shows `factor` times that and `added_raw` units more."""

    def lie(result: Any) -> None:
        for account in _shown(result):
            raw = bytearray(base64.b64decode(account["data"][0]))
            if account["owner"] not in TOKEN_PROGRAMS or len(raw) < AMOUNT_AT + AMOUNT.size:
                continue
            (amount,) = AMOUNT.unpack_from(raw, AMOUNT_AT)
            AMOUNT.pack_into(raw, AMOUNT_AT, amount and amount * factor + added_raw)
            account["data"][0] = base64.b64encode(bytes(raw)).decode()

    return lie


def more_lamports(added: int) -> Lie:
    """Every wallet has so many lamports more."""

    def lie(result: Any) -> None:
        if isinstance(result["value"], int):
            result["value"] += added
            return
        for account in _shown(result):
            if account["owner"] == SYSTEM_PROGRAM:
                account["lamports"] += added

    return lie


def _shown(result: Any) -> list[Any]:
    """The accounts of an answer, of which one to a question for an owner's accounts says where each lies."""
    rows = [row for row in result["value"] if row is not None]
    return [row.get("account", row) for row in rows]


class LyingDoor(InProcessTransport):
    """An endpoint whose answers to some methods are changed while the world has a lie for them."""

    def __init__(self, world: LyingWorld, number: int) -> None:
        super().__init__(world.chain, f"in-process:{1 + number}", number)
        self._world = world
        self._number = number

    async def post(self, body: bytes) -> bytes:
        if self._number not in self._world.liars:
            await trio.sleep(self._world.honest_delay_s)
            return await super().post(body)
        answer = await super().post(body)
        lie = self._world.lies.get(msgspec.json.decode(body)["method"])
        if lie is None:
            return answer
        told = msgspec.json.decode(answer)
        lie(told["result"])
        return msgspec.json.encode(told)


@dataclass(slots=True)
class LyingWorld(World):
    """A world of which some endpoints lie, by method."""

    lies: dict[str, Lie] = field(default_factory=dict)
    liars: frozenset[int] = frozenset({0})
    honest_delay_s: float = HONEST_DELAY_S

    def doors(self) -> Sequence[InProcessTransport]:
        return [LyingDoor(self, number) for number in range(self.endpoints)]


def lying_world(endpoints: int = 3) -> LyingWorld:
    """A world whose first endpoint tells `lies`."""
    made = make_world(InProcessChain(seed=1, endpoints=endpoints))
    return LyingWorld(made.chain, made.clock, endpoints=endpoints)
