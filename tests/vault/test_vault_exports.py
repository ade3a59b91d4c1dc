"""What the vault hands out of keys: to nobody without a user's two codes and its delay, and as a page that a third one opens."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from solders.keypair import Keypair

from bot.clock import Clock
from bot.errors import CodeRefused, KeyUnavailable, SigningRefused, StartupError
from bot.ports import ExportedKey, NewCode, NoteKind, SealedNote, Wallet
from bot.settings import Settings
from bot.settings.sections import Vault
from bot.signing_bounds import signing_bounds
from bot.vault.exports import CODE_WITHIN_MS, COUNTS_FOR_MS
from bot.vault.local_vault import LocalVault
from bot.vault.unsigned_vault import UnsignedVault
from tests.vault.test_second_factor import MASTER, Desk, enrolled
from tests.vault.test_vault_withdrawals import OTHER, OTHER_SEALED, OWN, SEALED, SEED
from tests.vault.vault_samples import BOUNDS, guard

DELAY_MS = BOUNDS.export_delay_ms


@dataclass(slots=True)
class Asked:
    """Ada's vault, which she has asked for the key of her wallet."""

    desk: Desk
    vault: LocalVault
    codes: NewCode
    current: SealedNote
    demand: SealedNote

    def code(self) -> str:
        self.desk.waits()
        return self.desk.shows(self.codes)

    async def take(
        self, code: str | None = None, *, wallet: Wallet = OWN, demand: SealedNote | None = None
    ) -> ExportedKey:
        key = OTHER_SEALED if wallet.address == OTHER.address else SEALED
        given = await self.vault.export_key(wallet, key, demand or self.demand, self.current, code or self.code())
        self.current = given.current
        return given


async def asked(*, waits_ms: int = DELAY_MS, path: Path | None = None) -> Asked:
    desk = Desk(path)
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    wish = await vault.demand_export(OWN, SEALED, note, desk.shows(made))
    assert wish.not_before_ms == desk.now_ms + DELAY_MS
    assert wish.not_after_ms == wish.not_before_ms + COUNTS_FOR_MS
    desk.now_ms += waits_ms
    return Asked(desk, vault, made, wish.current, wish.note)


def opened(page: bytes, code: str) -> bytes:
    """What a page holds, opened by its own words without its script; raises InvalidTag for another code."""
    facts = dict(re.findall(r'data-(\w+)="([^"]*)"', page.decode()))
    salt, nonce, content = (b64decode(facts[name]) for name in ("salt", "nonce", "content"))
    key = PBKDF2HMAC(SHA256(), 32, salt, int(facts["rounds"])).derive(code.replace("-", "").encode())
    return AESGCM(key).decrypt(nonce, content, facts["address"].encode())


async def test_a_key_comes_as_a_page_that_its_own_code_opens() -> None:
    safe = await asked()
    given = await safe.take()
    code = await safe.vault.page_code("ada", given.unlock)
    keypair = Keypair.from_bytes(opened(given.page, code))
    assert str(keypair.pubkey()) == OWN.address
    assert bytes(keypair)[:32] == SEED
    with pytest.raises(InvalidTag):
        opened(given.page, code[:-1] + ("0" if code[-1] != "0" else "1"))
    again = await safe.take()
    assert await safe.vault.page_code("ada", again.unlock) != code, "each page has a code of its own"


async def test_the_page_alone_and_what_the_vault_answers_with_it_open_nothing() -> None:
    safe = await asked()
    given = await safe.take()
    code = (await safe.vault.page_code("ada", given.unlock)).replace("-", "").encode()
    keypair = bytes(Keypair.from_seed(SEED))
    for secret in (code, SEED, keypair, str(Keypair.from_seed(SEED)).encode()):
        assert secret not in given.page
        assert secret not in given.unlock.content
    assert "page=" not in repr(given)
    with pytest.raises(KeyUnavailable, match="does not open"):
        await safe.vault.page_code("bob", given.unlock)
    safe.desk.now_ms += CODE_WITHIN_MS
    with pytest.raises(SigningRefused, match="the time in which that code is said is over"):
        await safe.vault.page_code("ada", given.unlock)


async def test_the_page_asks_nobody_and_runs_its_own_script_alone() -> None:
    page = (await (await asked()).take()).page.decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert "{" not in re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL), "a place was left open"
    assert not re.search(r"https?:|//|src=|href=|@import|fetch|XMLHttp", re.sub(r"// As people[^\n]*", "", page))


