"""What the settings mean for the parts: policy, demo users, and the cluster that a database belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import structlog
import trio
from pydantic import SecretStr

from actors.dollar_keeper import UsdRules
from actors.price_historian import HistoryRules
from bot import settings
from bot.adapters import MarketRules
from bot.chain.key_file import Key
from bot.errors import ChainUnavailable, StartupError
from bot.execution.entry_model import chosen_model
from bot.execution.policy import Policy
from bot.execution.scan_schedule import ScanRule
from bot.local_chain import airdrop
from bot.ports import Chain, Store
from bot.recorder.files import FileRecording, Keep, open_recording
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.roles import RoleLimits
from bot.users import Registrar

_TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{35}")
_ANY_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}")
TOKEN_VARIABLE = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - its name
RECORDINGS = "recordings"
DAY_MS = 86_400_000
MB = 1_000_000
FUNDED_WITHIN_S = 5.0
FUNDED_POLL_S = 0.1

log = structlog.get_logger()


def scan_rule(chosen: settings.Tracking) -> ScanRule:
    """How often the histories of followed wallets are read."""
    return ScanRule(
        chosen.poll_interval_s, chosen.requests_per_second, settings.basis_points(chosen.credit_share_percent)
    )


def policy(chosen: settings.Settings) -> Policy:
    """The policy that the settings ask for."""
    trading = chosen.trading
    ceilings = Ceilings(
        max_trade_lamports=settings.lamports(trading.max_trade_sol),
        max_position_lamports=settings.lamports(trading.max_position_sol),
        max_open_positions=trading.max_open_positions,
        max_daily_loss_lamports=settings.lamports(trading.max_daily_loss_sol),
        min_trade_lamports=settings.lamports(trading.min_trade_sol),
        max_priority_fee_lamports=trading.max_priority_fee_lamports,
        max_tip_lamports=trading.max_tip_lamports,
        max_slippage_bps=settings.basis_points(trading.max_slippage_percent),
        min_curve_lamports=settings.lamports(trading.min_curve_sol),
        always_check_tokens=trading.always_check_tokens,
        flatten_at_loss_bps=(
            None if trading.flatten_at_loss_percent is None else settings.basis_points(trading.flatten_at_loss_percent)
        ),
        roles=role_limits(chosen.roles),
        blacklist=trading.blacklist,
        snipe_min_confidence_bps=settings.basis_points(trading.snipe_min_confidence_percent),
        snipe_min_momentum_bps=trading.snipe_min_momentum * 100,
    )
    return Policy(
        ceilings=ceilings,
        priority_fee_lamports=trading.priority_fee_lamports,
        confirm_interval_s=trading.confirm_interval_s,
        resend_interval_s=trading.resend_interval_s,
        price_max_age_ms=round(trading.price_max_age_s * 1000),
        audit_interval_s=trading.audit_interval_s,
        probe_interval_s=trading.probe_interval_s,
        paper_start_lamports=settings.lamports(chosen.paper.start_sol),
        user_credits_per_minute=chosen.rpc.user_credits_per_minute,
        close_emptied_after_s=trading.close_emptied_after_s if trading.close_emptied_accounts else None,
    )


def role_limits(chosen: settings.Roles) -> tuple[RoleLimits, RoleLimits, RoleLimits, RoleLimits]:
    """The limits of each role, in the order of Role."""

    def limits(trade: Decimal | None, position: Decimal | None, loss: Decimal | None, exposure: Decimal) -> RoleLimits:
        trade_max, position_max, loss_max = (
            None if sol is None else settings.lamports(sol) for sol in (trade, position, loss)
        )
        return RoleLimits(trade_max, position_max, loss_max, settings.lamports(exposure))

    return (
        limits(
            chosen.basic_max_trade_sol,
            chosen.basic_max_position_sol,
            chosen.basic_max_daily_loss_sol,
            chosen.basic_max_exposure_sol,
        ),
        limits(
            chosen.premium_max_trade_sol,
            chosen.premium_max_position_sol,
            chosen.premium_max_daily_loss_sol,
            chosen.premium_max_exposure_sol,
        ),
        limits(
            chosen.admin_max_trade_sol,
            chosen.admin_max_position_sol,
            chosen.admin_max_daily_loss_sol,
            chosen.admin_max_exposure_sol,
        ),
        limits(
            chosen.operator_max_trade_sol,
            chosen.operator_max_position_sol,
            chosen.operator_max_daily_loss_sol,
            chosen.operator_max_exposure_sol,
        ),
    )


def engine_regions(chosen: settings.Settings, local_url: str, key: Key | None) -> list[tuple[str, float, Key | None]]:
    """The block engine's regions with the requests a second of each: the local chain's if any, then those of the settings.

    The key is for the latter alone.
    """
    local = [(local_url, chosen.localnet.engine_requests_per_s, None)] if local_url else []
    return [*local, *((url, chosen.block_engine.requests_per_s, key) for url in chosen.block_engine.urls)]


def recording(chosen: settings.Recorder, directory: Path) -> AbstractAsyncContextManager[FileRecording | None]:
    """Where the market is recorded, None where the settings want none."""
    if not chosen.enabled:
        return nullcontext()
    keep = Keep(
        keep_ms=chosen.keep_days * DAY_MS,
        bytes_max=chosen.max_mb * MB,
        roll_ms=chosen.pack_after_s * 1000,
        free_min=chosen.min_free_mb * MB,
    )
    return open_recording(directory / RECORDINGS, keep)


def market_rules(chosen: settings.Settings) -> MarketRules:
    """How densely and how long prices are kept, how long dollars stand for, and the model that launches are judged by."""
    return MarketRules(
        HistoryRules(chosen.price_history.sample_s, chosen.price_history.keep_days * DAY_MS),
        UsdRules(chosen.usd.every_s, round(chosen.usd.max_age_s * 1000)),
        chosen_model(chosen.model.folder),
        chosen.trading.adapt_to_results,
    )


def usd_url(chosen: settings.Usd, local_url: str | None) -> str | None:
    """Who is asked: the settings' address, else the local chain where there is one, else nobody."""
    return local_url if chosen.url is None else chosen.url.get_secret_value()


