"""The stand-in of an aggregator: quotes and swap instructions through the pools of the chain, so that prices agree.

Paths, members and errors follow Jupiter's swap interface, version 2 (documentation of August 2026); its program is
`programs/jupiter.c`. It knows pools alone, one at a time: what is on a curve is not tradable here. While the fault
`jupiter-lies` is on, each of its proposals does something else than it was asked for, in turn.
"""

from __future__ import annotations

import base64
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from bot.localnet import addresses as at
from bot.localnet import liquidity
from bot.localnet.chain import Chain
from bot.localnet.faults import JUPITER_LIES, RATE_LIMIT, RATE_LIMIT_RETRY_AFTER_S, FaultTable
from bot.localnet.launchpad import BPS, create_associated_token, rent_exempt_lamports
from bot.localnet.liquidity import Place

ROUTE_V2 = bytes.fromhex("bb64facc31c4af14")
LABEL = "Pump.fun Amm"
OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404
ALL_BPS = 10_000
_TABLE_META = struct.Struct("<IQQBB32s2x")  # version, deactivation slot, last extension, its start, authority
_STEP = struct.pack("<IBHBB", 1, 0, ALL_BPS, 0, 1)  # one step for everything

TABLE = at.derive(at.LOOKUP_TABLE_PROGRAM, b"the aggregator's")
TABLED = (
    at.ROUTER_EVENT_AUTHORITY,
    at.POOL_PROGRAM,
    at.POOL_CONFIG_ACCOUNT,
    at.POOL_EVENT_AUTHORITY,
    at.POOL_FEE_CONFIG_ACCOUNT,
    at.POOL_GLOBAL_VOLUME_ACCUMULATOR,
    at.LAUNCHPAD_FEES_PROGRAM,
    at.FEE_RECIPIENTS[0],
    at.wrapped_sol(at.FEE_RECIPIENTS[0]),
    at.BUYBACK_RECIPIENTS[0],
    at.wrapped_sol(at.BUYBACK_RECIPIENTS[0]),
    at.TIP_ACCOUNTS[0],
)
LIES = ("a worse minimum", "a foreign destination", "an extra instruction")
THIEF = at.derive(at.ROUTER_PROGRAM, b"thief")


class _Refused(Exception):
    """An answer of status 400; the text is its error code."""


@dataclass(frozen=True, slots=True)
class _Swap:
    """One question: so much of one side of a pool."""

    place: Place
    creator: Pubkey
    buys: bool
    amount: int
    out: int
    impact_bps: int


def genesis_accounts() -> Iterator[tuple[Pubkey, Account]]:
    """The lookup table of what every route names."""
    yield TABLE, lookup_table(TABLED)


def lookup_table(addresses: Sequence[Pubkey]) -> Account:
    """A lookup table of these addresses, extended before anything else happened and by nobody any more."""
    data = _TABLE_META.pack(1, 2**64 - 1, 0, 0, 0, bytes(32)) + b"".join(map(bytes, addresses))
    return Account(rent_exempt_lamports(len(data)), data, at.LOOKUP_TABLE_PROGRAM)


