"""Sweeps of tokens, honest ones and bent ones: each part goes to the safe address, to the thief, or to whomever it pleases."""

from __future__ import annotations

import random
from collections.abc import Sequence

from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.instructions import budget, open_token_account, send_tokens, signs, transfer, writes

_APPROVE, _SET_AUTHORITY, _CLOSE, _TRANSFER = b"\x04", b"\x06\x02\x01", b"\x09", b"\x03"


def token_sweep(
    draw: random.Random, wallet: Pubkey, refuge: Pubkey, thieves: Sequence[Pubkey], mints: Sequence[Pubkey]
) -> bytes:
    """A message that sends a token of the wallet somewhere; three of five have something in them that the wallet would regret."""
    mint, program = draw.choice(list(mints)), draw.choice((*[at.TOKEN_2022_PROGRAM] * 3, at.TOKEN_PROGRAM))
    is_honest = draw.random() < 0.4

    def whom() -> Pubkey:
        return refuge if is_honest else draw.choice((refuge, refuge, wallet, *thieves))

    def of() -> Pubkey:
        return mint if is_honest else draw.choice((mint, mint, mint, *mints))

    own = at.token_account(wallet, mint, program)
    parts = []
    if draw.random() < 0.8:
        parts.append(open_token_account(wallet, whom(), of(), program))
    raw, decimals = draw.choice((1, 1, 1_000, 2**64 - 1)), draw.choice((6, 6, 6, 9))
    parts.append(send_tokens(wallet, whom(), of(), program, token_raw=raw, decimals=decimals))
    if draw.random() < 0.2:
        closer = wallet if is_honest else draw.choice((wallet, wallet, *thieves))
        parts.append(Instruction(program, _CLOSE, [writes(own), writes(closer), signs(wallet)]))
    if not is_honest and draw.random() < 0.3:
        thief = draw.choice(list(thieves))
        theirs = at.token_account(thief, mint, program)
        slipped_in = (
            transfer(wallet, whom(), draw.choice((1, 10**6))),
            Instruction(program, _APPROVE + (2**63).to_bytes(8, "little"), [writes(own), writes(thief), signs(wallet)]),
            Instruction(program, _SET_AUTHORITY + bytes(thief), [writes(own), signs(wallet)]),
            Instruction(program, _TRANSFER + (1).to_bytes(8, "little"), [writes(own), writes(theirs), signs(wallet)]),
        )
        parts.insert(draw.randrange(len(parts) + 1), draw.choice(slipped_in))
    if not is_honest and draw.random() < 0.2:
        draw.shuffle(parts)
    return to_bytes_versioned(MessageV0.try_compile(wallet, [*budget(90_000, 1), *parts], [], Hash.default()))
