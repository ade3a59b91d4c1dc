"""The sections of the settings file: every key with its type, its bounds and its default."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bot.settings.operations import Alerts, Backup, Resources, Web
from bot.settings.providers import Birdeye, BlockEngine, Dexscreener, Helius, Jupiter, Rpc, Streams, Tracking, Usd
from bot.settings.section import Mints, Percent, SecretFile, Section, Slippage, Sol, SolOrNone, TelegramIds
from bot.settings.social import Coingecko, Discord, Lunarcrush, Reddit, Twitter

TELEGRAM_PORTS = {443, 80, 88, 8443}  # of webhooks


class Database(Section):
    """`url` is a PostgreSQL URL; without one the embedded server in the data directory is used. `DATABASE_URL` is read too."""

    url: SecretStr | None = None


class Wallets(Section):
    """`master_key_file` holds one line, `key-id:base64 of 32 bytes`, readable by its owner alone.

    `former_keys` is such a file, or a folder of them with names in `.key`: keys that wallets may still be sealed under while
    `bot keys rotate` seals them under the newest. `fernet_key_file` holds the Fernet key of an earlier bot, for as long as
    `bot keys import` takes its wallets over.
    """

    master_key_file: SecretFile | None = None
    former_keys: SecretFile | None = None
    fernet_key_file: SecretFile | None = None


class Vault(Section):
    """Where the keys are used, and what is signed in a wallet's day (UTC), whatever is asked for (docs/vault.md).

    `run` is `inside` for the bot's own process, `child` for one that the bot starts and ends, `outside` for one that runs by
    itself, `bot vault`. Left out it is inside in profile local and child elsewhere. `socket` is where it answers, left out
    `vault.sock` in the data directory.

    `max_day_sol` bounds what one wallet's buys spend with their fees, counted without what its sales bring back;
    `max_day_costs_sol` the fees and tips of its sales, and apart from these the fees of its sweeps. What one order may take
    follows from [trading]. `tip_accounts` are the block engines' own, to which alone SOL is sent beside withdrawals; left
    out, they are the eight of Jito on mainnet.

    An address that a user allows for his withdrawals counts `address_delay_s` later, and a key that he wants to have is
    handed out `export_delay_s` later; an hour at least outside profile local, both.
    """

    run: Literal["inside", "child", "outside"] | None = None
    socket: Path | None = None
    max_day_sol: Sol = Decimal(100)
    max_day_costs_sol: Sol = Decimal(2)
    tip_accounts: tuple[str, ...] = Field(default=(), max_length=64)
    address_delay_s: int = Field(default=86_400, ge=0, le=30 * 86_400)
    export_delay_s: int = Field(default=86_400, ge=0, le=30 * 86_400)


class Trading(Section):
    """Ceilings and floors for everybody, over each user's own limits, and how orders are sent.

    `min_trade_sol` is the least that a buy spends: below it the fees of the way in and out eat what it could win.
    `max_slippage_percent` bounds entries, never exits. `always_check_tokens` takes the choice to buy tokens that
    somebody can freeze or tax from every user. `min_curve_sol` is the SOL that must be in a token's curve.
    A token account that was empty for `close_emptied_after_s` is closed, so that its rent comes back, unless
    `close_emptied_accounts` is off.
    With `adapt_to_results` a sniper whose closed positions lost spends less of its user's amount, a quarter at least.
    Nobody buys a mint of the `blacklist`, where one that is named twice stands once.
    No sniper buys below `snipe_min_confidence_percent`, or `snipe_min_momentum` of 100, whatever its user asks for; 0 asks
    for nothing.
    `flatten_at_loss_percent` of a user's limit of a day's loss, lost in a day, sells everything of his, whatever he set.
    """

    max_trade_sol: Sol = Decimal(1)
    max_position_sol: Sol = Decimal(1)
    max_daily_loss_sol: Sol = Decimal(5)
    max_open_positions: int = Field(default=50, ge=1, le=10_000)
    min_trade_sol: Sol = Decimal("0.001")
    max_slippage_percent: Slippage = Decimal(25)
    always_check_tokens: bool = False
    min_curve_sol: SolOrNone = Decimal(0)
    flatten_at_loss_percent: Annotated[Percent, Field(ge=100, le=10_000)] | None = None
    blacklist: Mints = ()
    snipe_min_confidence_percent: Decimal = Field(default=Decimal(0), ge=0, le=100, decimal_places=2)
    snipe_min_momentum: int = Field(default=0, ge=0, le=100)
    priority_fee_lamports: int = Field(default=50_000, ge=0, le=10_000_000)
    max_priority_fee_lamports: int = Field(default=5_000_000, ge=0, le=1_000_000_000)
    max_tip_lamports: int = Field(default=5_000_000, ge=1_000, le=1_000_000_000)
    price_max_age_s: float = Field(default=3.0, ge=0.2, le=60)
    adapt_to_results: bool = False
    observe_s: float = Field(default=6.0, gt=0, le=300)
    confirm_interval_s: float = Field(default=0.3, ge=0.05, le=10)
    resend_interval_s: float = Field(default=2.0, ge=0.1, le=60)
    audit_interval_s: float = Field(default=30.0, ge=0.1, le=3600)
    close_emptied_accounts: bool = True
    close_emptied_after_s: float = Field(default=600.0, ge=60, le=604_800)
    probe_interval_s: float = Field(default=1.0, ge=0.05, le=60)


class Roles(Section):
    """Limits of each role, beside the operator's in [trading] and each user's own: the least of the three counts.

    A limit that is left out is not set by the role. `max_exposure_sol` is the most that somebody of the role has in open
    positions and in buys on their way, in all of them together and in one mode. /role changes somebody's role.
    """

    basic_max_trade_sol: Sol | None = None
    basic_max_position_sol: Sol | None = None
    basic_max_daily_loss_sol: Sol | None = None
    basic_max_exposure_sol: Sol = Decimal(100)
    premium_max_trade_sol: Sol | None = None
    premium_max_position_sol: Sol | None = None
    premium_max_daily_loss_sol: Sol | None = None
    premium_max_exposure_sol: Sol = Decimal(1_000)
    admin_max_trade_sol: Sol | None = None
    admin_max_position_sol: Sol | None = None
    admin_max_daily_loss_sol: Sol | None = None
    admin_max_exposure_sol: Sol = Decimal(1_000)
    operator_max_trade_sol: Sol | None = None
    operator_max_position_sol: Sol | None = None
    operator_max_daily_loss_sol: Sol | None = None
    operator_max_exposure_sol: Sol = Decimal(1_000)


class NewUsers(Section):
    """The settings that a new user starts with; who is there already keeps his own.

    A limit that is left out starts at the operator's ceiling in [trading].
    """

    max_trade_sol: Sol | None = None
    max_position_sol: Sol | None = None
    daily_loss_sol: Sol | None = None
    slippage_buy_percent: Slippage = Decimal(5)
    slippage_sell_percent: Slippage = Decimal(15)
    use_stop_loss: bool = True
    stop_loss_percent: Annotated[Percent, Field(le=99)] = Decimal(10)
    use_take_profit: bool = True
    take_profit_percent: Annotated[Percent, Field(le=100_000)] = Decimal(20)
    max_hold_s: int = Field(default=900, ge=5, le=31_536_000)
    require_confirmation: bool = True
    check_honeypots: bool = True
    min_curve_sol: SolOrNone = Decimal(0)
    snipe_sol: Sol = Decimal("0.1")
    snipe_min_confidence_percent: Decimal = Field(default=Decimal(65), ge=0, le=100, decimal_places=2)
    snipe_max_daily: int = Field(default=10, ge=0, le=1_000)
    snipe_only_strong_buy: bool = True
    snipe_min_curve_sol: SolOrNone = Decimal(1)


class Telegram(Section):
    """The bot's token, in a file of one line or in TELEGRAM_BOT_TOKEN; without one the chat is on the console alone.

    The file is read again every second: a new token of the same bot is used without a restart.
    `operator_chat_id` is the chat that hears of levels, halts and what was given up; the console hears of them anyway.
    `operators` are Telegram ids of people who have the role operator, from the next start on; where `operator_chat_id` is
    somebody's private chat, whose id is his own, he is one of them. /role gives the other roles.
    With `registration = "allowlist"` only `allowed_ids` and operators get a wallet here; who has one keeps it.
    With a `webhook_url` Telegram brings updates there and is not polled: a public HTTPS address, whose reverse proxy passes
    requests on to `webhook_port` of 127.0.0.1, where the bot takes only those that show Telegram's secret.
    """

    token_file: SecretFile | None = None
    operator_chat_id: int | None = None
    operators: TelegramIds = ()
    registration: Literal["open", "allowlist"] = "open"
    allowed_ids: TelegramIds = ()
    base_url: str = "https://api.telegram.org/bot"
    webhook_url: str | None = None
    webhook_port: int = Field(default=8481, ge=1, le=65_535)

    @field_validator("webhook_url")
    @classmethod
    def _is_https(cls, url: str | None) -> str | None:
        """Telegram takes no other, and on no other ports, https://core.telegram.org/bots/api#setwebhook."""
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            fits = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) in TELEGRAM_PORTS
        except ValueError:
            fits = False
        if not fits or "@" in url or any(letter.isspace() for letter in url):
            raise PydanticCustomError(
                "webhook_url", "give the address that the world reaches: https://host/path, on port 443, 80, 88 or 8443"
            )
        return url

    @property
    def operator_ids(self) -> frozenset[int]:
        """Everybody who is an operator by the settings. A group's chat id is negative, and nobody's own."""
        own = self.operator_chat_id
        return frozenset(self.operators) | ({own} if own is not None and own > 0 else set())


