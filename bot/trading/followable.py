"""Whether an address can be a trader's: told by the address alone, without a look at any chain."""

from __future__ import annotations

from typing import Final

KEY_BYTES: Final = 32
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: digit for digit, character in enumerate(_ALPHABET)}

# Agave's own programs, sysvars and wrapped SOL are words filled up with ones; no key that somebody made ends like that.
_FILLED_UP: Final = "1" * 10

# Programs with addresses of other kinds that people meet in explorers, and copy by mistake.
_PROGRAMS: Final = {
    "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA": "the token program",
    "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb": "the token program Token-2022",
    "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL": "the program of token accounts",
    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr": "the memo program",
    "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s": "the metadata program",
    "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P": "the launchpad's program",
    "pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA": "the program of the launchpad's pools",
    "pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ": "the launchpad's program of fees",
    "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4": "Jupiter's program",
    "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8": "Raydium's program",
}


def why_not_followed(address: str) -> str:
    """Why nobody trades from an address, as the rest of a sentence about it; empty for one that may be a wallet's."""
    if not _is_key(address):
        return "is not an address of this chain; check it"
    if address in _PROGRAMS:
        return f"is {_PROGRAMS[address]}, which trades nothing itself; give a wallet's address"
    if address.startswith("So1111") and _FILLED_UP in address:
        return "is wrapped SOL, a token; give a wallet's address"
    if _FILLED_UP in address:
        return "belongs to the chain itself, to a program or a system account; give a wallet's address"
    return ""


def _is_key(address: str) -> bool:
    """Whether a text is the base58 of 32 bytes."""
    number = 0
    for character in address:
        digit = _DIGITS.get(character)
        if digit is None:
            return False
        number = number * len(_ALPHABET) + digit
    leading_zeros = len(address) - len(address.lstrip("1"))
    return leading_zeros + (number.bit_length() + 7) // 8 == KEY_BYTES
