"""Subscriptions of the local node: what to tell whom when a block is produced. Sans-IO; sockets are a shell over this.

Kinds and shapes follow Agave's pubsub: slot, root, signature, logs, account and program subscriptions, each at the
commitment that it asks for. Beside them it speaks `transactionSubscribe`, as the endpoints of one provider do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from bot.localnet.chain import DEPTH_OF, Commitment
from bot.localnet.faults import REORDER, STREAM_SILENT
from bot.localnet.records import Block, Landed, TransactionStatus
from bot.localnet.rpc.account_encoding import matches_filters
from bot.localnet.rpc.dispatch import Dispatcher, error_answer
from bot.localnet.rpc.enhanced import TransactionFilter, told_transaction, transaction_details, transaction_filter
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.params import METHOD_NOT_FOUND, Config, Params, RpcError, invalid, parse_pubkey, parse_signature

Message = dict[str, Any]
Deliver = Callable[[Message], None]

MAX_SUBSCRIPTIONS_PER_SESSION = 10_000
NO_ACCOUNT = Account(0, b"", Pubkey.default())


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription: its kind, what it is about (an address, a signature or nothing), and its options."""

    number: int
    kind: str
    subject: str | None
    key: Pubkey | None
    commitment: Commitment
    config: Config
    filter: TransactionFilter | None = None

    def notification(self, result: Any) -> Message:
        """The message that carries `result` to the subscriber."""
        return {
            "jsonrpc": "2.0",
            "method": f"{self.kind}Notification",
            "params": {"result": result, "subscription": self.number},
        }


class PubSub:
    """All open sessions of a node; `on_block` feeds them."""

    def __init__(self, node: RpcNode, dispatcher: Dispatcher) -> None:
        self.node = node
        self.dispatcher = dispatcher
        self._sessions: set[Session] = set()
        self._numbers = 0

    def open(self, deliver: Deliver, on_close: Callable[[], None] = lambda: None) -> Session:
        """A new session. `deliver` takes each notification at once and must not block or raise.

        `on_close` is called when the node drops the session.
        """
        session = Session(self, deliver, on_close)
        self._sessions.add(session)
        return session

    def open_at(self, _path: str, deliver: Deliver, on_close: Callable[[], None]) -> Session:
        """The same for a client of a socket; a node asks for nothing in the path."""
        return self.open(deliver, on_close)

    def forget(self, session: Session) -> None:
        """Remove a session whose client has gone."""
        self._sessions.discard(session)

    def drop_all(self) -> None:
        """Close every session from the node's side, as an outage does."""
        for session in list(self._sessions):
            session.drop()

    def next_number(self) -> int:
        """A fresh subscription number."""
        self._numbers += 1
        return self._numbers

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._sessions)

    def on_block(self) -> None:
        """Tell every session what the newest block brings at each commitment level."""
        self.node.view.on_block()
        blocks = {commitment: self.node.chain.block_at(commitment) for commitment in DEPTH_OF}
        for session in list(self._sessions):
            session.on_block(blocks)


