"""The stand-in of PumpPortal: new tokens, trades and migrations of the local chain as that service words them.

Requests and messages follow pumpportal.fun/data-api/real-time and a capture of September 2026: amounts are floating point,
and trades are told only to who gives a key. Sans-IO; the sockets are a shell over this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from solders.pubkey import Pubkey

from bot.localnet.addresses import bonding_curve
from bot.localnet.faults import STREAM_SILENT, FaultTable
from bot.localnet.launch_events import Created, LaunchEvent, Migrated, Traded, launch_events
from bot.localnet.records import Block

Message = dict[str, Any]
Deliver = Callable[[Message], None]

TOKEN_UNIT = 1_000_000
LAMPORTS_PER_SOL = 1_000_000_000
TOKEN_SUPPLY = 1_000_000_000
MAX_KEYS = 10_000


class Portal:
    """All open connections of the service; `on_block` feeds them."""

    def __init__(self, faults: FaultTable) -> None:
        self.faults = faults
        self._sessions: set[PortalSession] = set()

    def open(self, path: str, deliver: Deliver, on_close: Callable[[], None] = lambda: None) -> PortalSession:
        """A new connection. `path` is that of its URL with the query, which may hold a key.

        `deliver` takes each message at once and must not block; `on_close` is called when the service drops it.
        """
        session = PortalSession(self, bool(parse_qs(urlsplit(path).query).get("api-key")), deliver, on_close)
        self._sessions.add(session)
        return session

    def forget(self, session: PortalSession) -> None:
        """Remove a connection whose client has gone."""
        self._sessions.discard(session)

    def drop_all(self) -> None:
        """Close every connection from the service's side, as an outage does."""
        for session in list(self._sessions):
            session.drop()

    def on_block(self, block: Block) -> None:
        """Tell every connection what the newest block brings, unless the service is silent."""
        if self.faults.get(STREAM_SILENT) is not None or not self._sessions:
            return
        for landed in block.transactions:
            for event in launch_events(landed.record):
                for session in list(self._sessions):
                    session.on_event(landed.record.signature, event)


class PortalSession:
    """One client's subscriptions."""

    def __init__(self, portal: Portal, has_key: bool, deliver: Deliver, on_close: Callable[[], None]) -> None:
        self._portal = portal
        self._has_key = has_key
        self._deliver = deliver
        self._on_close = on_close
        self._new_tokens = False
        self._migrations = False
        self._mints: set[str] = set()

    def close(self) -> None:
        """End it from the client's side."""
        self._portal.forget(self)

    def drop(self) -> None:
        """End it from the service's side."""
        self.close()
        self._on_close()

    def handle(self, request: Any) -> Message:
        """The answer to one request of the client."""
        method = request.get("method") if isinstance(request, dict) else None
        keys = request.get("keys", []) if isinstance(request, dict) else []
        if method in {"subscribeNewToken", "unsubscribeNewToken"}:
            self._new_tokens = method == "subscribeNewToken"
            return _acknowledged(method, "token creation events.")
        if method in {"subscribeMigration", "unsubscribeMigration"}:
            self._migrations = method == "subscribeMigration"
            return _acknowledged(method, "migration events.")
        if method not in {"subscribeTokenTrade", "unsubscribeTokenTrade"}:
            return {"errors": "Invalid message. Method is not recognized."}
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(keys) > MAX_KEYS:
            return {"errors": "Invalid message. Keys must be a list of addresses."}
        if not self._has_key:
            return {"errors": "Trades are told to funded keys alone."}
        self._mints = self._mints | set(keys) if method == "subscribeTokenTrade" else self._mints - set(keys)
        return _acknowledged(method, "keys.")

    def after_reply(self) -> None:
        """Nothing is owed to a new subscription."""

    def on_event(self, signature: str, event: LaunchEvent) -> None:
        """Deliver an event that is subscribed to."""
        if isinstance(event, Created) and self._new_tokens:
            self._deliver(_created(signature, event))
        elif isinstance(event, Migrated) and self._migrations:
            self._deliver({"signature": signature, "mint": event.mint, "txType": "migrate", "pool": "pump-amm"})
        elif isinstance(event, Traded) and event.mint in self._mints:
            self._deliver(_traded(signature, event))


def _acknowledged(method: str, what: str) -> Message:
    done = "unsubscribed from" if method.startswith("un") else "subscribed to"
    return {"message": f"Successfully {done} {what}"}


def _curve(mint: str, token_raw: int, quote_lamports: int) -> Message:
    tokens, sol = token_raw / TOKEN_UNIT, quote_lamports / LAMPORTS_PER_SOL
    return {
        "bondingCurveKey": str(bonding_curve(Pubkey.from_string(mint))),
        "vTokensInBondingCurve": tokens,
        "vSolInBondingCurve": sol,
        "marketCapSol": TOKEN_SUPPLY * sol / tokens if tokens else 0,
        "pool": "pump",
    }


def _created(signature: str, event: Created) -> Message:
    return {
        "signature": signature,
        "mint": event.mint,
        "traderPublicKey": event.user,
        "txType": "create",
        "initialBuy": 0,
        "solAmount": 0,
        **_curve(event.mint, event.token_raw, event.quote_lamports),
        "name": event.name,
        "symbol": event.symbol,
        "uri": event.uri,
        "is_mayhem_mode": False,
    }


def _traded(signature: str, event: Traded) -> Message:
    return {
        "signature": signature,
        "mint": event.mint,
        "traderPublicKey": event.user,
        "txType": "buy" if event.is_buy else "sell",
        "tokenAmount": event.token_raw / TOKEN_UNIT,
        "solAmount": event.sol_lamports / LAMPORTS_PER_SOL,
        **_curve(event.mint, event.reserve_token_raw, event.reserve_quote_lamports),
    }
