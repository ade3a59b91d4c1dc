"""What one endpoint shows of a wallet, how two such looks compare, and what is the least that any of them shows."""

from __future__ import annotations

from dataclasses import replace

import structlog
import trio
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.endpoint import Question
from bot.chain.endpoints import Endpoints
from bot.chain.rpc import TOKEN_ACCOUNT_PREFIX_BYTES, AccountData, RpcClient
from bot.ports import WalletBalances

log = structlog.get_logger()


def held_in(account: AccountData | None, owner: str, mint: str) -> int:
    """The raw units of a token account; 0 for one that is not there, or is not the owner's for this mint."""
    if account is None or account.owner not in map(str, at.TOKEN_PROGRAMS):
        return 0
    data = account.data
    if len(data) < TOKEN_ACCOUNT_PREFIX_BYTES or data[:64] != bytes(at.key_from(mint)) + bytes(at.key_from(owner)):
        return 0
    return int.from_bytes(data[64:TOKEN_ACCOUNT_PREFIX_BYTES], "little")


def is_nothing(look: WalletBalances) -> bool:
    """Whether a look shows neither lamports nor tokens, as one of a wallet that never was does."""
    return look.lamports == 0 and not any(look.token_raw.values())


def least_of(*looks: WalletBalances) -> WalletBalances:
    """What all looks show, and of a token that some do not show at all the least of the others.

    Of the lamports the middle one: they pay a fee that is small beside them, and who shows none stops no sale.
    """
    token_raw = {
        mint: min(amount for look in looks if (amount := look.token_raw.get(mint, 0)))
        for mint in {mint for look in looks for mint, amount in look.token_raw.items() if amount}
    }
    lamports = sorted(look.lamports for look in looks)[(len(looks) - 1) // 2]
    return WalletBalances(min(look.slot for look in looks), lamports, token_raw, is_witnessed=False)


async def least_shown(endpoints: Endpoints, address: str, not_before: int, within_s: float) -> WalletBalances | None:
    """The least that anybody shows who answers in time, none where nobody does; nobody's word counts for more than another's."""
    looks: list[WalletBalances] = []
    ask_one = look_at(address, not_before)

    async def ask(client: RpcClient) -> None:
        looks.append(await ask_one(client))

    with trio.move_on_after(within_s):
        await endpoints.every(ask)
    if not looks:
        return None
    least = replace(least_of(*looks), is_least=True)
    log.warning("least_of_looks", address=address, looks=len(looks), token_raw=sum(least.token_raw.values()))
    return least


def contradicted(address: str, look: WalletBalances, agreed: WalletBalances) -> str:
    """Why whoever showed a look is distrusted, two others having shown something else."""
    if is_nothing(look):
        return f"at slot {look.slot} it did not show {address}, which two others do"
    return f"at slot {look.slot} it contradicted two others about {address}, which had it at {agreed.slot}"


def same(one: WalletBalances, other: WalletBalances) -> bool:
    """Whether two looks show the same holdings; an empty token account counts as none."""
    held = [{mint: amount for mint, amount in look.token_raw.items() if amount} for look in (one, other)]
    return one.lamports == other.lamports and held[0] == held[1]


def look_at(address: str, not_before: int) -> Question[WalletBalances]:
    """Lamports and tokens of a wallet from one endpoint; the slot is the oldest of the answers."""

    async def ask(client: RpcClient) -> WalletBalances:
        slot, lamports = await client.balance(address, "confirmed", not_before=not_before)
        token_raw: dict[str, int] = {}
        for program in at.TOKEN_PROGRAMS:
            seen_at, holdings = await client.token_holdings(address, str(program), "confirmed", not_before=not_before)
            slot = min(slot, seen_at)
            for holding in holdings:
                mint = str(Pubkey.from_bytes(holding.mint_bytes))
                token_raw[mint] = token_raw.get(mint, 0) + holding.token_raw
        if not lamports and not token_raw:
            await client.prove_sight()
        return WalletBalances(slot, lamports, token_raw)

    return ask
