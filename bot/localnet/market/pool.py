"""The wallets that trade on the local chain: a bounded pool derived from the market's seed, and their transactions.

The keys are worth nothing anywhere else. A treasury keeps the wallets funded through ordinary transfers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet import addresses as at
from bot.localnet import launchpad, liquidity
from bot.localnet.chain import Chain
from bot.localnet.tokens import token_account

LAMPORTS_PER_SOL = 1_000_000_000
WALLET_LAMPORTS = 500 * LAMPORTS_PER_SOL
LOW_LAMPORTS = 100 * LAMPORTS_PER_SOL
TREASURY_LAMPORTS = 50_000_000 * LAMPORTS_PER_SOL
TRADE_UNIT_LIMIT = 200_000
LAUNCH_UNIT_LIMIT = 250_000
LAUNCH_PRICE_MICRO_LAMPORTS = 10_000_000
CLOSE_ACCOUNT = b"\x09"
BPS = 10_000


def derived_keypair(*parts: object) -> Keypair:
    """The keypair that follows from these parts, the same on every run."""
    return Keypair.from_seed(hashlib.sha256("/".join(str(part) for part in parts).encode()).digest())


class Pool:
    """Traders, creators and a treasury. Transactions are signed on a finalized blockhash, which outlives forks."""

    def __init__(self, seed: int, *, traders: int, creators: int) -> None:
        self.traders = [derived_keypair("trader", seed, number) for number in range(traders)]
        self.creators = [derived_keypair("creator", seed, number) for number in range(creators)]
        self._treasury = derived_keypair("treasury", seed)
        self.addresses = {keypair.pubkey() for keypair in (*self.traders, *self.creators)}
        self._names = {str(address) for address in self.addresses}

    def genesis_accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """Every wallet of the pool with its first balance."""
        yield self._treasury.pubkey(), Account(TREASURY_LAMPORTS, b"", at.SYSTEM_PROGRAM)
        for address in sorted(self.addresses, key=bytes):
            yield address, Account(WALLET_LAMPORTS, b"", at.SYSTEM_PROGRAM)

    def owns(self, fee_payer: str) -> bool:
        """Whether a transaction with this fee payer is one of the pool's trades or launches."""
        return fee_payer in self._names

    def refill(self, wallet: Pubkey, chain: Chain) -> VersionedTransaction | None:
        """A transfer from the treasury when a wallet runs low, else None."""
        account = chain.accounts.get(wallet)
        if account is not None and account.lamports >= LOW_LAMPORTS:
            return None
        params = TransferParams(from_pubkey=self._treasury.pubkey(), to_pubkey=wallet, lamports=WALLET_LAMPORTS)
        return _signed([transfer(params)], [self._treasury], chain)

    def launch(
        self, mint: Keypair, creator: Keypair, chain: Chain, *, name: str, symbol: str, uri: str
    ) -> VersionedTransaction:
        """The transaction that creates a coin; its priority puts it before every trade of its block."""
        instructions = [
            set_compute_unit_limit(LAUNCH_UNIT_LIMIT),
            set_compute_unit_price(LAUNCH_PRICE_MICRO_LAMPORTS),
            launchpad.create_v2(mint.pubkey(), creator.pubkey(), name=name, symbol=symbol, uri=uri),
        ]
        return _signed(instructions, [creator, mint], chain)

    def buy(
        self,
        wallet: Keypair,
        mint: Pubkey,
        creator: Pubkey,
        chain: Chain,
        *,
        spend_lamports: int,
        slippage_bps: int,
        price_micro_lamports: int,
        curve: launchpad.Curve | None = None,
    ) -> VersionedTransaction | None:
        """A buy for `spend_lamports`, fees included, on the curve or in the pool; None when that sells nothing for it.

        `curve` overrides the chain's state for a coin that is created in the same block.
        """
        curve = curve or launchpad.decode_curve(chain.accounts.get(at.bonding_curve(mint)))
        if curve is not None and curve.complete:
            found = liquidity.read_pool(mint, chain.accounts)
            token_raw = 0 if found is None else found.tokens_for(spend_lamports)
            if token_raw <= 0:
                return None
            least_raw = token_raw * (BPS - slippage_bps) // BPS
            trade = _pool_buy(mint, wallet.pubkey(), creator, spend_lamports=spend_lamports, min_token_raw=least_raw)
            return _signed([*_budget(price_micro_lamports), *trade], [wallet], chain)
        token_raw = 0 if curve is None else curve.tokens_for(spend_lamports)
        if token_raw <= 0:
            return None
        user = wallet.pubkey()
        instructions = _budget(price_micro_lamports)
        if chain.accounts.get(at.associated_token(user, mint)) is None:
            instructions.append(launchpad.create_associated_token(user, user, mint))
        instructions.append(
            launchpad.buy_exact_quote_in_v2(
                mint,
                user,
                creator,
                spend_lamports=spend_lamports,
                min_token_raw=token_raw * (BPS - slippage_bps) // BPS,
            )
        )
        return _signed(instructions, [wallet], chain)

    def sell(
        self,
        wallet: Keypair,
        mint: Pubkey,
        creator: Pubkey,
        chain: Chain,
        *,
        token_raw: int,
        slippage_bps: int,
        price_micro_lamports: int,
    ) -> VersionedTransaction | None:
        """A sale of `token_raw` or of what the wallet holds, if less; None when it holds none or nobody buys it now.

        A sale of everything closes the token account.
        """
        held_raw = self.held_raw(wallet.pubkey(), mint, chain)
        token_raw = min(token_raw, held_raw)
        curve = launchpad.decode_curve(chain.accounts.get(at.bonding_curve(mint)))
        if token_raw <= 0 or curve is None:
            return None
        user = wallet.pubkey()
        found = liquidity.read_pool(mint, chain.accounts) if curve.complete else None
        if curve.complete and found is None:
            return None
        receive_lamports = (
            launchpad.without_fees(curve.quote_to_sell(token_raw)) if found is None else found.received_for(token_raw)
        )
        least_lamports = max(0, receive_lamports * (BPS - slippage_bps) // BPS)
        instructions = _budget(price_micro_lamports)
        if found is None:
            instructions.append(
                launchpad.sell_v2(mint, user, creator, token_raw=token_raw, min_receive_lamports=least_lamports)
            )
        else:
            instructions += _pool_sale(mint, user, creator, token_raw=token_raw, min_receive_lamports=least_lamports)
        if token_raw == held_raw:
            instructions.append(_close_token_account(user, mint))
        return _signed(instructions, [wallet], chain)

    def held_raw(self, wallet: Pubkey, mint: Pubkey, chain: Chain) -> int:
        """What a wallet holds of a coin."""
        held = token_account(chain.accounts.get(at.associated_token(wallet, mint)))
        return 0 if held is None else held.amount_raw


def _wrapped_sol_account(user: Pubkey) -> Instruction:
    return launchpad.create_associated_token(user, user, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)


def _pool_buy(
    mint: Pubkey, user: Pubkey, creator: Pubkey, *, spend_lamports: int, min_token_raw: int
) -> list[Instruction]:
    """Wrap what is spent, buy, and unwrap what is left."""
    trade = liquidity.buy_exact_quote_in(
        mint, user, creator, spend_lamports=spend_lamports, min_token_raw=min_token_raw
    )
    return [
        _wrapped_sol_account(user),
        transfer(TransferParams(from_pubkey=user, to_pubkey=at.wrapped_sol(user), lamports=spend_lamports)),
        liquidity.sync_wrapped_sol(user),
        launchpad.create_associated_token(user, user, mint),
        trade,
        liquidity.unwrap_sol(user),
    ]


def _pool_sale(
    mint: Pubkey, user: Pubkey, creator: Pubkey, *, token_raw: int, min_receive_lamports: int
) -> list[Instruction]:
    trade = liquidity.sell(mint, user, creator, token_raw=token_raw, min_receive_lamports=min_receive_lamports)
    return [_wrapped_sol_account(user), trade, liquidity.unwrap_sol(user)]


def _budget(price_micro_lamports: int) -> list[Instruction]:
    return [set_compute_unit_limit(TRADE_UNIT_LIMIT), set_compute_unit_price(price_micro_lamports)]


def _close_token_account(user: Pubkey, mint: Pubkey) -> Instruction:
    account = AccountMeta(at.associated_token(user, mint), is_signer=False, is_writable=True)
    owner = AccountMeta(user, is_signer=True, is_writable=True)
    return Instruction(at.TOKEN_2022_PROGRAM, CLOSE_ACCOUNT, [account, owner, owner])


def _signed(instructions: Sequence[Instruction], signers: Sequence[Keypair], chain: Chain) -> VersionedTransaction:
    blockhash, _ = chain.blockhash_at("finalized")
    message = MessageV0.try_compile(signers[0].pubkey(), instructions, [], blockhash)
    return VersionedTransaction(message, signers)