class Localnet(Section):
    """The local chain of profile `local`. Port 0 means: choose a free one. A seed makes its market repeatable.

    `directory` is the data directory of a chain that runs by itself, `bot localnet --data-dir DIR`: the bot uses that one
    and starts none, and the other keys but `demo_fund_sol` and the engine's rate say nothing. A bot and its standby share
    such a chain.
    """

    directory: Path | None = None
    port: int = Field(default=0, ge=0, le=65_520)
    endpoints: int = Field(default=2, ge=1, le=8)
    seed: int = Field(default=1, ge=0)
    slot_ms: int = Field(default=400, ge=20, le=5_000)
    demo_fund_sol: Sol = Decimal(10)
    engine_requests_per_s: float = Field(default=20.0, gt=0, le=100)


class Paper(Section):
    """Virtual wallets of profile paper and of mode dry_run, and how their orders land on the real market.

    Each wallet starts with `start_sol`. Bytes take `latency_ms` to a leader and then `slots_min` to `slots_max` slots;
    `landing_percent` of them land at all. `seed` makes what becomes of them repeatable.
    """

    start_sol: Sol = Decimal(10)
    latency_ms: int = Field(default=250, ge=0, le=60_000)
    landing_percent: Decimal = Field(default=Decimal(95), ge=0, le=100, decimal_places=2)
    slots_min: int = Field(default=1, ge=0, le=150)
    slots_max: int = Field(default=3, ge=0, le=150)
    seed: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _least_is_not_above_most(self) -> Self:
        if self.slots_min > self.slots_max:
            raise PydanticCustomError("slots", "paper.slots_min is above paper.slots_max; change one of them")
        return self


