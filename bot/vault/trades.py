"""The three trades that the vault knows, each read from its instruction: what it spends, and whose accounts it names.

An account that follows from the wallet and the mint has to be that one. Those of the program's own, its fee recipients and
the coin's creator, are the program's to check: it refuses others.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from solders.pubkey import Pubkey

from bot.errors import SigningRefused
from bot.trading.intent import Side
from bot.vault import programs as at
from bot.vault.parsed_message import Called

LAUNCHPAD_BUY = bytes.fromhex("c2ab1c46684d5b2f")  # buy_exact_quote_in_v2
LAUNCHPAD_SELL = bytes.fromhex("5df6823ce7e940b2")  # sell_v2
POOL_BUY = bytes.fromhex("c62e1552b4d9e870")  # buy_exact_quote_in
POOL_SELL = bytes.fromhex("33e685a4017f83ad")  # sell
ROUTE = bytes.fromhex("bb64facc31c4af14")  # route_v2
SHARED_ROUTE = bytes.fromhex("d19853937cfed8e9")  # shared_accounts_route_v2

_AMOUNTS = struct.Struct("<2Q")
_ROUTE_NUMBERS = struct.Struct("<2Q3H")  # amount in, quoted amount out, slippage, platform fee, positive slippage
# Where the numbers begin, and where authority, source, target, events and program stand among the accounts.
_ROUTES = {ROUTE: (8, 0, 1, 2, 8, 9), SHARED_ROUTE: (9, 1, 2, 5, 10, 11)}
_ROUTE_OTHER_TARGET = 7  # of route_v2: where else the proceeds go
ROUTE_ACCOUNTS_MAX = 64
APPENDED_MIN, APPENDED_MAX = 3, 5  # accounts behind the described ones of a pool's trade

# A place that the program itself checks.
_ANY = None


def launchpad_trade(called: Called, user: Pubkey, mint: Pubkey) -> tuple[Side, int]:
    """Side and lamports that a trade on the curve spends, 0 for a sale; raises SigningRefused."""
    side = _side(called, LAUNCHPAD_BUY, LAUNCHPAD_SELL)
    if len(called.data) != 8 + _AMOUNTS.size:
        raise SigningRefused("the launchpad's trade has other data")
    curve, token_program = at.curve(mint), _token_program(called, 3)
    volume = at.volume_of(user, at.LAUNCHPAD)
    _hold(
        called,
        [
            at.LAUNCHPAD_GLOBAL,
            mint,
            at.WRAPPED_SOL,
            token_program,
            at.TOKEN,
            at.ASSOCIATED,
            *[_ANY] * 4,
            curve,
            at.token_account(curve, mint, token_program),
            at.wrapped_sol(curve),
            user,
            at.token_account(user, mint, token_program),
            at.wrapped_sol(user),
            *[_ANY] * 2,
            at.sharing_config(mint),
            *([at.LAUNCHPAD_VOLUME] if side is Side.BUY else []),
            volume,
            at.wrapped_sol(volume),
            at.LAUNCHPAD_FEES,
            at.FEES,
            at.SYSTEM,
            at.LAUNCHPAD_EVENTS,
            at.LAUNCHPAD,
        ],
    )
    return side, _spent(called, side)


def pool_trade(called: Called, user: Pubkey, mint: Pubkey) -> tuple[Side, int]:
    """The same of a trade in the mint's canonical pool; raises SigningRefused."""
    side = _side(called, POOL_BUY, POOL_SELL)
    if len(called.data) != 8 + _AMOUNTS.size + (1 if side is Side.BUY else 0):
        raise SigningRefused("the pool's trade has other data")
    pool, token_program = at.canonical_pool(mint), _token_program(called, 11)
    volume = [at.POOLS_VOLUME, at.volume_of(user, at.POOLS)] if side is Side.BUY else []
    described = [
        pool,
        user,
        at.POOLS_CONFIG,
        mint,
        at.WRAPPED_SOL,
        at.token_account(user, mint, token_program),
        at.wrapped_sol(user),
        at.token_account(pool, mint, token_program),
        at.wrapped_sol(pool),
        *[_ANY] * 2,
        token_program,
        at.TOKEN,
        at.SYSTEM,
        at.ASSOCIATED,
        at.POOLS_EVENTS,
        at.POOLS,
        *[_ANY] * 2,
        *volume,
        at.POOLS_FEES,
        at.FEES,
    ]
    appended = called.accounts[len(described) :]
    if not APPENDED_MIN <= len(appended) <= APPENDED_MAX or appended[-APPENDED_MIN] != at.pool_v2(mint):
        raise SigningRefused("the pool's trade names other accounts behind the described ones")
    _hold(called, [*described, *[_ANY] * len(appended)])
    return side, _spent(called, side)