class Session:
    """One client's subscriptions."""

    def __init__(self, pubsub: PubSub, deliver: Deliver, on_close: Callable[[], None]) -> None:
        self._pubsub = pubsub
        self._deliver = deliver
        self._on_close = on_close
        self._subscriptions: dict[int, Subscription] = {}
        self._fresh: list[Subscription] = []
        self._held_back: Message | None = None

    def close(self) -> None:
        """End the session from the client's side."""
        self._subscriptions.clear()
        self._pubsub.forget(self)

    def drop(self) -> None:
        """End the session from the node's side."""
        self.close()
        self._on_close()

    def handle(self, request: Any) -> Any:
        """The answer to one request of the client; methods that are not about subscriptions go to the RPC tables."""
        method = request.get("method") if isinstance(request, dict) else None
        if not isinstance(method, str):
            return self._pubsub.dispatcher.handle(request)
        request_id = request.get("id")
        try:
            params = Params(request.get("params") or [])
            if method.endswith("Unsubscribe"):
                known = self._subscriptions.pop(params.integer(0), None) is not None
                if not known:
                    raise invalid("Invalid subscription id.")
                return {"jsonrpc": "2.0", "result": True, "id": request_id}
            if method.endswith("Subscribe"):
                number = self._subscribe(method.removesuffix("Subscribe"), params)
                return {"jsonrpc": "2.0", "result": number, "id": request_id}
        except RpcError as error:
            return error_answer(request_id, error.code, error.message, error.data)
        return self._pubsub.dispatcher.handle(request)

    def after_reply(self) -> None:
        """Deliver what a new subscription is owed at once: a signature that landed before anybody asked.

        To be called after the answer to a request was sent, so that the client knows the number already.
        """
        node = self._pubsub.node
        for subscription in self._fresh:
            if subscription.kind != "signature" or subscription.subject is None:
                continue
            status = node.view.status(parse_signature(subscription.subject))
            if status is not None and status.slot <= node.view.slot_at(subscription.commitment):
                self._fire_signature(subscription, status)
        self._fresh.clear()

    def _subscribe(self, kind: str, params: Params) -> int:
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS_PER_SESSION:
            raise invalid("Too many subscriptions on this connection.")
        subject: str | None = None
        key: Pubkey | None = None
        if kind in ("account", "program"):
            key = params.pubkey(0)
        elif kind == "signature":
            subject = str(params.signature(0))
        elif kind == "logs":
            subject = _mentioned(params.value(0))
        elif kind not in ("slot", "root", "transaction"):
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        config = params.config(1)
        number = self._pubsub.next_number()
        wanted = None
        if kind == "transaction":
            wanted = transaction_filter(params.value(0))
            transaction_details(config)
        subscription = Subscription(number, kind, subject, key, config.commitment(), config, wanted)
        self._subscriptions[number] = subscription
        self._fresh.append(subscription)
        return number

    def on_block(self, blocks: dict[Commitment, Block | None]) -> None:
        """Deliver what the newest blocks bring to this session."""
        view, chain = self._pubsub.node.view, self._pubsub.node.chain
        if view.is_cut_off or self._pubsub.node.faults.get(STREAM_SILENT) is not None:
            return
        for subscription in list(self._subscriptions.values()):
            if subscription.kind == "slot":
                if not chain.was_skipped(chain.position.slot):
                    self._tell_in_turn(subscription.notification(self._slot()))
            elif subscription.kind == "root":
                if not chain.was_skipped(root := chain.slot_at("finalized")):
                    self._tell_in_turn(subscription.notification(root))
            elif not view.is_empty:
                block = blocks[subscription.commitment]
                if block is not None:
                    self._tell(subscription, block)

    def _tell_in_turn(self, message: Message) -> None:
        """Deliver a notification; while `reorder` is on, every second one after the one that follows it."""
        held = self._held_back
        if held is None and self._pubsub.node.faults.get(REORDER) is not None:
            self._held_back = message
            return
        self._held_back = None
        self._deliver(message)
        if held is not None:
            self._deliver(held)

    def _slot(self) -> dict[str, int]:
        chain = self._pubsub.node.chain
        slot = chain.position.slot
        parent = chain.blocks[-2].slot if len(chain.blocks) > 1 else slot - 1
        return {"slot": slot, "parent": parent, "root": chain.slot_at("finalized")}

    def _tell(self, subscription: Subscription, block: Block) -> None:
        for landed in block.transactions:
            record = landed.record
            if subscription.kind == "signature":
                if record.signature == subscription.subject:
                    status = TransactionStatus(record.signature, record.slot, record.block_time_s, record.error)
                    self._fire_signature(subscription, status)
            elif subscription.kind == "logs":
                if subscription.subject is None or subscription.subject in record.account_keys:
                    logs = self._pubsub.node.view.told_logs(record.logs)
                    value = {"signature": record.signature, "err": record.error, "logs": logs}
                    self._tell_in_turn(subscription.notification(_in_context(block, value)))
            elif subscription.filter is not None:
                if subscription.filter.matches(record):
                    told = told_transaction(record, transaction_details(subscription.config))
                    self._tell_in_turn(subscription.notification(told))
            else:
                for value in self._account_values(subscription, landed):
                    self._tell_in_turn(subscription.notification(_in_context(block, value)))

    def _account_values(self, subscription: Subscription, landed: Landed) -> Iterator[Any]:
        node, config = self._pubsub.node, subscription.config
        if subscription.kind == "account":
            if subscription.key is not None and subscription.key in landed.after:
                yield node.encode(landed.after[subscription.key] or NO_ACCOUNT, config)
            return
        for key, account in landed.after.items():
            if account is None or account.owner != subscription.key:
                continue
            if matches_filters(account, config.fields.get("filters")):
                yield {"pubkey": str(key), "account": node.encode(account, config)}

    def _fire_signature(self, subscription: Subscription, status: TransactionStatus) -> None:
        """A signature notification is sent once; the subscription ends with it."""
        self._subscriptions.pop(subscription.number, None)
        value = {"context": {"slot": status.slot}, "value": {"err": status.error}}
        self._tell_in_turn(subscription.notification(value))


def _in_context(block: Block, value: Any) -> dict[str, Any]:
    return {"context": {"slot": block.slot}, "value": value}


def _mentioned(selector: Any) -> str | None:
    """The address that a logs subscription is about; None for all transactions."""
    if selector in ("all", "allWithVotes"):
        return None
    mentions = selector.get("mentions") if isinstance(selector, dict) else None
    if not isinstance(mentions, list) or len(mentions) != 1:
        raise invalid("Invalid Request: Only 1 address supported")
    return str(parse_pubkey(mentions[0]))
