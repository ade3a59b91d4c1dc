"""A frozen wallet in the vault: nothing is signed for it and its key stays, over restarts, until its owner gives a code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import CodeRefused, KeyUnavailable, SigningRefused
from tests.vault.test_vault_exports import asked
from tests.vault.test_vault_withdrawals import OTHER, OTHER_SEALED, OWN, SEALED, message, opened
from tests.vault.vault_samples import closing


async def test_nothing_is_signed_for_a_frozen_wallet_until_a_code_and_other_wallets_go_on(tmp_path: Path) -> None:
    safe = await opened(path=tmp_path / "vault.codes")
    await safe.vault.freeze(OWN, SEALED)
    for vault in (safe.vault, safe.desk.vault()):  # a restart thaws nothing
        safe.vault = vault
        with pytest.raises(SigningRefused, match="is frozen"):
            await vault.sign(OWN, SEALED, closing(OWN.address))
        with pytest.raises(SigningRefused, match="is frozen"):
            await safe.sign(message())
        await vault.sign(OTHER, OTHER_SEALED, closing(OTHER.address))
    code = safe.code()
    with pytest.raises(CodeRefused, match="that code is wrong"):
        await safe.vault.unfreeze(OWN, SEALED, safe.current, safe.desk.wrong(safe.codes))
    safe.current = await safe.vault.unfreeze(OWN, SEALED, safe.current, code)
    with pytest.raises(CodeRefused, match="used already"):
        await safe.vault.unfreeze(OWN, SEALED, safe.current, code)
    safe.vault = safe.desk.vault()
    await safe.vault.sign(OWN, SEALED, closing(OWN.address))
    await safe.sign(message())


async def test_only_its_own_users_row_freezes_and_thaws_a_wallet() -> None:
    safe = await opened()
    for wallet, key in ((OWN, OTHER_SEALED), (replace(OWN, user_id="eve"), SEALED)):
        with pytest.raises(KeyUnavailable, match="does not open"):
            await safe.vault.freeze(wallet, key)
        with pytest.raises(KeyUnavailable, match="does not open"):
            await safe.vault.unfreeze(wallet, key, safe.current, safe.code())
    await safe.sign(message())


async def test_a_frozen_wallets_key_stays_though_its_time_has_come() -> None:
    safe = await asked()
    await safe.vault.freeze(OWN, SEALED)
    code = safe.code()
    with pytest.raises(SigningRefused, match="is frozen"):
        await safe.take(code)
    safe.current = await safe.vault.unfreeze(OWN, SEALED, safe.current, code)
    await safe.take()
