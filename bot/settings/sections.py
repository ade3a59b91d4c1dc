"""The sections of the settings file: every key with its type, its bounds and its default."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from bot.trading.units import LAMPORTS_PER_SOL

Sol = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9)]
SolOrNone = Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=9)]
Percent = Annotated[Decimal, Field(ge=1, decimal_places=2)]
Slippage = Annotated[Decimal, Field(ge=Decimal("0.1"), le=95, decimal_places=2)]


def lamports(sol: Decimal) -> int:
    """Whole lamports of a settings value in SOL."""
    return int(sol * LAMPORTS_PER_SOL)


def basis_points(percent: Decimal) -> int:
    """Whole basis points of a settings value in percent."""
    return int(percent * 100)


def _split(value: object) -> object:
    """A list as the environment gives it: one text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Python takes true for 1; a settings file does not."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise PydanticCustomError("no_truth", "true and false are no value for this key")
        return value


class Database(Section):
    """`url` is a PostgreSQL URL; without one the embedded server in the data directory is used. `DATABASE_URL` is read too."""

    url: SecretStr | None = None


class Wallets(Section):
    """`master_key_file` holds one line, `key-id:base64 of 32 bytes`, readable by its owner alone."""

    master_key_file: Path | None = None


class Trading(Section):
    """Ceilings and floors for everybody, over each user's own limits, and how orders are sent.

    `min_trade_sol` is the least that a buy spends: below it the fees of the way in and out eat what it could win.
    `max_slippage_percent` bounds entries, never exits. `always_check_tokens` takes the choice to buy tokens that
    somebody can freeze or tax from every user. `min_curve_sol` is the SOL that must be in a token's curve.
    A token account that was empty for `close_emptied_after_s` is closed, so that its rent comes back, unless
    `close_emptied_accounts` is off.
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
    priority_fee_lamports: int = Field(default=50_000, ge=0, le=10_000_000)
    max_priority_fee_lamports: int = Field(default=5_000_000, ge=0, le=1_000_000_000)
    max_tip_lamports: int = Field(default=5_000_000, ge=1_000, le=1_000_000_000)
    price_max_age_s: float = Field(default=3.0, gt=0, le=60)
    observe_s: float = Field(default=6.0, gt=0, le=300)
    confirm_interval_s: float = Field(default=0.3, gt=0, le=10)
    resend_interval_s: float = Field(default=2.0, gt=0, le=60)
    audit_interval_s: float = Field(default=30.0, gt=0, le=3600)
    close_emptied_accounts: bool = True
    close_emptied_after_s: float = Field(default=600.0, ge=60, le=604_800)
    probe_interval_s: float = Field(default=1.0, gt=0, le=60)


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

    `operator_chat_id` is the chat that hears of levels, halts and what was given up; the console hears of them anyway.
    """

    token_file: Path | None = None
    operator_chat_id: int | None = None
    base_url: str = "https://api.telegram.org/bot"


class BlockEngine(Section):
    """Regions of a block engine, each by the root of its URL; profile local has its local chain's engine beside them.

    `requests_per_s` is the rate of each region for all users together; they take turns, and sales come first.
    `key_file` holds the engine's key in one line, for `x-jito-auth`; it is read again when it changes.
    """

    urls: tuple[str, ...] = Field(default=(), max_length=16)
    key_file: Path | None = None
    requests_per_s: float = Field(default=1.0, gt=0, le=100)


class Helius(Section):
    """Advice on priority fees, `getPriorityFeeEstimate`: it may raise what recent blocks tell, within what each user allows.

    `url` is an endpoint that has the method, with its key in it; it is never shown. Nothing depends on it.
    """

    url: SecretStr | None = None


class Jupiter(Section):
    """The aggregator for tokens with neither a curve nor a pool of their own; profile local has its local chain's stand-in.

    `url` is the root that `/quote` and `/swap-instructions` stand behind, `https://api.jup.ag/swap/v2`; without one such
    tokens are not traded. `key_file` holds the interface's key in one line, and is read again when it changes.
    `requests_per_s` is what the key allows.
    """

    url: SecretStr | None = None
    key_file: Path | None = None
    requests_per_s: float = Field(default=1.0, gt=0, le=150)


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


class RpcEndpoint(Section):
    """What one endpoint is for, and what it may be asked. `name` is that of the local chain: rpc-1, rpc-2, ...

    `exit_share_percent` of each budget is kept for exits, which are not refused even when all of it is used. Up to `batch`
    requests that are made at once share an HTTP request; each still counts as one. 1 is for an endpoint that takes no
    batches; the local chain does. With `http2` all requests share one connection where the endpoint offers that: over TLS it
    chooses, and with http:// it is spoken to so at once.

    `key_file` holds the endpoint's key in one line, for the place of `{key}` in its address in `rpc.urls` and `rpc.ws_urls`.
    It is read again every second: what is asked after a change carries the new key, and no restart is needed.
    """

    name: str
    key_file: Path | None = None
    roles: tuple[Literal["read", "send", "stream", "history"], ...] = ("read", "send", "stream", "history")
    requests_per_second: int | None = Field(default=None, ge=1, le=1_000_000)
    requests_per_month: int | None = Field(default=None, ge=1, le=10**12)
    exit_share_percent: Decimal = Field(default=Decimal(20), ge=0, le=90, decimal_places=2)
    batch: int = Field(default=100, ge=1, le=100)
    http2: bool = False


