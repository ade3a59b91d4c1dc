"""What the vault proves and signs of withdrawals: nothing leaves but to an address that its user allowed, in its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from solders.signature import Signature

from bot.chain.transfers import build_transfer
from bot.clock import Clock
from bot.errors import CodeRefused, KeyUnavailable, SigningRefused, StartupError
from bot.ports import Allowance, NewCode, NoteKind, SealedNote, Signing, TransferOrder, Wallet, Withdrawing
from bot.settings import Settings
from bot.settings.sections import Vault
from bot.signing_bounds import signing_bounds
from bot.trading.intent import Mode
from bot.vault.envelope import seal
from bot.vault.local_vault import LocalVault
from bot.vault.unsigned_vault import UnsignedVault
from tests.vault.test_second_factor import MASTER, Desk, enrolled
from tests.vault.trade_samples import ADDRESS, compiled, transfer
from tests.vault.vault_samples import BOUNDS, closing, guard

DELAY_MS = BOUNDS.address_delay_ms
SEED = bytes(range(32))
OWN = Wallet("w", "ada", ADDRESS, Mode.LIVE)
SEALED = seal(MASTER, "ada", ADDRESS, SEED)
SECOND = Keypair.from_seed(bytes(range(1, 33)))
OTHER = Wallet("v", "ada", str(SECOND.pubkey()), Mode.LIVE)
OTHER_SEALED = seal(MASTER, "ada", OTHER.address, bytes(range(1, 33)))
HOME, AWAY = (str(Keypair.from_seed(bytes([number]) * 32).pubkey()) for number in (7, 8))
LAMPORTS = 5_000_000


def message(to: str = HOME, *, wallet: str = ADDRESS, lamports: int = LAMPORTS, fee: int = 20_000) -> bytes:
    return build_transfer(TransferOrder(wallet, to, lamports, fee), Hash.default())


@dataclass(slots=True)
class Safe:
    """Ada's vault, with an address that she has allowed."""

    desk: Desk
    vault: LocalVault
    codes: NewCode
    current: SealedNote
    allowed: SealedNote

    def code(self) -> str:
        self.desk.waits()
        return self.desk.shows(self.codes)

    async def sign(
        self,
        sent: bytes,
        *,
        intent: str = "i",
        code: str | None = None,
        wallet: Wallet = OWN,
        allowed: SealedNote | None = None,
    ) -> bytes:
        key = OTHER_SEALED if wallet.address == OTHER.address else SEALED
        wish = Withdrawing(intent, sent, allowed or self.allowed, self.current, code or self.code())
        signed = await self.vault.sign_withdrawal(wallet, key, wish)
        self.current = signed.current
        return signed.signature


async def opened(*, ripe: bool = True, path: Path | None = None) -> Safe:
    desk = Desk(path)
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    given = await vault.allow(OWN, SEALED, HOME, note, desk.shows(made))
    assert given.not_before_ms == desk.now_ms + DELAY_MS
    desk.now_ms += DELAY_MS if ripe else DELAY_MS - 60_000
    return Safe(desk, vault, made, given.current, given.note)


async def test_sol_goes_to_an_allowed_address_once_for_each_code() -> None:
    safe = await opened()
    code = safe.code()
    sent = message()
    signature = await safe.sign(sent, code=code)
    assert Signature.from_bytes(signature).verify(Keypair.from_seed(SEED).pubkey(), sent)
    with pytest.raises(CodeRefused, match="used already"):
        await safe.sign(message(lamports=1), intent="another", code=code)
    with pytest.raises(SigningRefused, match="signed already"):
        await safe.sign(message(lamports=1))
    with pytest.raises(SigningRefused, match="another order's"):
        await safe.vault.sign(OWN, SEALED, closing(ADDRESS, intent_id="i"))
    await safe.sign(message(lamports=1), intent="another")


async def test_before_its_time_nothing_is_sent_and_no_code_is_used() -> None:
    safe = await opened(ripe=False)
    code = safe.code()
    with pytest.raises(SigningRefused, match=f"nothing is sent to {HOME} for another 30 s"):
        await safe.sign(message(), code=code)
    safe.desk.waits()
    await safe.sign(message(), code=code)  # a code counts one step behind its own


