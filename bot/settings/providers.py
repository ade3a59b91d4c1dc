"""The sections about services of others: RPC endpoints, streams, block engines, the aggregator, prices. Many need a key."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bot.settings.section import SecretFile, Section, split

MARK = "{key}"  # where the key of a file stands in an address


def _hold_together(url: SecretStr | None, key_file: object, section: str, prefix: str = "") -> None:
    """Refuse a key without its place in the address, and a place without a key. The address is in no error."""
    has_mark = url is not None and MARK in url.get_secret_value()
    if key_file is not None and not has_mark:
        raise PydanticCustomError("key", f"{section}.{prefix}url has no {MARK}, where the key of its file belongs")
    if has_mark and key_file is None:
        raise PydanticCustomError(
            "key", f"{section}.{prefix}url has {MARK}, and no {section}.{prefix}key_file fills it"
        )


class BlockEngine(Section):
    """Regions of a block engine, each by the root of its URL; profile local has its local chain's engine beside them.

    `requests_per_s` is the rate of each region for all users together; they take turns, and sales come first.
    `key_file` holds the engine's key in one line, for `x-jito-auth`; it is read again when it changes.
    `tip_floor_url` is a feed of the tips that landed lately, as `/api/v1/bundles/tip_floor` tells it: an order in fee mode auto
    tips no more than what mostly lands. Profile local asks its local chain's engine.
    """

    urls: tuple[str, ...] = Field(default=(), max_length=16)
    key_file: SecretFile | None = None
    tip_floor_url: str | None = None
    requests_per_s: float = Field(default=1.0, gt=0, le=100)


class Helius(Section):
    """Advice on priority fees, `getPriorityFeeEstimate`: it may raise what recent blocks tell, within what each user allows.

    `url` is an endpoint that has the method, with its key in it or with `{key}` in its place; it is never shown. Then
    `key_file` holds the key in one line, and is read again when it changes. Nothing depends on it.
    """

    url: SecretStr | None = None
    key_file: SecretFile | None = None

    @model_validator(mode="after")
    def _the_key_has_its_place(self) -> Self:
        _hold_together(self.url, self.key_file, "helius")
        return self


class Jupiter(Section):
    """The aggregator for tokens with neither a curve nor a pool of their own; profile local has its local chain's stand-in.

    `url` is the root that `/quote` and `/swap-instructions` stand behind, `https://api.jup.ag/swap/v2`; without one such
    tokens are not traded. `key_file` holds the interface's key in one line, and is read again when it changes.
    `requests_per_s` is what the key allows.
    """

    url: SecretStr | None = None
    key_file: SecretFile | None = None
    requests_per_s: float = Field(default=1.0, gt=0, le=150)


class Dexscreener(Section):
    """What DexScreener says of a token, for /info to show beside what the chain shows; nothing is decided by it.

    `url` is the root of its interface, `https://api.dexscreener.com`; without one it is not asked. It takes no key, and counts
    `requests_per_minute` by address. Profile local asks its local chain's stand-in.
    """

    url: str | None = None
    requests_per_minute: int = Field(default=60, ge=1, le=300)


class Birdeye(Section):
    """What Birdeye says of a token and of its mint, for /info to show beside what the chain shows; nothing is decided by it.

    `url` is the root of its interface, `https://public-api.birdeye.so`, and `key_file` holds its key in one line, for the header
    `X-API-KEY`; it is read again when it changes. Without both it is not asked. `requests_per_s` is what the key allows.
    Profile local asks its local chain's stand-in.
    """

    url: str | None = None
    key_file: SecretFile | None = None
    requests_per_s: float = Field(default=1.0, gt=0, le=1_000)

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        if (self.url is None) is not (self.key_file is None):
            raise PydanticCustomError("key", "birdeye.url and birdeye.key_file belong together; set both or neither")
        return self


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
    key_file: SecretFile | None = None
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

    Two endpoints of the role stream are subscribed, one connection each, to the signatures of orders on their way, so that these
    are asked for as soon as one says that they have landed, and to the curves and pools of held tokens, as a push of prices
    beside the logs. A connection carries at most `subscriptions_max` of both, two thirds of it for held tokens: some providers
    allow 100. 0 leaves it to logs and polling.

    `user_credits_per_minute` are the requests that what one user asks in the chat may cost, about; /sell, /positions, exits and
    open orders cost him none.
    """

    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(split)] = Field(default=(), max_length=16)
    ws_urls: Annotated[tuple[SecretStr, ...], BeforeValidator(split)] = Field(default=(), max_length=16)
    max_lag_slots: int = Field(default=16, ge=4, le=1_000)
    max_still_s: float = Field(default=5.0, ge=2, le=60)
    subscriptions_max: int = Field(default=90, ge=0, le=10_000)
    user_credits_per_minute: int = Field(default=120, ge=10, le=1_000_000)
    endpoints: tuple[RpcEndpoint, ...] = ()


