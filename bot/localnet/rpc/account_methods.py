"""RPC methods that read accounts and tokens."""

from __future__ import annotations

from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from bot.localnet.addresses import SYSTEM_PROGRAM
from bot.localnet.rpc.account_encoding import matches_filters
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.params import KEY_EXCLUDED_FROM_INDEX, Params, RpcError, invalid, parse_pubkey
from bot.localnet.tokens import is_mint, mint_supply_raw, token_account, ui_token_amount

MAX_ACCOUNTS_PER_CALL = 100
LARGEST_ACCOUNTS = 20


def get_balance(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(1))
    account = node.view.account_at(params.pubkey(0), commitment)
    return node.in_context(commitment, 0 if account is None else account.lamports)


def get_account_info(node: RpcNode, params: Params) -> Any:
    config = params.config(1)
    commitment = node.checked_commitment(config)
    account = node.view.account_at(params.pubkey(0), commitment)
    return node.in_context(commitment, node.encode(account, config, "binary"))


def get_multiple_accounts(node: RpcNode, params: Params) -> Any:
    config = params.config(1)
    commitment = node.checked_commitment(config)
    keys = [parse_pubkey(key) for key in params.items(0, MAX_ACCOUNTS_PER_CALL)]
    accounts = [node.encode(node.view.account_at(key, commitment), config) for key in keys]
    return node.in_context(commitment, accounts)


def get_program_accounts(node: RpcNode, params: Params) -> Any:
    config = params.config(1)
    commitment = node.checked_commitment(config)
    program = params.pubkey(0)
    if program == SYSTEM_PROGRAM:
        raise RpcError(
            KEY_EXCLUDED_FROM_INDEX,
            f"{program} excluded from account secondary indexes; this RPC method unavailable for key",
        )
    found = []
    for key in node.view.owned_by_program(program):
        account = node.view.account_at(key, commitment)
        if account is None or account.owner != program:
            continue
        if matches_filters(account, config.fields.get("filters")):
            found.append({"pubkey": str(key), "account": node.encode(account, config)})
    return node.in_context(commitment, found) if config.flag("withContext") else found


def get_token_accounts_by_owner(node: RpcNode, params: Params) -> Any:
    config = params.config(2)
    commitment = node.checked_commitment(config)
    selector = params.config(1)
    mint, program = selector.text("mint", ""), selector.text("programId", "")
    if bool(mint) == bool(program):
        raise invalid("Invalid params: give either `mint` or `programId`.")
    wanted = parse_pubkey(mint or program)
    found = []
    for key in node.view.tokens_of_owner(params.pubkey(0)):
        account = node.view.account_at(key, commitment)
        held = token_account(account)
        if account is not None and held is not None and wanted == (held.mint if mint else account.owner):
            found.append({"pubkey": str(key), "account": node.encode(account, config)})
    return node.in_context(commitment, found)


def get_token_account_balance(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(1))
    account = node.view.account_at(params.pubkey(0), commitment)
    held = token_account(account)
    if held is None:
        raise invalid(
            "Invalid param: could not find account" if account is None else "Invalid param: not a Token account"
        )
    return node.in_context(commitment, ui_token_amount(held.amount_raw, node.decimals_of(held.mint)))


def _mint_account(node: RpcNode, key: Pubkey) -> Account:
    account = node.view.account_at(key, "processed")
    if account is None:
        raise invalid("Invalid param: could not find mint")
    if not is_mint(account):
        raise invalid("Invalid param: not a Token mint")
    return account


def get_token_supply(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(1))
    mint = _mint_account(node, params.pubkey(0))
    return node.in_context(commitment, ui_token_amount(mint_supply_raw(mint), mint.data[44]))


def get_token_largest_accounts(node: RpcNode, params: Params) -> Any:
    commitment = node.checked_commitment(params.config(1))
    key = params.pubkey(0)
    decimals = _mint_account(node, key).data[44]
    holdings = []
    for address in node.view.tokens_of_mint(key):
        held = token_account(node.view.account_at(address, commitment))
        if held is not None:
            holdings.append((held.amount_raw, str(address)))
    largest = sorted(holdings, reverse=True)[:LARGEST_ACCOUNTS]
    return node.in_context(
        commitment, [{"address": address, **ui_token_amount(amount, decimals)} for amount, address in largest]
    )


METHODS = {
    "getBalance": get_balance,
    "getAccountInfo": get_account_info,
    "getMultipleAccounts": get_multiple_accounts,
    "getProgramAccounts": get_program_accounts,
    "getTokenAccountsByOwner": get_token_accounts_by_owner,
    "getTokenAccountBalance": get_token_account_balance,
    "getTokenSupply": get_token_supply,
    "getTokenLargestAccounts": get_token_largest_accounts,
}
