"""What somebody tries who holds the vault's socket and the wallets' rows: honest messages bent, and whole ones of his own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from solders.hash import Hash
from solders.instruction import AccountMeta, CompiledInstruction, Instruction
from solders.message import MessageHeader, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.ports import Signing
from tests.vault.fuzz.market import Market

NOBODY = Pubkey(bytes([77]) * 32)  # who has no accounts yet
AMOUNTS = (0, 1, 5_000, 10**6, 10**8, 10**9, 10**9 + 1, 2 * 10**10, 10**11, 2**63, 2**64 - 1)
MESSAGE_MAX = 1_232


@dataclass(slots=True)
class Thief:
    """Draws attacks. `keys` are addresses that he would like in the place of others."""

    market: Market
    draw: random.Random
    keys: tuple[Pubkey, ...] = ()

    def __post_init__(self) -> None:
        own, victim = self.market.thief.pubkey(), self.market.wallet.pubkey()
        mints = (*self.market.mints, at.WRAPPED_SOL_MINT)
        accounts = [
            at.token_account(owner, mint, program)
            for owner in (own, victim)
            for mint in mints
            for program in at.TOKEN_PROGRAMS
        ]
        self.keys = (own, victim, *accounts, *mints, at.SYSTEM_PROGRAM, *at.TOKEN_PROGRAMS, at.PUMP_PROGRAM)

    def attack(self) -> Signing:
        """One request: an honest message bent in up to three places, or one with something slipped in."""
        base = self.draw.choice(self.market.honest)
        for _ in range(self.draw.choice((0, 1, 1, 1, 2, 3))):
            base = self.draw.choice(_WAYS)(self, base)
        if self.draw.random() < 0.5:
            base = replace(base, intent_id=f"intent {self.draw.randrange(10**9)}")
        return base

    def instruction(self) -> Instruction:
        """Something that moves value, or the right to it, to the thief."""
        victim, thief = self.market.wallet.pubkey(), self.market.thief.pubkey()
        mint = self.draw.choice((*self.market.mints, at.WRAPPED_SOL_MINT))
        program = self.draw.choice(at.TOKEN_PROGRAMS)
        source, target = at.token_account(victim, mint, program), at.token_account(thief, mint, program)
        nobodys = AccountMeta(at.token_account(NOBODY, mint, program), False, True)
        amount = self.draw.choice(AMOUNTS).to_bytes(8, "little")
        signer, to = AccountMeta(victim, True, True), AccountMeta(thief, False, True)
        token = [AccountMeta(source, False, True), AccountMeta(target, False, True), signer]
        made = [
            Instruction(at.SYSTEM_PROGRAM, b"\x02\x00\x00\x00" + amount, [signer, to]),
            Instruction(at.SYSTEM_PROGRAM, b"\x02\x00\x00\x00" + amount, [signer, token[1]]),
            Instruction(at.SYSTEM_PROGRAM, b"\x01\x00\x00\x00" + bytes(thief), [signer]),
            Instruction(program, b"\x03" + amount, token),
            Instruction(program, b"\x04" + amount, [token[0], to, signer]),
            Instruction(program, b"\x06\x02\x01" + bytes(thief), [token[0], signer]),
            Instruction(program, b"\x06\x03\x01" + bytes(thief), [token[0], signer]),
            Instruction(program, b"\x08" + amount, [token[0], AccountMeta(mint, False, True), signer]),
            Instruction(program, b"\x09", [token[0], to, signer]),
            Instruction(program, b"\x0c" + amount + b"\x06", [token[0], AccountMeta(mint, False, False), *token[1:]]),
            Instruction(
                at.ATA_PROGRAM,
                b"\x01",
                [
                    signer,
                    nobodys,
                    *(AccountMeta(key, False, False) for key in (NOBODY, mint, at.SYSTEM_PROGRAM, program)),
                ],
            ),
        ]
        return self.draw.choice(made)


Way = Callable[[Thief, Signing], Signing]


def _parsed(asked: Signing) -> MessageV0 | None:
    try:
        return MessageV0.from_bytes(asked.message[1:])
    except ValueError:
        return None


def _made(
    asked: Signing,
    parsed: MessageV0,
    *,
    header: MessageHeader | None = None,
    keys: list[Pubkey] | None = None,
    instructions: list[CompiledInstruction] | None = None,
) -> Signing:
    message = MessageV0(
        header or parsed.header,
        parsed.account_keys if keys is None else keys,
        parsed.recent_blockhash,
        parsed.instructions if instructions is None else instructions,
        parsed.address_table_lookups,
    )
    return replace(asked, message=to_bytes_versioned(message)[:MESSAGE_MAX])


def _another_key(thief: Thief, asked: Signing) -> Signing:
    """One address of the message is another one everywhere."""
    if (parsed := _parsed(asked)) is None:
        return asked
    keys = list(parsed.account_keys)
    keys[thief.draw.randrange(len(keys))] = thief.draw.choice(thief.keys)
    return _made(asked, parsed, keys=keys)


def _another_account(thief: Thief, asked: Signing) -> Signing:
    """One place of one instruction names another account, which may be new to the message."""
    if (parsed := _parsed(asked)) is None or not parsed.instructions:
        return asked
    keys, instructions = list(parsed.account_keys), list(parsed.instructions)
    number = thief.draw.randrange(len(instructions))
    one = instructions[number]
    if not one.accounts:
        return asked
    places = bytearray(one.accounts)
    if thief.draw.random() < 0.6 and not parsed.address_table_lookups:
        keys.append(thief.draw.choice(thief.keys))
        new = len(keys) - 1
    else:
        new = thief.draw.randrange(len(keys))
    places[thief.draw.randrange(len(places))] = new
    instructions[number] = CompiledInstruction(one.program_id_index, bytes(one.data), bytes(places))
    return _made(asked, parsed, keys=keys, instructions=instructions)


def _another_amount(thief: Thief, asked: Signing) -> Signing:
    """Eight bytes of an instruction's data are another number."""
    if (parsed := _parsed(asked)) is None or not parsed.instructions:
        return asked
    instructions = list(parsed.instructions)
    number = thief.draw.randrange(len(instructions))
    one, data = instructions[number], bytearray(instructions[number].data)
    amount = thief.draw.choice((*AMOUNTS, thief.draw.randrange(2**33))).to_bytes(8, "little")
    if len(data) < 8:
        data = bytearray(thief.draw.randbytes(thief.draw.randrange(12)))
    else:
        place = thief.draw.randrange(len(data) - 7)
        data[place : place + 8] = amount
    instructions[number] = CompiledInstruction(one.program_id_index, bytes(data), bytes(one.accounts))
    return _made(asked, parsed, instructions=instructions)


