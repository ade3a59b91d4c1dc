"""The pairs that a token trades in now, read from its curve and its pools, as those who list pairs see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from solders.pubkey import Pubkey

from bot.localnet import addresses as at
from bot.localnet.accounts import Accounts
from bot.localnet.launchpad import LAMPORTS_PER_SOL, decode_curve
from bot.localnet.liquidity import pools_of
from bot.localnet.tokens import is_mint, mint_decimals, mint_supply_raw

CURVE_LABEL, POOL_LABEL = "pumpfun", "pumpswap"
CENTS = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """A token against SOL. `key` is that of the market's log, `price` lamports for so many raw tokens.

    `pooled` are the lamports and raw tokens of its pool, None for a curve, which has no liquidity that anybody gave.
    """

    key: str
    address: str
    label: str
    price: tuple[int, int]
    pooled: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Coin:
    """A mint with its supply and the pairs that it trades in, the deepest pool first and a curve last."""

    mint: str
    decimals: int
    supply_raw: int
    pairs: tuple[Pair, ...]

    def sol(self, price: tuple[int, int]) -> Decimal:
        """SOL for a whole token."""
        lamports, raw = price
        return Decimal(lamports) * pow(Decimal(10), self.decimals) / Decimal(raw * LAMPORTS_PER_SOL)

    def usd(self, price: tuple[int, int], sol_cents: int) -> Decimal:
        """Dollars for a whole token, at so many cents for a SOL."""
        return self.sol(price) * sol_cents / CENTS

    @property
    def supply(self) -> Decimal:
        """Whole tokens."""
        return Decimal(self.supply_raw) / pow(Decimal(10), self.decimals)


def usd_of(lamports: int, sol_cents: int) -> Decimal:
    """What so many lamports are in dollars."""
    return Decimal(lamports) * sol_cents / (CENTS * LAMPORTS_PER_SOL)


def coin(address: str, accounts: Accounts) -> Coin | None:
    """The token at this address; None for an address that is none, or no token's."""
    try:
        mint = Pubkey.from_string(address)
    except ValueError:
        return None
    account = accounts.get(mint)
    if account is None or not is_mint(account):
        return None
    found = sorted(_pairs(mint, accounts), key=lambda pair: -(pair.pooled or (0, 0))[0])
    return Coin(address, mint_decimals(account), mint_supply_raw(account), tuple(found))


def _pairs(mint: Pubkey, accounts: Accounts) -> Iterator[Pair]:
    curve = decode_curve(accounts.get(at.bonding_curve(mint)))
    if curve is not None and not curve.complete:
        price = (curve.virtual_quote_lamports, curve.virtual_token_raw)
        yield Pair(str(mint), str(at.bonding_curve(mint)), CURVE_LABEL, price, None)
    for place, reserves, _ in pools_of(mint, accounts):
        held = (reserves.quote_lamports, reserves.token_raw)
        yield Pair(str(place.pool), str(place.pool), POOL_LABEL, held, held)


def text(number: Decimal) -> str:
    """A number of at most twelve digits that count, without an exponent."""
    return f"{Decimal(f'{number:.12g}'):f}"