class Aggregator:
    """Answers from the newest state of a chain. `clock` gives the seconds that its rate counts in."""

    def __init__(self, chain: Chain, faults: FaultTable, clock: Callable[[], float], requests_per_s: float) -> None:
        self.faults = faults
        self._chain = chain
        self._clock = clock
        self._most = max(1, round(requests_per_s))
        self._answered_s: deque[float] = deque(maxlen=self._most)
        self._lies = 0

    def refuses_for_s(self) -> int | None:
        """To be called once per request: the seconds of its Retry-After, or None when it is answered."""
        now_s = self._clock()
        full = len(self._answered_s) == self._most and now_s - self._answered_s[0] < 1
        if full or self.faults.get(RATE_LIMIT) is not None:
            return RATE_LIMIT_RETRY_AFTER_S
        self._answered_s.append(now_s)
        return None

    def handle(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of one request, whatever its rate."""
        parts = urlsplit(target)
        try:
            if (method, parts.path) == ("GET", "/quote"):
                return OK, msgspec.json.encode(self._quote({key: one[0] for key, one in parse_qs(parts.query).items()}))
            if (method, parts.path) == ("POST", "/swap-instructions"):
                return OK, msgspec.json.encode(self._instructions(msgspec.json.decode(body)))
        except _Refused as refused:
            return BAD_REQUEST, msgspec.json.encode({"error": str(refused), "errorCode": str(refused)})
        except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
            return BAD_REQUEST, msgspec.json.encode(
                {"error": f"Invalid request: {error}", "errorCode": "INVALID_REQUEST"}
            )
        return NOT_FOUND, b'{"error":"Not found"}'

    def _quote(self, asked: dict[str, str]) -> dict[str, Any]:
        source, target = Pubkey.from_string(asked["inputMint"]), Pubkey.from_string(asked["outputMint"])
        slippage_bps = int(asked.get("slippageBps", "50"))
        swap = self._swap(source, target, int(asked["amount"]))
        amounts = {"inAmount": str(swap.amount), "outAmount": str(swap.out)}
        mints = {"inputMint": str(source), "outputMint": str(target)}
        return {
            **mints,
            **amounts,
            "otherAmountThreshold": str(swap.out * (ALL_BPS - slippage_bps) // ALL_BPS),
            "swapMode": "ExactIn",
            "slippageBps": slippage_bps,
            "platformFee": None,
            "priceImpactPct": f"{swap.impact_bps / ALL_BPS:.4f}",
            "routePlan": [
                {"swapInfo": {"ammKey": str(swap.place.pool), "label": LABEL, **mints, **amounts}, "bps": ALL_BPS}
            ],
            "contextSlot": self._chain.slot_at("processed"),
        }

    def _swap(self, source: Pubkey, target: Pubkey, amount: int) -> _Swap:
        """What the deepest pool gives; raises _Refused where there is none."""
        if source == target or at.WRAPPED_SOL_MINT not in {source, target}:
            raise _Refused("CIRCULAR_ARBITRAGE_IS_DISABLED" if source == target else "NO_ROUTES_FOUND")
        mint, buys = (target, True) if source == at.WRAPPED_SOL_MINT else (source, False)
        found = max(liquidity.pools_of(mint, self._chain.accounts), key=lambda one: one[1].quote_lamports, default=None)
        if found is None:
            raise _Refused("TOKEN_NOT_TRADABLE")
        place, reserves, creator = found
        out = reserves.tokens_for(amount) if buys else reserves.received_for(amount)
        if out <= 0:
            raise _Refused("COULD_NOT_FIND_ANY_ROUTE")
        held = reserves.quote_lamports if buys else reserves.token_raw
        return _Swap(place, creator, buys, amount, out, amount * BPS // (held + amount))

    def _instructions(self, asked: dict[str, Any]) -> dict[str, Any]:
        quote, user = asked["quoteResponse"], Pubkey.from_string(asked["userPublicKey"])
        source, target = Pubkey.from_string(quote["inputMint"]), Pubkey.from_string(quote["outputMint"])
        swap = self._swap(source, target, int(quote["inAmount"]))
        quoted, slippage_bps = int(quote["outAmount"]), int(quote["slippageBps"])
        lie = self._lie()
        if lie == "a worse minimum":
            quoted = quoted // 2
        route = self._route(swap, user, source, target, struct.pack("<2Q3H", swap.amount, quoted, slippage_bps, 0, 0))
        if lie == "a foreign destination":
            accounts = list(route.accounts)
            stolen = at.associated_token(THIEF, target, at.TOKEN_PROGRAM)
            accounts[2] = AccountMeta(stolen, is_signer=False, is_writable=True)
            route = Instruction(route.program_id, bytes(route.data), accounts)
        others = []
        if lie == "an extra instruction":
            others.append(transfer(TransferParams(from_pubkey=user, to_pubkey=THIEF, lamports=1_000_000)))
        wrapped = create_associated_token(user, user, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
        setup = [wrapped]
        if swap.buys:
            moved = TransferParams(from_pubkey=user, to_pubkey=at.wrapped_sol(user), lamports=swap.amount)
            setup += [transfer(moved), liquidity.sync_wrapped_sol(user)]
            setup.append(create_associated_token(user, user, swap.place.mint, swap.place.token_program))
        return {
            "tokenLedgerInstruction": None,
            "computeBudgetInstructions": [],
            "setupInstructions": [_encoded(one) for one in [*setup, *others]],
            "swapInstruction": _encoded(route),
            "cleanupInstruction": _encoded(liquidity.unwrap_sol(user)),
            "otherInstructions": [],
            "addressesByLookupTableAddress": {str(TABLE): [str(key) for key in TABLED]},
        }

    def _lie(self) -> str | None:
        if self.faults.get(JUPITER_LIES) is None:
            return None
        self._lies += 1
        return LIES[(self._lies - 1) % len(LIES)]

    def _route(self, swap: _Swap, user: Pubkey, source: Pubkey, target: Pubkey, numbers: bytes) -> Instruction:
        place, token_program = swap.place, swap.place.token_program
        if swap.buys:
            inner = liquidity.buy_at(place, user, swap.creator, spend_lamports=swap.amount, min_token_raw=1)
        else:
            inner = liquidity.sell_at(place, user, swap.creator, token_raw=swap.amount, min_receive_lamports=0)
        programs = (at.TOKEN_PROGRAM, token_program) if swap.buys else (token_program, at.TOKEN_PROGRAM)
        named = [
            AccountMeta(user, is_signer=True, is_writable=True),
            _writes(at.associated_token(user, source, programs[0])),
            _writes(at.associated_token(user, target, programs[1])),
            *map(_reads, (source, target, *programs)),
            _reads(at.ROUTER_PROGRAM),  # no other destination
            _reads(at.ROUTER_EVENT_AUTHORITY),
            _reads(at.ROUTER_PROGRAM),
            _reads(at.POOL_PROGRAM),
        ]
        return Instruction(at.ROUTER_PROGRAM, ROUTE_V2 + numbers + _STEP, [*named, *inner.accounts])


def _writes(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=True)


def _reads(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)


def _encoded(instruction: Instruction) -> dict[str, Any]:
    return {
        "programId": str(instruction.program_id),
        "accounts": [
            {"pubkey": str(meta.pubkey), "isSigner": meta.is_signer, "isWritable": meta.is_writable}
            for meta in instruction.accounts
        ],
        "data": base64.b64encode(bytes(instruction.data)).decode(),
    }
