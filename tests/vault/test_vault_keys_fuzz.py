"""Somebody who holds the socket, every row and note, and used codes: he gets no key and sweeps nothing to himself. Seeded."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from solders.hash import Hash
from solders.keypair import Keypair

from bot.chain.transfers import build_transfer
from bot.errors import BotError
from bot.ports import SealedNote, Sweeping, TransferOrder
from bot.vault import totp
from tests.vault.test_vault_freezes import SAFE_HOME, with_safe_address
from tests.vault.test_vault_withdrawals import AWAY, HOME, OTHER, OTHER_SEALED, OWN, SEALED, opened
from tests.vault.vault_samples import BOUNDS

REQUESTS = 2_000
THIEF = str(Keypair.from_seed(bytes([66]) * 32).pubkey())
TARGETS = (THIEF, AWAY, HOME, OWN.address, OTHER.address, SAFE_HOME, SAFE_HOME, SAFE_HOME)


def bent(draw: random.Random, note: SealedNote) -> SealedNote:
    place = draw.randrange(len(note.content))
    return replace(note, content=note.content[:place] + bytes([note.content[place] ^ 1]) + note.content[place + 1 :])


async def test_no_key_leaves_and_a_frozen_wallet_pays_its_safe_address_alone() -> None:
    draw, seen = random.Random(5), Counter[str]()
    safe = await opened()
    ripe = await with_safe_address(safe)
    taken_back = await safe.vault.demand_export(OWN, SEALED, safe.current, safe.code())
    safe.current = taken_back.current
    await safe.vault.take_back_exports("ada")
    safe.desk.now_ms += BOUNDS.export_delay_ms  # its time has come, and it was taken back
    young = await safe.vault.allow_safe(OWN, SEALED, AWAY, safe.current, safe.code())
    safe.current = young.current
    used = safe.code()
    late = await safe.vault.demand_export(OWN, SEALED, safe.current, used)
    safe.current = late.current
    await safe.vault.freeze(OWN, SEALED)
    notes = [ripe, ripe, ripe, young.note, taken_back.note, late.note, safe.allowed, safe.current]
    step = safe.desk.now_ms // totp.STEP_MS
    for number in range(REQUESTS):
        note, current = (draw.choice([one, one, bent(draw, one)]) for one in (draw.choice(notes), safe.current))
        wallet, key = draw.choice(
            [(OWN, SEALED), (OWN, SEALED), (OWN, OTHER_SEALED), (OTHER, OTHER_SEALED), (OTHER, SEALED)]
        )
        target = draw.choice(TARGETS)
        try:
            match draw.randrange(4):
                case 0:
                    await safe.vault.export_key(
                        wallet, key, note, current, draw.choice([used, safe.desk.wrong(safe.codes)])
                    )
                    seen["a key left"] += 1
                case 1:
                    await safe.vault.page_code("ada", note)
                    seen["a code was said"] += 1
                case 2:
                    sent = build_transfer(TransferOrder(wallet.address, target, 1_000, 0), Hash.default())
                    await safe.vault.sign_sweep(wallet, key, Sweeping(f"s{number}", sent, note, current))
                    assert (wallet, target, note) == (OWN, SAFE_HOME, ripe)
                    seen["swept home"] += 1
                case _:
                    await safe.vault.unfreeze(wallet, key, current, draw.choice([used, "000000"]))
                    seen["thawed"] += 1
        except BotError as error:
            seen[type(error).__name__] += 1
        assert safe.desk.now_ms // totp.STEP_MS == step
    assert seen["swept home"] > 0, "the honest sweep is among what is tried"
    assert {"a key left", "a code was said", "thawed"}.isdisjoint(seen)