def telegram_token(chosen: settings.Telegram, environment: Mapping[str, str] = os.environ) -> SecretStr | None:
    """The bot's token from its file or the environment; None when neither is there. The token is in no error."""
    given = environment.get(TOKEN_VARIABLE, "").strip()
    if chosen.token_file is None:
        return _checked_token(given, f"environment: {TOKEN_VARIABLE}", chosen) if given else None
    try:
        token = chosen.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise StartupError(
            f"{chosen.token_file}: the Telegram token cannot be read; check telegram.token_file"
        ) from None
    if not token:
        raise StartupError(f"{chosen.token_file}: holds no Telegram token; put the one line from BotFather there")
    if given and given != token:
        raise StartupError(
            f"environment: {TOKEN_VARIABLE} and telegram.token_file say different things; keep one of them"
        )
    return _checked_token(token, str(chosen.token_file), chosen)


def _checked_token(token: str, place: str, chosen: settings.Telegram) -> SecretStr:
    """Telegram's own tokens all have one form; a Bot API server of one's own may have given out shorter ones."""
    is_telegrams = chosen.base_url == settings.Telegram.model_fields["base_url"].default
    if not (_TOKEN if is_telegrams else _ANY_TOKEN).fullmatch(token):
        raise StartupError(
            f"{place}: not a Telegram token; it is digits, a colon and 35 letters, as BotFather gives it, on one line"
        )
    return SecretStr(token)


async def bind_cluster(store: Store, genesis_hash: str, directory: Path) -> None:
    """Bind a fresh database to its cluster, and refuse one that belongs to another."""
    known = await store.genesis_hash()
    if known is None:
        await store.bind_genesis(genesis_hash)
    elif known != genesis_hash:
        raise StartupError(
            f"the database belongs to the chain with genesis hash {known}, this chain has {genesis_hash};"
            f" put that chain's data back into {directory / 'localnet'}, or start with another --data-dir and database"
        )