def routed_trade(called: Called, user: Pubkey, mint: Pubkey) -> tuple[Side, int]:
    """The same of a swap by the aggregator, between the wallet's own accounts of this mint and of wrapped SOL.

    Its other accounts may stand in lookup tables, which the vault cannot read; the wallet's own may not. Raises SigningRefused.
    """
    places = _ROUTES.get(called.data[:8])
    if places is None or len(called.data) < places[0] + _ROUTE_NUMBERS.size:
        raise SigningRefused("the aggregator's swap is of a kind that is not signed")
    numbers, authority, source, target, events, program = places
    keys = called.accounts
    if not program < len(keys) <= ROUTE_ACCOUNTS_MAX:
        raise SigningRefused("the aggregator's swap names too few accounts or too many")
    amount, _, slippage_bps, platform_bps, positive_bps = _ROUTE_NUMBERS.unpack_from(called.data, numbers)
    if platform_bps or positive_bps or slippage_bps > 10_000:
        raise SigningRefused("the aggregator's swap takes a fee for somebody")
    wrapped, own = at.wrapped_sol(user), {at.token_account(user, mint, one) for one in at.TOKEN_PROGRAMS}
    if keys[authority] != user or keys[program] != at.AGGREGATOR:
        raise SigningRefused("the aggregator's swap is another wallet's")
    if keys[events] not in {at.AGGREGATOR_EVENTS, None}:
        raise SigningRefused("the aggregator's swap is told to somebody else")
    if authority == 0 and keys[_ROUTE_OTHER_TARGET] not in {keys[target], at.AGGREGATOR}:
        raise SigningRefused("the aggregator's swap pays into another account")
    if keys[source] == wrapped and keys[target] in own:
        return Side.BUY, int(amount)
    if keys[source] in own and keys[target] == wrapped:
        return Side.SELL, 0
    raise SigningRefused("the aggregator's swap is not between the wallet's own accounts")


def _side(called: Called, buy: bytes, sell: bytes) -> Side:
    if called.data[:8] == buy:
        return Side.BUY
    if called.data[:8] == sell:
        return Side.SELL
    raise SigningRefused("an instruction of a market that is no trade")


def _spent(called: Called, side: Side) -> int:
    """The first number of a trade's data: what a buy spends at most, fees of the program included."""
    amount, _ = _AMOUNTS.unpack_from(called.data, 8)
    return int(amount) if side is Side.BUY else 0


def _token_program(called: Called, place: int) -> Pubkey:
    program = called.accounts[place] if place < len(called.accounts) else None
    if program not in at.TOKEN_PROGRAMS:
        raise SigningRefused("the trade names another token program")
    return program


def _hold(called: Called, expected: Sequence[Pubkey | None]) -> None:
    """Raise SigningRefused unless the accounts are exactly these, and each of them stands in the message itself."""
    if len(called.accounts) != len(expected):
        raise SigningRefused(f"the trade names {len(called.accounts)} accounts, not {len(expected)}")
    for place, (key, wanted) in enumerate(zip(called.accounts, expected, strict=True)):
        if key is None or (wanted is not _ANY and key != wanted):
            raise SigningRefused(f"account {place} of the trade is another one")
