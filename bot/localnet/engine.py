"""The stand-in of a block engine: bundles with a tip, landed whole or not at all, and its own JSON-RPC methods.

Methods, shapes, the wording of refusals and the feed of tips follow the Jito block engine's documentation of February 2026. It
has no auction: every bundle that it takes lands in the next block if all of it succeeds there. It forgets what waits when the
process ends, as a real one does.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from solders.transaction import VersionedTransaction

from bot.localnet.addresses import SYSTEM_PROGRAM, TIP_ACCOUNTS
from bot.localnet.bundles import Bundle
from bot.localnet.chain import Chain, QueueFull
from bot.localnet.faults import BUNDLE_DROP, DROP_TX, RATE_LIMIT, RATE_LIMIT_RETRY_AFTER_S, FaultTable
from bot.localnet.rpc.dispatch import error_answer
from bot.localnet.rpc.node import API_VERSION
from bot.localnet.rpc.params import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Params,
    RpcError,
    invalid,
)
from bot.localnet.rpc.transaction_methods import decode_transaction, signatures_verify
from bot.localnet.store import Store

MIN_TIP_LAMPORTS = 1_000
LAMPORTS_PER_SOL = 1_000_000_000
TIP_FLOOR = b"/api/v1/bundles/tip_floor"
TIPS_TOLD = 200
PERCENTILES = (25, 50, 75, 95, 99)
MAX_TRANSACTIONS = 5
MAX_STATUSES = 5
REMEMBERED = 2_000
_TRANSFER = (2).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class _Known:
    """A bundle that was taken; it lands in the block of `until_height` or never."""

    bundle: Bundle
    until_height: int


class BlockEngine:
    """Answers bundle requests from the state of a chain. `clock` gives the seconds that its rate limit counts in.

    `requests_per_s` is the most that it answers within a second; what is beyond is refused, as status 429 is on a socket.
    """

    def __init__(
        self, chain: Chain, store: Store, faults: FaultTable, clock: Callable[[], float], requests_per_s: float
    ) -> None:
        self.faults = faults
        self._chain = chain
        self._store = store
        self._clock = clock
        self._most = max(1, round(requests_per_s))
        self._answered_s: deque[float] = deque(maxlen=self._most)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._methods: dict[str, Callable[[Params], Any]] = {
            "sendBundle": self._send_bundle,
            "getTipAccounts": lambda _: [str(key) for key in TIP_ACCOUNTS],
            "getInflightBundleStatuses": self._inflight_statuses,
            "getBundleStatuses": self._statuses,
        }

    def refuses_for_s(self) -> int | None:
        """To be called once per request: the seconds of its Retry-After, or None when it is answered."""
        now_s = self._clock()
        full = len(self._answered_s) == self._most and now_s - self._answered_s[0] < 1
        if full or self.faults.get(RATE_LIMIT) is not None:
            return RATE_LIMIT_RETRY_AFTER_S
        self._answered_s.append(now_s)
        return None

    def handle_bytes(self, raw: bytes) -> bytes:
        """The answer to one request of encoded JSON, whatever its rate."""
        try:
            request = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return msgspec.json.encode(error_answer(None, PARSE_ERROR, "Parse error"))
        return msgspec.json.encode(self._handle(request))

    def shown(self, target: bytes) -> bytes | None:
        """The feed of the tips that landed lately; None for another target."""
        return msgspec.json.encode(self._tip_floor()) if target.partition(b"?")[0] == TIP_FLOOR else None

    def _tip_floor(self) -> list[dict[str, Any]]:
        """Percentiles of the tips of the latest bundles that landed, in SOL as the real feed has them; zeros before the first."""
        latest = (known.bundle for known in reversed(self._known.values()))
        landed = (one.tip_lamports for one in latest if self._store.has(one.transactions[0][0].signatures[0]))
        tips = sorted(islice(landed, TIPS_TOLD))
        told: dict[str, Any] = {"time": datetime.fromtimestamp(self._chain.position.time_s, UTC).isoformat()}
        for percent in PERCENTILES:
            lamports = tips[min(len(tips) * percent // 100, len(tips) - 1)] if tips else 0
            told[f"landed_tips_{percent}th_percentile"] = lamports / LAMPORTS_PER_SOL
        told["ema_landed_tips_50th_percentile"] = told["landed_tips_50th_percentile"]
        return [told]

    def _handle(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("params", []), list):
            return error_answer(None, INVALID_REQUEST, "Invalid request")
        method = self._methods.get(str(request.get("method")))
        if method is None:
            return error_answer(request.get("id"), METHOD_NOT_FOUND, "Method not found")
        try:
            result = method(Params(request.get("params", [])))
        except RpcError as error:
            return error_answer(request.get("id"), error.code, error.message, error.data)
        return {"jsonrpc": "2.0", "result": result, "id": request.get("id")}

    def _send_bundle(self, params: Params) -> str:
        """Take a bundle and give its id. While the fault `bundle-drop` is on it is taken and never lands."""
        texts = params.items(0, MAX_TRANSACTIONS)
        encoding = params.config(1).text("encoding", "base58")
        if not texts or not all(isinstance(text, str) for text in texts):
            raise invalid(f"a bundle holds 1 to {MAX_TRANSACTIONS} encoded transactions")
        decoded = [decode_transaction(text, encoding) for text in texts]
        if not all(signatures_verify(transaction) for transaction, _ in decoded):
            raise invalid("bundle contains a transaction with an invalid signature")
        tip_lamports = sum(tip_of(transaction) for transaction, _ in decoded)
        if tip_lamports == 0:
            raise invalid("Bundles must write lock at least one tip account to be eligible for the auction")
        if tip_lamports < MIN_TIP_LAMPORTS:
            raise invalid(f"Bundles must tip at least {MIN_TIP_LAMPORTS} lamports")
        signatures = ",".join(str(transaction.signatures[0]) for transaction, _ in decoded)
        bundle = Bundle(hashlib.sha256(signatures.encode()).hexdigest(), tuple(decoded), tip_lamports)
        if not self.faults.any(BUNDLE_DROP, DROP_TX):
            try:
                self._chain.submit_bundle(bundle)
            except QueueFull as error:
                raise RpcError(INTERNAL_ERROR, str(error)) from error
        self._known[bundle.id] = _Known(bundle, self._chain.position.height + 1)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return bundle.id

    def _inflight_statuses(self, params: Params) -> dict[str, Any]:
        found = []
        for bundle_id in params.items(0, MAX_STATUSES):
            status, slot = self._status_of(str(bundle_id))
            found.append({"bundle_id": bundle_id, "status": status, "landed_slot": slot})
        return self._in_context(found)

    def _statuses(self, params: Params) -> dict[str, Any]:
        found: list[dict[str, Any] | None] = []
        for bundle_id in params.items(0, MAX_STATUSES):
            _, slot = self._status_of(str(bundle_id))
            if slot is None:
                found.append(None)
                continue
            signatures = [str(one.signatures[0]) for one, _ in self._known[str(bundle_id)].bundle.transactions]
            found.append(
                {
                    "bundle_id": bundle_id,
                    "transactions": signatures,
                    "slot": slot,
                    "confirmation_status": self._confirmation(slot),
                    "err": {"Ok": None},
                }
            )
        return self._in_context(found)

    def _status_of(self, bundle_id: str) -> tuple[str, int | None]:
        known = self._known.get(bundle_id)
        if known is None:
            return "Invalid", None
        status = self._store.status(known.bundle.transactions[0][0].signatures[0])
        if status is not None:
            return "Landed", status.slot
        return ("Pending" if self._chain.position.height < known.until_height else "Failed"), None

    def _confirmation(self, slot: int) -> str:
        if slot <= self._chain.slot_at("finalized"):
            return "finalized"
        return "confirmed" if slot <= self._chain.slot_at("confirmed") else "processed"

    def _in_context(self, value: list[Any]) -> dict[str, Any]:
        return {"context": {"apiVersion": API_VERSION, "slot": self._chain.slot_at("processed")}, "value": value}


def tip_of(transaction: VersionedTransaction) -> int:
    """Lamports that a transaction's own transfers give to tip accounts; those from a lookup table do not count."""
    message = transaction.message
    keys = message.account_keys
    total = 0
    for instruction in message.instructions:
        data, accounts = bytes(instruction.data), bytes(instruction.accounts)
        if keys[instruction.program_id_index] != SYSTEM_PROGRAM or data[:4] != _TRANSFER or len(data) != 12:
            continue
        if len(accounts) > 1 and accounts[1] < len(keys) and keys[accounts[1]] in TIP_ACCOUNTS:
            total += int.from_bytes(data[4:], "little")
    return total
