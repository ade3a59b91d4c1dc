"""The contract of `UserStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from bot.errors import Conflict, KeyUnavailable
from bot.ports import ChangeSettings, SealedKey, Store, User, Wallet, wallet_in
from bot.trading.alerting import AlertLevel
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.strategy import Strategy
from bot.trading.units import AmountError
from tests.storage.books import audited
from tests.storage.storage_samples import KEY, NOW_MS, enrol

USER = User("u-ada", "ada", 42, Mode.LIVE, "consent-1")
WALLET = Wallet("w-ada", "u-ada", "Address-ada", Mode.LIVE)
CHANGED = UserSettings(
    max_trade_lamports=1,
    max_position_lamports=2,
    daily_loss_limit_lamports=3,
    slippage_buy_bps=4,
    slippage_sell_bps=5,
    take_profit_bps=None,
    stop_loss_bps=None,
    max_hold_s=None,
    snipe_enabled=True,
    snipe_max_lamports=6,
    snipe_min_confidence_bps=7,
    snipe_max_daily=8,
    snipe_only_strong_buy=False,
    snipe_min_curve_lamports=9,
    snipe_epoch=10,
    timezone="Asia/Tokyo",
    require_confirmation=False,
    trailing_stop_bps=11,
    take_profit_share_bps=12,
    check_honeypots=False,
    on_critical="hold",
    min_curve_lamports=13,
    fee_mode_buy="fixed",
    fee_buy_lamports=14,
    tip_buy_lamports=15,
    protection_buy="open",
    unlanded_buy="open",
    fee_mode_sell="fixed",
    fee_sell_lamports=16,
    tip_sell_lamports=17,
    protection_sell="protected",
    unlanded_sell="wait",
    max_top_holders_bps=18,
    role="admin",
    preset_buys_lamports=(3, 1, 2),
    preset_sells_bps=(10_000,),
    take_profit_levels=(5_000, 2_500, 10_000, 7_500),
    anti_rug=True,
    anti_rug_share_bps=19,
    anti_rug_within_s=20,
    max_positions=21,
    manual_max_trade_lamports=22,
    auto_max_trade_lamports=23,
    manual_max_positions=24,
    sniper_max_positions=25,
    auto_max_positions=26,
    manual_daily_spend_lamports=27,
    sniper_daily_spend_lamports=28,
    auto_daily_spend_lamports=29,
    snipe_max_scam_bps=30,
    snipe_min_momentum_bps=31,
    snipe_tells_only=True,
    blacklist=("scam", "Creator1111111111111111111111111111"),
    copy_max_trade_lamports=32,
    copy_max_positions=33,
    copy_daily_spend_lamports=34,
    copyable=True,
)


async def test_how_loudly_users_want_to_hear_is_kept_for_each_and_audited(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    assert await store.alert_levels([ada.user_id, bob.user_id]) == {}
    await store.set_alert_levels(ada.user_id, {"fills": AlertLevel.SILENT, "expired": AlertLevel.OFF}, NOW_MS)
    await store.set_alert_levels(bob.user_id, {"fills": AlertLevel.ON}, NOW_MS)
    await store.set_alert_levels(ada.user_id, {"expired": AlertLevel.ON}, NOW_MS + 1)
    assert await store.alert_levels([ada.user_id, bob.user_id, "nobody"]) == {
        ada.user_id: {"fills": AlertLevel.SILENT, "expired": AlertLevel.ON},
        bob.user_id: {"fills": AlertLevel.ON},
    }
    assert await store.alert_levels([]) == {}
    with pytest.raises(LookupError):
        await store.set_alert_levels("nobody", {"fills": AlertLevel.ON}, NOW_MS)
    told = [(one.at_ms, one.by, one.action, one.detail) for one in await audited(store)]
    assert told[0] == (NOW_MS, ada.user_id, "alerts set", {"fills": "silent", "expired": "off"})
    assert len(told) == 3


async def test_a_created_user_is_found_by_handle_and_telegram_id(store: Store) -> None:
    assert await store.create_user(USER, WALLET, KEY, CHANGED)
    assert await store.users() == [USER]
    assert await store.user_by_handle("ada") == USER
    assert await store.user_by_telegram_id(42) == USER
    assert await store.user_by_handle("bob") is None
    assert await store.user_by_telegram_id(43) is None
    assert await store.wallets() == [WALLET]
    assert await store.sealed_key("w-ada") == KEY
    assert await store.settings("u-ada") == CHANGED


async def test_a_taken_handle_changes_nothing(store: Store) -> None:
    await enrol(store, "ada")
    other = Wallet("w-2", "u-2", "Address-2", Mode.LIVE)
    assert not await store.create_user(replace(USER, id="u-2"), other, KEY, CHANGED)
    assert [user.id for user in await store.users()] == ["u-ada"]
    assert [wallet.id for wallet in await store.wallets()] == ["w-ada"]
    assert await store.settings("u-ada") == UserSettings()


@pytest.mark.parametrize(
    ("user", "wallet"),
    [
        (replace(USER, handle="eve"), Wallet("w-2", "u-ada", "Address-2", Mode.LIVE)),
        (replace(USER, handle="eve", id="u-2"), Wallet("w-2", "u-2", "Address-2", Mode.LIVE)),
        (replace(USER, handle="eve", id="u-2", telegram_id=7), Wallet("w-ada", "u-2", "Address-2", Mode.LIVE)),
        (replace(USER, handle="eve", id="u-2", telegram_id=7), Wallet("w-2", "u-2", "Address-ada", Mode.LIVE)),
    ],
    ids=["user id", "telegram id", "wallet id", "address"],
)
async def test_anything_else_that_is_taken_is_a_conflict_and_writes_nothing(
    store: Store, user: User, wallet: Wallet
) -> None:
    await store.create_user(USER, WALLET, KEY, CHANGED)
    with pytest.raises(Conflict):
        await store.create_user(user, wallet, KEY, CHANGED)
    assert await store.users() == [USER]
    assert await store.wallets() == [WALLET]


async def test_two_users_without_telegram_do_not_collide(store: Store) -> None:
    await enrol(store, "ada")
    await enrol(store, "bob")
    assert [user.handle for user in await store.users()] == ["ada", "bob"]
    assert [wallet.id for wallet in await store.wallets("u-bob")] == ["w-bob"]
    assert await store.wallets("nobody") == []


async def test_a_wallet_of_somebody_else_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="belongs to user"):
        await store.create_user(USER, replace(WALLET, user_id="u-eve"), KEY, CHANGED)


async def test_settings_are_replaced_whole(store: Store) -> None:
    await enrol(store, "ada")
    await store.change_settings("u-ada", lambda _: CHANGED, by="ada")
    assert await store.settings("u-ada") == CHANGED
    await store.change_settings("u-ada", lambda _: UserSettings(), by="operator")
    assert await store.settings("u-ada") == UserSettings()


async def test_of_changes_of_settings_at_once_none_is_lost(store: Store) -> None:
    await enrol(store, "ada")
    changes: list[ChangeSettings] = [
        lambda stored: replace(stored, snipe_enabled=not stored.snipe_enabled),
        lambda stored: replace(stored, max_trade_lamports=stored.max_trade_lamports + 1),
        lambda stored: replace(stored, max_trade_lamports=stored.max_trade_lamports + 2),
    ]
    async with trio.open_nursery() as nursery:
        for change in changes:
            nursery.start_soon(store.change_settings, "u-ada", change, "ada")
    before, after = UserSettings(), await store.settings("u-ada")
    assert after.snipe_enabled is not before.snipe_enabled
    assert after.max_trade_lamports == before.max_trade_lamports + 3


async def test_a_change_of_settings_that_is_refused_changes_nothing(store: Store) -> None:
    await enrol(store, "ada")

    def refuse(_: UserSettings) -> UserSettings:
        raise AmountError("the two do not go together")

    with pytest.raises(AmountError, match="go together"):
        await store.change_settings("u-ada", refuse, by="ada")
    assert await store.settings("u-ada") == UserSettings()


@pytest.mark.parametrize(
    "broken",
    [
        UserSettings(max_trade_lamports=-1),
        UserSettings(max_position_lamports=2**63),
        UserSettings(slippage_buy_bps=10_001),
        UserSettings(stop_loss_bps=-5),
        UserSettings(take_profit_share_bps=0),
        UserSettings(trailing_stop_bps=10_001),
        UserSettings(on_critical="panic"),
        UserSettings(fee_mode_buy="often"),
        UserSettings(protection_sell="hidden"),
        UserSettings(unlanded_buy="never"),
        UserSettings(tip_sell_lamports=-1),
        UserSettings(max_top_holders_bps=10_001),
        UserSettings(role="king"),
        UserSettings(preset_buys_lamports=()),
        UserSettings(preset_sells_bps=(10_001,)),
        UserSettings(take_profit_levels=(5_000,)),
        UserSettings(take_profit_levels=(5_000, 10_001)),
        UserSettings(snipe_max_scam_bps=10_001),
        UserSettings(blacklist=("scam", "scam")),
        UserSettings(blacklist=("Scam",)),
        UserSettings(blacklist=("x",)),
    ],
)
async def test_settings_that_no_column_can_hold_are_refused(store: Store, broken: UserSettings) -> None:
    await enrol(store, "ada")
    with pytest.raises(ValueError, match="outside"):
        await store.change_settings("u-ada", lambda _: broken, by="ada")
    with pytest.raises(ValueError, match="outside"):
        await store.create_user(replace(USER, id="u-2", handle="bob"), replace(WALLET, user_id="u-2"), KEY, broken)
    assert await store.settings("u-ada") == UserSettings()


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "", "Europe"])
async def test_a_time_zone_that_nobody_knows_is_refused(store: Store, zone: str) -> None:
    await enrol(store, "ada")
    with pytest.raises(ValueError, match="no time zone"):
        await store.change_settings("u-ada", lambda _: UserSettings(timezone=zone), by="ada")


async def test_consent_is_renewed(store: Store) -> None:
    await enrol(store, "ada")
    await store.save_consent("u-ada", "consent-2")
    assert [user.consent_version for user in await store.users()] == ["consent-2"]


async def test_what_is_not_there_is_said_to_be_missing(store: Store) -> None:
    with pytest.raises(KeyUnavailable):
        await store.sealed_key("w-nobody")
    with pytest.raises(LookupError):
        await store.settings("u-nobody")
    with pytest.raises(LookupError):
        await store.change_settings("u-nobody", lambda _: UserSettings(), by="eve")
    with pytest.raises(LookupError):
        await store.save_consent("u-nobody", "consent-2")


async def test_a_user_has_one_wallet_of_each_mode_and_trades_in_one_of_them(store: Store) -> None:
    await store.create_user(USER, WALLET, KEY, CHANGED)
    with pytest.raises(Conflict, match="no wallet of mode dry_run"):
        await store.set_mode("u-ada", Mode.DRY_RUN)
    dry, key = Wallet("w-dry", "u-ada", "Address-dry", Mode.DRY_RUN), replace(KEY, ciphertext=b"dry")
    assert await store.add_wallet(dry, key)
    assert not await store.add_wallet(replace(dry, id="w-other", address="Address-other"), KEY)
    assert await store.wallets("u-ada") == [WALLET, dry]
    assert await store.sealed_key("w-dry") == key
    assert await store.users() == [USER]
    await store.set_mode("u-ada", Mode.DRY_RUN)
    assert await store.users() == [replace(USER, mode=Mode.DRY_RUN)]
    await store.set_mode("u-ada", Mode.LIVE)
    assert await store.user_by_handle("ada") == USER


async def test_a_user_has_several_wallets_of_a_mode_under_names_and_binds_each_strategy_to_one(store: Store) -> None:
    await store.create_user(USER, WALLET, KEY, CHANGED)
    bob = await enrol(store, "bob")
    spare = replace(WALLET, id="w-spare", address="Address-spare", name="spare")
    assert await store.add_wallet(spare, KEY)
    assert not await store.add_wallet(replace(spare, id="w-x", address="Address-x"), KEY)
    assert not await store.rename_wallet("u-ada", spare.id, "main")
    assert await store.rename_wallet("u-ada", spare.id, "spare")
    assert await store.rename_wallet("u-ada", spare.id, "snipes")
    for strategy in (Strategy.SNIPER, Strategy.AUTO, Strategy.SNIPER):
        await store.bind_wallet("u-ada", spare.id, strategy, NOW_MS)
    await store.bind_wallet("u-ada", WALLET.id, Strategy.AUTO, NOW_MS)
    wallets = await store.wallets("u-ada")
    assert wallets == [replace(WALLET, strategies=("auto",)), replace(spare, name="snipes", strategies=("sniper",))]
    assert wallet_in(wallets, Mode.LIVE, Strategy.SNIPER).id == spare.id
    assert {wallet_in(wallets, Mode.LIVE, one).id for one in (Strategy.MANUAL, Strategy.AUTO)} == {WALLET.id}
    for call in (store.rename_wallet("u-ada", bob.id, "mine"), store.bind_wallet("u-ada", bob.id, Strategy.AUTO, 0)):
        with pytest.raises(LookupError):
            await call
    assert await store.wallets("u-bob") == [bob]
    told = [(one.by, one.detail) for one in await audited(store) if one.action == "wallet bound"]
    assert told[0] == ("u-ada", {"wallet": spare.id, "strategy": "sniper"})
    assert len(told) == 4


async def test_a_wallet_is_added_to_a_known_user_under_an_id_and_address_of_its_own(store: Store) -> None:
    await store.create_user(USER, WALLET, KEY, CHANGED)
    for taken in (replace(WALLET, mode=Mode.PAPER), replace(WALLET, id="w-2", mode=Mode.PAPER)):
        with pytest.raises(Conflict):
            await store.add_wallet(taken, KEY)
    with pytest.raises(LookupError):
        await store.add_wallet(Wallet("w-2", "u-nobody", "Address-2", Mode.LIVE), KEY)
    with pytest.raises(LookupError):
        await store.set_mode("u-nobody", Mode.LIVE)
    assert await store.wallets() == [WALLET]


async def test_a_new_user_trades_in_the_mode_of_his_wallet(store: Store) -> None:
    with pytest.raises(ValueError, match="its user's mode is live"):
        await store.create_user(USER, replace(WALLET, mode=Mode.PAPER), KEY, CHANGED)
    assert await store.users() == []


async def test_sealed_keys_are_counted_by_their_master_key_and_replaced_one_by_one(store: Store) -> None:
    assert await store.sealed_under() == {}
    for name in ("cy", "ada", "bob"):
        await enrol(store, name)
    assert await store.sealed_under() == {"master-1": 3}
    found = await store.wallets_not_under("master-2", "", 2)
    assert found == sorted(await store.wallets(), key=lambda wallet: wallet.id)[:2]
    rest = await store.wallets_not_under("master-2", found[-1].id, 2)
    assert {wallet.id for wallet in (*found, *rest)} == {wallet.id for wallet in await store.wallets()}
    assert await store.wallets_not_under("master-1", "", 9) == []
    newer = SealedKey("master-2", b"wrapped anew", b"cipher anew")
    assert await store.replace_key(found[0].id, KEY, newer)
    assert not await store.replace_key(found[0].id, KEY, newer), "its row is another one now"
    assert not await store.replace_key("w-nobody", KEY, newer)
    assert await store.sealed_key(found[0].id) == newer
    assert await store.sealed_key(found[1].id) == KEY
    assert await store.sealed_under() == {"master-1": 2, "master-2": 1}