class Streams(Section):
    """Where launches are heard of. All `sources` are followed at once and the first to tell counts, `polling` apart.

    `logs` are the launchpad's logs over the WebSockets of the RPC endpoints. `grpc` is a Yellowstone Geyser stream at
    `grpc_url`, with `grpc_token` as its `x-token`; it needs the library h2, and begins again where it was lost.
    `pumpportal` is that service's WebSocket at `pumpportal_url`: it only names transactions, each of which is then read from
    the chain, at most `reads_per_second` of them. Without a funded `pumpportal_key` it tells no trades, and entries pause
    when it is the only one left. It counts as lost when it named nothing for `pumpportal_silence_s`. Profile local has
    stand-ins of both; that of PumpPortal takes any key.

    `grpc_token_file` and `pumpportal_key_file` hold the token and the key in one line instead; they are read again when they
    change. A stream under the new one is opened beside the one that stands, which ends when the other tells something.

    `polling` asks the RPC endpoints every `poll_interval_s` for new launches and for the trades of young coins, and only
    while no other source stands; it comes last. It too makes at most `reads_per_second` requests, within the endpoints'
    own budgets, and follows half as many coins at a time.
    """

    sources: Annotated[tuple[Literal["logs", "grpc", "pumpportal", "polling"], ...], BeforeValidator(split)] = Field(
        default=("logs",), max_length=8
    )
    grpc_url: SecretStr | None = None
    grpc_token: SecretStr | None = None
    grpc_token_file: SecretFile | None = None
    pumpportal_url: str | None = None
    pumpportal_key: SecretStr | None = None
    pumpportal_key_file: SecretFile | None = None
    pumpportal_silence_s: float = Field(default=60.0, ge=2, le=3600)
    poll_interval_s: float = Field(default=1.0, ge=0.1, le=60)
    reads_per_second: int = Field(default=20, ge=1, le=1_000)

    @field_validator("sources")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise PydanticCustomError(
                "none", "streams.sources is empty: no launch would be heard of; name one, or take the key out"
            )
        if len(set(value)) < len(value):
            raise PydanticCustomError("twice", "streams.sources names a source twice")
        if "polling" in value[:-1]:
            raise PydanticCustomError(
                "order", "streams.sources: polling is for when all others are silent; name it last"
            )
        return value

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        if self.grpc_token is not None and self.grpc_token_file is not None:
            raise PydanticCustomError(
                "key", "streams.grpc_token and streams.grpc_token_file are both set; keep the file"
            )
        if self.pumpportal_key is not None and self.pumpportal_key_file is not None:
            raise PydanticCustomError(
                "key", "streams.pumpportal_key and streams.pumpportal_key_file are both set; keep the file"
            )
        return self


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
    says is believed. Profile local asks its own chain, which speaks the same. With `{key}` in the address `helius_key_file`
    holds the key in one line; a connection that is opened after a change carries the new one.
    """

    source: Literal["polling", "grpc", "helius"] = "polling"
    helius_url: SecretStr | None = None
    helius_key_file: SecretFile | None = None
    poll_interval_s: float = Field(default=30.0, ge=1, le=86_400)
    requests_per_second: float = Field(default=100.0, gt=0, le=10_000)
    credit_share_percent: Decimal = Field(default=Decimal(25), ge=1, le=100, decimal_places=2)
    wallets_per_call: int = Field(default=10_000, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _the_key_has_its_place(self) -> Self:
        _hold_together(self.helius_url, self.helius_key_file, "tracking", "helius_")
        return self


class Usd(Section):
    """What a SOL costs in dollars, for people to look at; nothing is decided by it.

    `url` is an address that speaks Jupiter's price interface v3, without the question; it may hold a key and is never shown.
    Profile local asks its own chain; elsewhere, without one, dollars are not known. A price older than `max_age_s` is not
    known either. `key_file` holds the interface's key in one line, for `{key}` in the address, else for the header `x-api-key`;
    it is read again when it changes.
    """

    url: SecretStr | None = None
    key_file: SecretFile | None = None

    @model_validator(mode="after")
    def _the_key_has_an_address(self) -> Self:
        if self.key_file is None or self.url is None:
            _hold_together(self.url, self.key_file, "usd")
        return self

    every_s: float = Field(default=15.0, ge=1, le=3_600)
    max_age_s: float = Field(default=120.0, ge=5, le=86_400)