class Live(Section):
    """What an operator says before real money moves; `bot run --profile live` holds it against its gates.

    `allowed_telegram_ids` may enter mode live; everybody else stays on paper. `confirm` is the sentence that the
    gate `confirmation` names. See runbooks/going-live.md.
    """

    allowed_telegram_ids: tuple[int, ...] = Field(default=(), max_length=1_000)
    confirm: str = Field(default="", max_length=100)


class Demo(Section):
    """The demo users of profile `local`; what is not here is as for every new user."""

    users: int = Field(default=2, ge=0, le=1_000)
    snipe_sol: Sol = Decimal("0.1")
    take_profit_percent: Decimal = Field(default=Decimal(20), gt=0, le=10_000)
    stop_loss_percent: Decimal = Field(default=Decimal(10), gt=0, le=100)
    slippage_percent: Decimal = Field(default=Decimal(15), gt=0, le=100)
    max_hold_s: int = Field(default=45, ge=1, le=86_400)
    snipe_max_daily: int = Field(default=500, ge=1)


class Logs(Section):
    """What is logged, and for how long it is kept beside the journal, or `bot.log` without one.

    With `streams` there is a file a day below `logs` in the data directory for trades (kept 90 days), signals (30), errors (30)
    and everything else (14). No stream grows beyond `stream_max_mb`: its oldest files go first.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    streams: bool = True
    stream_max_mb: int = Field(default=500, ge=10, le=100_000)


class Recorder(Section):
    """The recording of every launch, trade and snapshot, in `recordings` below the data directory (docs/recording.md).

    What is older than `keep_days`, or more than `max_mb`, goes hour by hour, the oldest first. A segment is packed into a
    partition after `pack_after_s`; until then it is text. While less than `min_free_mb` of the disk are free nothing is
    recorded, because the database may need them.
    """

    enabled: bool = True
    keep_days: int = Field(default=30, ge=1, le=3_650)
    max_mb: int = Field(default=10_000, ge=10, le=100_000_000)
    pack_after_s: int = Field(default=900, ge=10, le=3_600)
    min_free_mb: int = Field(default=200, ge=0, le=1_000_000)


class PriceHistory(Section):
    """Past prices of the tokens that somebody holds or asked about, for /price and /info.

    A point per token and `sample_s` while its price changes; whole days (UTC) older than `keep_days` are dropped.
    """

    sample_s: float = Field(default=10.0, ge=1, le=60)
    keep_days: int = Field(default=7, ge=1, le=3_650)


class Model(Section):
    """The model of entries, a folder that `bot train` wrote (docs/model.md). Without one, and where it is refused, rules judge.

    It is read at the start: a model of other features than this version's is refused with an alert, and the bot goes on.
    """

    folder: Path | None = None


class Settings(Section):
    database: Database = Database()
    wallets: Wallets = Wallets()
    vault: Vault = Vault()
    trading: Trading = Trading()
    roles: Roles = Roles()
    new_users: NewUsers = NewUsers()
    telegram: Telegram = Telegram()
    block_engine: BlockEngine = BlockEngine()
    helius: Helius = Helius()
    jupiter: Jupiter = Jupiter()
    dexscreener: Dexscreener = Dexscreener()
    birdeye: Birdeye = Birdeye()
    twitter: Twitter = Twitter()
    reddit: Reddit = Reddit()
    discord: Discord = Discord()
    coingecko: Coingecko = Coingecko()
    lunarcrush: Lunarcrush = Lunarcrush()
    localnet: Localnet = Localnet()
    rpc: Rpc = Rpc()
    streams: Streams = Streams()
    tracking: Tracking = Tracking()
    paper: Paper = Paper()
    live: Live = Live()
    demo: Demo = Demo()
    recorder: Recorder = Recorder()
    model: Model = Model()
    price_history: PriceHistory = PriceHistory()
    usd: Usd = Usd()
    web: Web = Web()
    alerts: Alerts = Alerts()
    resources: Resources = Resources()
    backup: Backup = Backup()
    logs: Logs = Logs()
