"""One JSON-RPC request or batch in, its answer out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from bot.localnet.faults import FLAKY, FLAKY_FAILS_ONE_IN
from bot.localnet.rpc import account_methods, block_methods, cluster_methods, transaction_methods
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.params import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Params,
    RpcError,
    invalid,
)

Method = Callable[[RpcNode, Params], Any]
METHODS: dict[str, Method] = {
    **cluster_methods.METHODS,
    **account_methods.METHODS,
    **block_methods.METHODS,
    **transaction_methods.METHODS,
}


def error_answer(request_id: Any, code: int, message: str, data: Any = None) -> dict[str, Any]:
    """A JSON-RPC error answer."""
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "error": error, "id": request_id}


class Dispatcher:
    """Answers requests from the current state of a node. Synchronous: between two calls nothing changes."""

    def __init__(self, node: RpcNode) -> None:
        self._node = node
        self._asked_flaky = 0  # while it is `flaky`

    def handle(self, request: Any) -> Any:
        """The answer to a request object, or the list of answers to a batch."""
        if isinstance(request, list):
            if not request:
                return error_answer(None, INVALID_REQUEST, "Invalid request")
            return [self._handle_one(one) for one in request]
        return self._handle_one(request)

    def handle_bytes(self, raw: bytes) -> bytes:
        """The same on encoded JSON."""
        try:
            request = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return msgspec.json.encode(error_answer(None, PARSE_ERROR, "Parse error"))
        return msgspec.json.encode(self.handle(request))

    def _handle_one(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return error_answer(None, INVALID_REQUEST, "Invalid request")
        request_id = request.get("id")
        method = METHODS.get(request["method"])
        if method is None:
            return error_answer(request_id, METHOD_NOT_FOUND, "Method not found")
        values = request.get("params") or []
        try:
            self._fail_one_of_some()
            if not isinstance(values, list):
                raise invalid("Invalid params: invalid type, expected a sequence.")
            return {"jsonrpc": "2.0", "result": method(self._node, Params(values)), "id": request_id}
        except RpcError as error:
            return error_answer(request_id, error.code, error.message, error.data)

    def _fail_one_of_some(self) -> None:
        if self._node.faults.get(FLAKY) is None:
            return
        self._asked_flaky += 1
        if self._asked_flaky % FLAKY_FAILS_ONE_IN == 0:
            raise RpcError(INTERNAL_ERROR, "Internal error")