async def fund(chain: Chain, post: Callable[[bytes], Awaitable[bytes]], lamports: int, address: str) -> None:
    """Play money for a new wallet of profile local; returns when the chain shows it, or a few seconds later."""
    await airdrop(post, lamports, address)
    with trio.move_on_after(FUNDED_WITHIN_S):
        while not await _shows_money(chain, address):  # noqa: ASYNC110 - the chain is another process
            await trio.sleep(FUNDED_POLL_S)


async def _shows_money(chain: Chain, address: str) -> bool:
    try:
        return (await chain.balances(address)).lamports > 0
    except ChainUnavailable as error:
        log.info("new_wallet_not_seen_yet", address=address, reason=str(error))
        return False


def new_user_settings(chosen: settings.Settings) -> UserSettings:
    """What a new user starts with: [new_users], and the operator's ceilings where that says nothing."""
    wish, ceilings = chosen.new_users, chosen.trading
    return UserSettings(
        max_trade_lamports=settings.lamports(wish.max_trade_sol or ceilings.max_trade_sol),
        max_position_lamports=settings.lamports(wish.max_position_sol or ceilings.max_position_sol),
        daily_loss_limit_lamports=settings.lamports(wish.daily_loss_sol or ceilings.max_daily_loss_sol),
        slippage_buy_bps=settings.basis_points(wish.slippage_buy_percent),
        slippage_sell_bps=settings.basis_points(wish.slippage_sell_percent),
        take_profit_bps=settings.basis_points(wish.take_profit_percent) if wish.use_take_profit else None,
        stop_loss_bps=settings.basis_points(wish.stop_loss_percent) if wish.use_stop_loss else None,
        max_hold_s=wish.max_hold_s,
        require_confirmation=wish.require_confirmation,
        check_honeypots=wish.check_honeypots,
        min_curve_lamports=settings.lamports(wish.min_curve_sol),
        snipe_max_lamports=settings.lamports(wish.snipe_sol),
        snipe_min_confidence_bps=settings.basis_points(wish.snipe_min_confidence_percent),
        snipe_max_daily=wish.snipe_max_daily,
        snipe_only_strong_buy=wish.snipe_only_strong_buy,
        snipe_min_curve_lamports=settings.lamports(wish.snipe_min_curve_sol),
    )


async def demo_users(registrar: Registrar, chosen: settings.Settings) -> list[str]:
    """The demo users, new ones with funded wallets and snipers on; an existing user keeps what it has.

    Returns lines that say whose sniper is on, and whose is not.
    """
    demo = chosen.demo
    wishes = replace(
        new_user_settings(chosen),
        take_profit_bps=settings.basis_points(demo.take_profit_percent),
        stop_loss_bps=settings.basis_points(demo.stop_loss_percent),
        slippage_buy_bps=settings.basis_points(demo.slippage_percent),
        max_hold_s=demo.max_hold_s,
        snipe_enabled=True,
        snipe_max_lamports=settings.lamports(demo.snipe_sol),
        snipe_max_daily=demo.snipe_max_daily,
    )
    users = [await registrar.ensure(f"demo-{number}", wishes) for number in range(1, demo.users + 1)]
    snipers: dict[bool, list[str]] = {True: [], False: []}
    for user in users:
        snipers[(await registrar.store.settings(user.id)).snipe_enabled].append(user.handle)
    return [
        f"{', '.join(handles)}: {'sniper' if len(handles) == 1 else 'snipers'} {'on' if is_on else 'off'}"
        for is_on, handles in snipers.items()
        if handles
    ]


async def known_people(registrar: Registrar, chosen: settings.Settings, *, is_local: bool) -> list[str]:
    """Those whom the settings name, or no longer name: the operators, who may trade live, in profile local the demo users.

    Returns lines for the console.
    """
    raised = [
        f"{handle} is an operator from now on, as the settings say" for handle in await registrar.name_operators()
    ]
    kept_out = await registrar.keep_out_of_live()
    return raised + kept_out + (await demo_users(registrar, chosen) if is_local else [])