class Rpc(Section):
    """The pool of RPC endpoints. What is not listed in `endpoints` is for everything and without a budget.

    An endpoint more than `max_lag_slots` behind the best decides nothing; nor does one whose slot stands still for more than
    `max_still_s` seconds, well above the time of a slot. When that holds for all of them there is no route to the chain.

    `urls` are the cluster's endpoints in profile paper, known as rpc-1, rpc-2 and so on; they may hold credentials and are
    never shown. `ws_urls` are their WebSockets in the same order; without them the addresses are those of `urls`, one port
    higher where a port is named. Profile local asks its own chain alone.
    """

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(_split)] = Field(default=(), max_length=16)
    ws_urls: Annotated[tuple[SecretStr, ...], BeforeValidator(_split)] = Field(default=(), max_length=16)
    max_lag_slots: int = Field(default=16, ge=4, le=1_000)
    max_still_s: float = Field(default=5.0, ge=2, le=60)
    endpoints: tuple[RpcEndpoint, ...] = ()


class Streams(Section):
    """Where launches are heard of. All `sources` are followed at once and the first to tell counts, `polling` apart.

    `logs` are the launchpad's logs over the WebSockets of the RPC endpoints. `grpc` is a Yellowstone Geyser stream at
    `grpc_url`, with `grpc_token` as its `x-token`; it needs the library h2, and begins again where it was lost.
    `pumpportal` is that service's WebSocket at `pumpportal_url`: it only names transactions, each of which is then read from
    the chain, at most `reads_per_second` of them. Without a funded `pumpportal_key` it tells no trades, and entries pause
    when it is the only one left. It counts as lost when it named nothing for `pumpportal_silence_s`. Profile local has
    stand-ins of both; that of PumpPortal takes any key.

    `polling` asks the RPC endpoints every `poll_interval_s` for new launches and for the trades of young coins, and only
    while no other source stands; it comes last. It too makes at most `reads_per_second` requests, within the endpoints'
    own budgets, and follows half as many coins at a time.
    """

    sources: Annotated[tuple[Literal["logs", "grpc", "pumpportal", "polling"], ...], BeforeValidator(_split)] = Field(
        default=("logs",), min_length=1, max_length=8
    )
    grpc_url: SecretStr | None = None
    grpc_token: SecretStr | None = None
    pumpportal_url: str | None = None
    pumpportal_key: SecretStr | None = None
    pumpportal_silence_s: float = Field(default=60.0, ge=2, le=3600)
    poll_interval_s: float = Field(default=1.0, ge=0.1, le=60)
    reads_per_second: int = Field(default=20, ge=1, le=1_000)

    @field_validator("sources")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise PydanticCustomError("twice", "streams.sources names a source twice")
        if "polling" in value[:-1]:
            raise PydanticCustomError(
                "order", "streams.sources: polling is for when all others are silent; name it last"
            )
        return value


class Tracking(Section):
    """Where the trades of followed wallets are heard of.

    `polling` reads each wallet's history, no more often than every `poll_interval_s` and the wallets that trade most more
    often than the others, with at most `requests_per_second` for all together and at most `credit_share_percent` of what the
    endpoints' budgets leave to others than exits. `bot status` and /track say how often that is.

    `grpc` follows all of them over the Yellowstone Geyser stream of `streams.grpc_url` at `confirmed`, and reads a history
    only where the stream may have missed something; it needs the library h2. A call carries at most `wallets_per_call` of
    them, which is the most accounts that the server takes in one filter; for more wallets there are more calls. Profile
    local has a stand-in.

    `helius` is polling that is hinted at: the WebSocket at `helius_url`, with its key in it, names transactions by
    `transactionSubscribe`, and the scanner of a wallet that is named reads that wallet's history at once. Nothing of what it
    says is believed. Profile local asks its own chain, which speaks the same.
    """

    source: Literal["polling", "grpc", "helius"] = "polling"
    helius_url: SecretStr | None = None
    poll_interval_s: float = Field(default=30.0, ge=1, le=86_400)
    requests_per_second: float = Field(default=100.0, gt=0, le=10_000)
    credit_share_percent: Decimal = Field(default=Decimal(25), ge=1, le=100, decimal_places=2)
    wallets_per_call: int = Field(default=10_000, ge=1, le=1_000_000)


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

    `allowed_telegram_ids` may trade. `restore_drill_on` is the day of the last restore drill. `confirm` is the sentence that
    the gate `confirmation` names.
    """

    allowed_telegram_ids: tuple[int, ...] = Field(default=(), max_length=1_000)
    restore_drill_on: date | None = None
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
    level: Literal["debug", "info", "warning", "error"] = "info"


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


class Usd(Section):
    """What a SOL costs in dollars, for people to look at; nothing is decided by it.

    `url` is an address that speaks Jupiter's price interface v3, without the question; it may hold a key and is never shown.
    Profile local asks its own chain; elsewhere, without one, dollars are not known. A price older than `max_age_s` is not
    known either.
    """

    url: SecretStr | None = None
    every_s: float = Field(default=15.0, ge=1, le=3_600)
    max_age_s: float = Field(default=120.0, ge=5, le=86_400)


class Settings(Section):
    database: Database = Database()
    wallets: Wallets = Wallets()
    trading: Trading = Trading()
    new_users: NewUsers = NewUsers()
    telegram: Telegram = Telegram()
    block_engine: BlockEngine = BlockEngine()
    helius: Helius = Helius()
    jupiter: Jupiter = Jupiter()
    localnet: Localnet = Localnet()
    rpc: Rpc = Rpc()
    streams: Streams = Streams()
    tracking: Tracking = Tracking()
    paper: Paper = Paper()
    live: Live = Live()
    demo: Demo = Demo()
    recorder: Recorder = Recorder()
    price_history: PriceHistory = PriceHistory()
    usd: Usd = Usd()
    logs: Logs = Logs()
