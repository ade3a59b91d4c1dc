"""The books of the store in memory and the evidence of the chain in this process, for the audit that real bots pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.localnet.inprocess import InProcessChain
from bot.storage.memory import MemoryStore
from tests.whole.audit import findings
from tests.whole.real_evidence import Books, Evidence, Node, Row


@dataclass(frozen=True, slots=True)
class InProcessNode(Node):
    """The same questions, without a socket and past every fault."""

    chain: InProcessChain

    def call(self, method: str, *params: Any) -> Any:
        return self.chain.call(method, *params)


def audit(store: MemoryStore, chain: InProcessChain, *, unresolved: bool = False) -> list[str]:
    """What does not fit between these books and this chain, in words."""
    return findings(books_of(store), evidence_of(store, chain), unresolved=unresolved)


def evidence_of(store: MemoryStore, chain: InProcessChain) -> Evidence:
    """What the chain shows of every wallet in the store."""
    node = InProcessNode("in-process", chain)
    addresses = [wallet.address for wallet in store._wallets.values()]
    return Evidence(node.call("getGenesisHash"), {address: node.wallet(address) for address in addresses})


def books_of(store: MemoryStore) -> Books:
    """Every row that speaks of money, in the columns of PostgreSQL.

    Of adjustments those of sweeps are among them: outsiders cause others here, which `checks.py` looks at as they come.
    """
    return Books(
        genesis_hash=store._genesis_hash,
        wallets=[_columns(row, "id", "user_id", "address", "mode") for row in store._wallets.values()],
        intents=[_intent(store, intent_id) for intent_id in store._intents],
        attempts=[
            _columns(row, "signature", "intent_id", "number", "state", "error") for row in store._attempts.values()
        ],
        trades=[_trade(store, signature) for signature in store._trades],
        positions=[
            _columns(row, "id", "wallet_id", "mint", "state", "token_raw", "realized_lamports")
            for row in store._positions.values()
        ],
        entries=[
            {"id": number, **_columns(entry, "kind", "wallet_id", "position_id", "signature", "slot")}
            for number, entry in enumerate(store.ledger)
        ],
        legs=[
            {"entry_id": number, "account": str(leg.account), "lamports": leg.lamports}
            for number, entry in enumerate(store.ledger)
            for leg in entry.legs
        ],
        adjustments=[
            {
                **_columns(row, "position_id", "sweep_id"),
                "before_token_raw": row.taken.token_raw,
                "after_token_raw": 0,
            }
            for row in store._adjustments
            if row.sweep_id is not None
        ],
        reversals=[
            {"intent_id": row.trade.intent.id, "signature": row.trade.fill.signature, "evidence": row.evidence}
            for row in store._reversals
        ],
        runs=[_columns(row, "id", "user_id", "mint", "epoch", "status") for row in store._runs.values()],
        messages=[_columns(row, "id", "user_id", "kind", "trace_id") for row in store._outbox.values()],
    )


def _columns(row: object, *names: str) -> Row:
    return {name: getattr(row, name) for name in names}


def _intent(store: MemoryStore, intent_id: str) -> Row:
    intent = store._intents[intent_id]
    asked = _columns(
        intent.request, "user_id", "wallet_id", "mint", "side", "context", "causation_id", "spend_lamports"
    )
    named = {"token_raw": intent.request.token_raw}
    return {**asked, **named, **_columns(intent, "id", "state", "reserved_lamports")}


def _trade(store: MemoryStore, signature: str) -> Row:
    trade = store._trades[signature]
    return {
        **_columns(trade.intent.request, "wallet_id", "mint"),
        **_columns(trade.fill, "signature", "slot", "side", "token_raw", "wallet_delta_lamports"),
        **_columns(trade, "position_id", "realized_lamports"),
        "intent_id": trade.intent.id,
    }
