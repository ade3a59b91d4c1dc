"""One question of JSON-RPC 2.0 to one endpoint: the request, its deadline, its typed answer, and whose trouble a failure is."""

from __future__ import annotations

from itertools import count
from typing import Any, TypeVar

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.method_health import MethodHealth
from bot.chain.rpc_errors import (
    RATE_CODES,
    SLOT_NOT_REACHED,
    UNHEALTHY_CODES,
    MethodFailed,
    NotAnAnswer,
    RpcFault,
    SlotNotReached,
    is_forbidden,
    may_be_of_the_method,
)
from bot.chain.transport import DEFAULT_WAIT_S, RateLimited, Transport, one_line
from bot.errors import ChainUnavailable

Answer = TypeVar("Answer")

log = structlog.get_logger()

_envelope = msgspec.json.Decoder(wire.Envelope)


async def ask_once(
    transport: Transport,
    method: str,
    params: list[Any],
    decoder: msgspec.json.Decoder[Answer],
    *,
    number: int,
    deadline_s: float,
) -> Answer:
    """The answer to the question with this number.

    Raises NotAnAnswer, RpcFault for an error of JSON-RPC, RateLimited for one that means its rate, and what the transport raises.
    """
    name = transport.name
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    with trio.move_on_after(deadline_s) as scope:
        answer = await transport.post(body)
    if scope.cancelled_caught:
        raise NotAnAnswer(f"{name}: {method}: no answer within {deadline_s:g} s")
    try:
        envelope = _envelope.decode(answer)
        if envelope.error is None:
            return decoder.decode(envelope.result)
    except wire.UNREADABLE:
        raise NotAnAnswer(f"{name}: {method}: the answer is not what the method returns") from None
    error = envelope.error
    text = f"{name}: {method}: {one_line(error.message)} ({error.code})"
    if error.code in RATE_CODES:
        raise RateLimited(text, DEFAULT_WAIT_S)
    raise RpcFault(text, error.code, error.data)


class JsonRpc:
    """Calls of any method, each within `deadline_s`. `methods` knows which of them fail while others answer."""

    def __init__(self, transport: Transport, deadline_s: float) -> None:
        self._transport = transport
        self._deadline_s = deadline_s
        self._ids = count(1)
        self.methods = MethodHealth()

    def __repr__(self) -> str:
        return f"<JsonRpc {self.name}>"

    @property
    def name(self) -> str:
        return self._transport.name

    async def call(
        self, method: str, params: list[Any], decoder: msgspec.json.Decoder[Answer], *, known_as: str = ""
    ) -> Answer:
        """The method's answer. `known_as` is the name under which it is known how it fares, where it is not its own.

        Raises MethodFailed for what is the method's trouble alone, and the other kinds of ChainUnavailable.
        """
        known_as = known_as or method
        asked_at_s = trio.current_time()
        try:
            answer = await self._ask(method, params, decoder)
        except trio.Cancelled:
            self._note_rest(known_as, self.methods.cut_off(known_as, asked_at_s, trio.current_time()), "too slow")
            raise
        except ChainUnavailable as error:
            if self._is_of_the_method(known_as, error, asked_at_s):
                raise MethodFailed(str(error)) from None
            raise
        self.methods.answered(known_as, trio.current_time())
        return answer

    async def _ask(self, method: str, params: list[Any], decoder: msgspec.json.Decoder[Answer]) -> Answer:
        try:
            return await ask_once(
                self._transport, method, params, decoder, number=next(self._ids), deadline_s=self._deadline_s
            )
        except RpcFault as fault:
            if fault.code == SLOT_NOT_REACHED:
                raise SlotNotReached(str(fault)) from None
            raise

    def _is_of_the_method(self, method: str, error: ChainUnavailable, asked_at_s: float) -> bool:
        """Note how a method failed; whether that says something about it alone, and nothing about the endpoint."""
        now_s, why = trio.current_time(), str(error).removeprefix(f"{self.name}: ").removeprefix(f"{method}: ")
        if is_forbidden(error):
            rest_s = self.methods.forbidden(method, asked_at_s, now_s, why)
        elif may_be_of_the_method(error):
            rest_s = self.methods.failed(method, asked_at_s, now_s, why)
        else:
            if isinstance(error, SlotNotReached) or (isinstance(error, RpcFault) and error.code not in UNHEALTHY_CODES):
                self.methods.answered(method, now_s)
            return False
        self._note_rest(method, rest_s, why)
        return rest_s is not None

    def _note_rest(self, method: str, rest_s: float | None, why: str) -> None:
        if rest_s:
            log.warning("method_left_alone", endpoint=self.name, method=method, for_s=rest_s, reason=why)