@pytest.mark.parametrize(
    "sent",
    [
        message(AWAY),
        message(wallet=OTHER.address),
        message(fee=BOUNDS.fee_lamports + 1),
        compiled([transfer(Keypair.from_seed(bytes([7]) * 32).pubkey(), 1)] * 2),
        compiled([]),
        closing(ADDRESS).message,
        b"anything",
    ],
)
async def test_any_other_message_is_refused_and_uses_no_code(sent: bytes) -> None:
    safe = await opened()
    code = safe.code()
    with pytest.raises(SigningRefused):
        await safe.sign(sent, code=code)
    await safe.sign(message(), code=code)


async def test_a_note_counts_for_its_user_wallet_and_line_of_codes_alone() -> None:
    safe = await opened()
    with pytest.raises(SigningRefused, match="allowed for another wallet"):
        await safe.sign(message(wallet=OTHER.address), wallet=OTHER)
    with pytest.raises(KeyUnavailable, match="does not open"):
        await safe.sign(message(), wallet=replace(OWN, user_id="eve"))
    bent = replace(safe.allowed, content=bytes([safe.allowed.content[0] ^ 1]) + safe.allowed.content[1:])
    for forged in (bent, safe.current, SealedNote("test", b""), SealedNote("else", safe.allowed.content)):
        with pytest.raises(KeyUnavailable):
            await safe.sign(message(), allowed=forged)
    renewed = await safe.vault.renew_note("ada", NoteKind.ADDRESS, safe.allowed)
    await safe.sign(message(), allowed=renewed)


async def test_what_was_allowed_outlives_another_key_and_not_a_lost_one() -> None:
    safe = await opened()
    second = await safe.vault.new_code("ada", safe.current, safe.code())
    safe.current = await safe.vault.confirm_code("ada", second.pending, safe.desk.shows(second))
    safe.codes = second
    await safe.sign(message())
    anew = LocalVault(MASTER, guard(Clock(lambda: safe.desk.now_ms, lambda: "")))  # an operator took ada's lines away
    third = await anew.new_code("ada", None, "")
    safe.desk.waits()
    safe.current = await anew.confirm_code("ada", third.pending, safe.desk.shows(third))
    safe.vault, safe.codes = anew, third
    with pytest.raises(SigningRefused, match="a second factor that is not in force any more"):
        await safe.sign(message(), intent="late")


async def test_an_address_takes_a_code_and_is_no_program_nor_the_wallet_itself() -> None:
    desk = Desk()
    vault = desk.vault()
    made, note = await enrolled(desk, vault)

    async def allow(to: str, code: str, wallet: Wallet = OWN) -> Allowance:
        return await vault.allow(wallet, SEALED, to, note, code)

    code = desk.shows(made)
    for wrong in (ADDRESS, "1" * 32, "So11111111111111111111111111111111111111112", "no address"):
        with pytest.raises(SigningRefused):
            await allow(wrong, code)
    with pytest.raises(KeyUnavailable, match="does not open"):
        await allow(HOME, code, replace(OWN, user_id="eve"))
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await allow(HOME, desk.wrong(made))
    await allow(HOME, code)
    with pytest.raises(CodeRefused, match="used already"):
        await allow(AWAY, code)


async def test_a_restart_forgets_no_code_that_was_used(tmp_path: Path) -> None:
    safe = await opened(path=tmp_path / "vault.codes")
    before, code = safe.current, safe.code()
    await safe.sign(message(), code=code)
    safe.vault, safe.current = safe.desk.vault(), before
    with pytest.raises(CodeRefused, match="used already"):
        await safe.sign(message(), intent="again", code=code)


async def test_the_common_way_to_sign_sends_nothing_out() -> None:
    safe = await opened()
    with pytest.raises(SigningRefused, match="transfers SOL to"):
        await safe.vault.sign(OWN, SEALED, Signing("i", "", message()))


async def test_play_money_stays() -> None:
    safe = await opened()
    unsigned = UnsignedVault(safe.vault)
    wish = Withdrawing("i", message(), safe.allowed, safe.current, safe.code())
    with pytest.raises(SigningRefused, match="play money"):
        await unsigned.sign_withdrawal(OWN, SEALED, wish)


def test_outside_of_profile_local_an_address_waits_for_an_hour_at_least() -> None:
    short = Settings(vault=Vault(address_delay_s=3_599))
    assert signing_bounds(short, is_local=True).address_delay_ms == 3_599_000
    with pytest.raises(StartupError, match="at least 3600 s"):
        signing_bounds(short, is_local=False)
    assert signing_bounds(Settings(), is_local=False).address_delay_ms == 86_400_000