def _slipped_in(thief: Thief, asked: Signing) -> Signing:
    """An instruction that steals stands somewhere among the others."""
    if (parsed := _parsed(asked)) is None:
        return asked
    stolen, keys = thief.instruction(), list(parsed.account_keys)
    if parsed.address_table_lookups:
        return _of_his_own(thief, asked)
    for key in (stolen.program_id, *(account.pubkey for account in stolen.accounts)):
        if key not in keys:
            keys.append(key)
    compiled = CompiledInstruction(
        keys.index(stolen.program_id),
        bytes(stolen.data),
        bytes(keys.index(account.pubkey) for account in stolen.accounts),
    )
    instructions = list(parsed.instructions)
    instructions.insert(thief.draw.randrange(len(instructions) + 1), compiled)
    header = MessageHeader(1, 0, thief.draw.choice((0, parsed.header.num_readonly_unsigned_accounts)))
    return _made(asked, parsed, header=header, keys=keys, instructions=instructions)


def _of_his_own(thief: Thief, asked: Signing) -> Signing:
    """A message of nothing but such instructions."""
    instructions = [thief.instruction() for _ in range(thief.draw.randint(1, 3))]
    payer = thief.draw.choice((thief.market.wallet, thief.market.wallet, thief.market.thief)).pubkey()
    message = MessageV0.try_compile(payer, instructions, [], Hash.default())
    return replace(asked, message=to_bytes_versioned(message)[:MESSAGE_MAX])


def _rearranged(thief: Thief, asked: Signing) -> Signing:
    """Instructions left out, told twice, in another order, or of another honest message."""
    if (parsed := _parsed(asked)) is None or not parsed.instructions:
        return asked
    instructions = list(parsed.instructions)
    match thief.draw.randrange(3):
        case 0:
            del instructions[thief.draw.randrange(len(instructions))]
        case 1:
            instructions.insert(0, thief.draw.choice(instructions))
        case _:
            thief.draw.shuffle(instructions)
    return _made(asked, parsed, instructions=instructions)


def _another_header(thief: Thief, asked: Signing) -> Signing:
    if (parsed := _parsed(asked)) is None:
        return asked
    header = MessageHeader(*(thief.draw.choice((0, 1, 1, 2, 5, 255)) for _ in range(3)))
    return _made(asked, parsed, header=header)


def _other_bytes(thief: Thief, asked: Signing) -> Signing:
    """Bits flipped, the end cut off, or something behind it."""
    content = bytearray(asked.message)
    for _ in range(thief.draw.choice((0, 1, 1, 2, 8))):
        if content:
            content[thief.draw.randrange(len(content))] ^= 1 << thief.draw.randrange(8)
    if thief.draw.random() < 0.2:
        content = content[: thief.draw.randrange(len(content) + 1)]
    if thief.draw.random() < 0.1:
        content += thief.draw.randbytes(thief.draw.randrange(40))
    return replace(asked, message=bytes(content))


def _another_token(thief: Thief, asked: Signing) -> Signing:
    """The same message, said to be of another token."""
    mints = [str(mint) for mint in (*thief.market.mints, at.WRAPPED_SOL_MINT, thief.market.thief.pubkey())]
    return replace(asked, mint=thief.draw.choice([*mints, "", "no address", "1" * 200]))


def _anothers_intent(thief: Thief, asked: Signing) -> Signing:
    return replace(asked, intent_id=thief.draw.choice(thief.market.honest).intent_id)


_WAYS: tuple[Way, ...] = (
    _another_key,
    _another_account,
    _another_account,
    _another_amount,
    _another_amount,
    _slipped_in,
    _slipped_in,
    _of_his_own,
    _rearranged,
    _another_header,
    _other_bytes,
    _another_token,
    _anothers_intent,
)