async def test_before_and_after_its_time_nothing_is_handed_out_and_no_code_is_used() -> None:
    safe = await asked(waits_ms=DELAY_MS - 90_000)
    code = safe.code()
    with pytest.raises(SigningRefused, match="no key is handed out for another 60 s"):
        await safe.take(code)
    safe.desk.waits(2)
    code = safe.desk.shows(safe.codes)
    await safe.take(code)
    safe.desk.now_ms += COUNTS_FOR_MS
    with pytest.raises(SigningRefused, match="the time in which that key could be taken is over"):
        await safe.take()


async def test_each_of_both_takes_a_code_of_its_own() -> None:
    desk = Desk()
    vault = desk.vault()
    made, note = await enrolled(desk, vault)
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await vault.demand_export(OWN, SEALED, note, desk.wrong(made))
    safe = await asked()
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await safe.take(safe.desk.wrong(safe.codes))
    code = safe.code()
    await safe.take(code)
    with pytest.raises(CodeRefused, match="used already"):
        await safe.take(code)


async def test_a_demand_counts_for_its_user_wallet_and_line_of_codes_alone() -> None:
    safe = await asked()
    with pytest.raises(SigningRefused, match="the key of another wallet was asked for"):
        await safe.take(wallet=OTHER)
    with pytest.raises(KeyUnavailable, match="does not open"):
        await safe.take(wallet=replace(OWN, user_id="eve"))
    bent = replace(safe.demand, content=safe.demand.content[:-1] + bytes([safe.demand.content[-1] ^ 1]))
    for forged in (bent, safe.current, SealedNote("test", b""), SealedNote("else", safe.demand.content)):
        with pytest.raises(KeyUnavailable):
            await safe.take(demand=forged)
    anew = LocalVault(MASTER, guard(Clock(lambda: safe.desk.now_ms, lambda: "")))  # an operator took ada's lines away
    made = await anew.new_code("ada", None, "")
    safe.current = await anew.confirm_code("ada", made.pending, safe.desk.shows(made))
    safe.vault, safe.codes = anew, made
    with pytest.raises(SigningRefused, match="a second factor that is not in force any more"):
        await safe.take()


async def test_what_was_taken_back_nobody_revives_not_by_its_note_and_not_by_a_restart(tmp_path: Path) -> None:
    safe = await asked(path=tmp_path / "vault.codes")
    renewed = await safe.vault.renew_note("ada", NoteKind.EXPORT, safe.demand)
    await safe.vault.take_back_exports("ada")
    for note in (safe.demand, renewed):
        with pytest.raises(SigningRefused, match="its user took that back"):
            await safe.take(demand=note)
    safe.vault = safe.desk.vault()
    with pytest.raises(SigningRefused, match="its user took that back"):
        await safe.take()
    later = await safe.vault.demand_export(OWN, SEALED, safe.current, safe.code())
    safe.current = later.current
    safe.vault = safe.desk.vault()
    with pytest.raises(SigningRefused, match="its user took that back"):
        await safe.take()
    safe.desk.now_ms += DELAY_MS
    await safe.take(demand=later.note)


async def test_the_code_of_a_page_is_not_said_once_its_user_took_that_back_not_by_a_restart_either(
    tmp_path: Path,
) -> None:
    safe = await asked(path=tmp_path / "vault.codes")
    given = await safe.take()
    renewed = await safe.vault.renew_note("ada", NoteKind.UNLOCK, given.unlock)
    await safe.vault.take_back_exports("ada")
    for vault in (safe.vault, safe.desk.vault()):
        for note in (given.unlock, renewed):
            with pytest.raises(SigningRefused, match="its user took that back"):
                await vault.page_code("ada", note)


async def test_the_code_of_a_page_is_not_said_while_its_wallet_is_frozen_and_that_of_another_wallet_is() -> None:
    safe = await asked()
    given = await safe.take()
    await safe.vault.freeze(OTHER, OTHER_SEALED)
    await safe.vault.page_code("ada", given.unlock)
    await safe.vault.freeze(OWN, SEALED)
    with pytest.raises(SigningRefused, match="is frozen"):
        await safe.vault.page_code("ada", given.unlock)


async def test_the_key_of_play_money_is_nobodys() -> None:
    safe = await asked()
    with pytest.raises(SigningRefused, match="play money"):
        await UnsignedVault(safe.vault).demand_export(OWN, SEALED, safe.current, safe.code())


def test_outside_of_profile_local_a_key_waits_for_an_hour_at_least() -> None:
    short = Settings(vault=Vault(export_delay_s=3_599))
    assert signing_bounds(short, is_local=True).export_delay_ms == 3_599_000
    with pytest.raises(StartupError, match=r"vault.export_delay_s: 3599 s; .* at least 3600 s"):
        signing_bounds(short, is_local=False)
    assert signing_bounds(Settings(), is_local=False).export_delay_ms == 86_400_000
