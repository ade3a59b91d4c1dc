"""What the profiles differ in: whose money moves, on which cluster, through which adapters. Nowhere else is it asked.

The router of D-02 is made here: `bot/chain/mode_router.py` alone chooses an adapter by the mode of a wallet.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from bot import settings
from bot.adapters import Adapters
from bot.api_keys import ApiKeys
from bot.chain.dry_run import DryRunChain
from bot.chain.mode_router import ModeRouter
from bot.chain.paper import PaperChain
from bot.chain.paper_books import PaperBooks
from bot.chain.paper_rules import LandingModel
from bot.chain.rpc import RpcClient
from bot.chain.transport import open_http_transport, redacted
from bot.clock import Clock
from bot.compose import fund, new_user_settings
from bot.errors import BotError, ChainUnavailable, StartupError
from bot.keys import KeyRing
from bot.local_chain import LocalChainAddress
from bot.ports import Chain, Store, Vault
from bot.routes import RPC_DEADLINE_S
from bot.start import Options
from bot.trading.intent import Mode
from bot.users import Admission, Registrar
from bot.vault.unsigned_vault import UnsignedVault

MAINNET = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
CLUSTERS = {
    MAINNET: "mainnet",
    "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG": "devnet",
    "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY": "testnet",
}
MAINNET_SLOT_MS = 400


@dataclass(frozen=True, slots=True)
class Profile:
    """`is_local` brings a chain, money and demo users of its own, may make its key, and lets the console speak for anybody.

    `mode` is the most that the profile allows, `modes` are those that a user may choose, and `newcomer` is a new one's.
    """

    name: str
    mode: Mode
    is_local: bool
    modes: tuple[Mode, ...]
    newcomer: Mode

    @property
    def sends(self) -> bool:
        """Whether an order is ever sent to the cluster."""
        return self.mode is Mode.LIVE

    @property
    def moves_money(self) -> bool:
        """Whether an order can move what is worth something."""
        return self.sends and not self.is_local

    def slot_ms(self, chosen: settings.Localnet) -> int:
        """How long a slot of its cluster is."""
        return chosen.slot_ms if self.is_local else MAINNET_SLOT_MS


PROFILES = {
    "local": Profile(
        "local", Mode.LIVE, is_local=True, modes=(Mode.LIVE, Mode.DRY_RUN, Mode.PAPER), newcomer=Mode.LIVE
    ),
    "paper": Profile("paper", Mode.PAPER, is_local=False, modes=(Mode.PAPER,), newcomer=Mode.PAPER),
    "live": Profile(
        "live", Mode.LIVE, is_local=False, modes=(Mode.LIVE, Mode.DRY_RUN, Mode.PAPER), newcomer=Mode.PAPER
    ),
}


LIVE = PROFILES["live"]


def profile_of(name: str) -> Profile:
    """The profile of a name in PROFILES; raises StartupError where it cannot run (D-04: no keys that matter as root)."""
    profile = PROFILES[name]
    if not profile.is_local and os.geteuid() == 0:
        raise StartupError(f"profile {name} does not run as root; run it as a user of its own (deploy/README.md)")
    return profile


def refuse_without_endpoints(profile: Profile, chosen: settings.Rpc) -> None:
    """Raise StartupError where the settings name no cluster for a profile that brings none: no endpoint is built in (D-29)."""
    if not profile.is_local and not chosen.urls:
        raise StartupError(
            f"profile {profile.name}: rpc.urls names no endpoint; give the cluster's in the settings file, or in"
            " BOT_RPC__URLS with commas between"
        )


def stream_urls(chosen: settings.Rpc) -> tuple[str, ...]:
    """The WebSocket address of each endpoint: as given, or by the rule of the official web3.js library.

    That is the same address with ws for http, and one port higher where the address names a port.
    """
    if chosen.ws_urls:
        if len(chosen.ws_urls) != len(chosen.urls):
            raise StartupError("rpc.ws_urls: give one for each of rpc.urls, in the same order, or none")
        return tuple(url.get_secret_value() for url in chosen.ws_urls)
    return tuple(_stream_url(url.get_secret_value()) for url in chosen.urls)


def _stream_url(url: str) -> str:
    redacted(url)
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    if parts.port is None:
        return parts._replace(scheme=scheme).geturl()
    host = parts.netloc.rpartition(":")[0]
    return parts._replace(scheme=scheme, netloc=f"{host}:{parts.port + 1}").geturl()


async def real_cluster(chosen: settings.Rpc, keys: ApiKeys) -> LocalChainAddress:
    """Where the endpoints of the settings answer, with the marks of keys, and the genesis hash that the first of them tells.

    Raises StartupError where none answers.
    """
    http_urls, ws_urls = tuple(url.get_secret_value() for url in chosen.urls), stream_urls(chosen)
    return LocalChainAddress(http_urls, ws_urls, await genesis_of(http_urls, keys), "")


async def genesis_of(urls: Sequence[str], keys: ApiKeys) -> str:
    """The genesis hash that the first endpoint to answer tells; raises StartupError where none does."""
    if not urls:
        raise StartupError("rpc.urls names no endpoint; give two, of hosts that have nothing to do with each other")
    troubles = []
    for place, url in enumerate(urls):
        async with open_http_transport(url, key=keys.of_endpoint(place)) as transport:
            try:
                return await RpcClient(transport, RPC_DEADLINE_S).genesis_hash()
            except ChainUnavailable as error:
                troubles.append(str(error))
    raise StartupError(f"none of rpc.urls tells which cluster it serves: {'; '.join(troubles)}; check them")


def cluster_name(profile: Profile, genesis_hash: str) -> str:
    """The cluster's name for people, by its genesis hash."""
    return "local" if profile.is_local else CLUSTERS.get(genesis_hash, f"cluster {genesis_hash[:8]}")


async def refuse_other_modes(store: Store, profile: Profile) -> None:
    """Raise StartupError where wallets of a mode that the profile has not are in the database: their money is of another kind.

    What such a wallet holds would be watched and sold by nobody. In profile local everybody begins with a wallet of its own
    chain: one who has none traded on paper at the prices of another cluster.
    """
    handles = {user.id: user.handle for user in await store.users()}
    wallets = await store.wallets()
    at_home = {wallet.user_id for wallet in wallets if wallet.mode is profile.newcomer or not profile.is_local}
    others = sorted(
        {
            f"{handles.get(wallet.user_id, wallet.user_id)} ({wallet.mode.value})"
            for wallet in wallets
            if wallet.mode not in profile.modes or wallet.user_id not in at_home
        }
    )
    if others:
        raise StartupError(
            f"the database has wallets of another mode, {', '.join(others[:3])}; profile {profile.name} needs a --data-dir"
            " and a database of its own"
        )


def traded_chain(profile: Profile, real: Chain, store: Store, clock: Clock, paper: settings.Paper) -> Chain:
    """The chain that orders go to: the one that fills virtual wallets at the real one's prices, or the router of modes."""
    model = LandingModel(
        latency_ms=paper.latency_ms,
        landing_bps=settings.basis_points(paper.landing_percent),
        slots_min=paper.slots_min,
        slots_max=paper.slots_max,
        seed=paper.seed,
    )
    start_lamports = settings.lamports(paper.start_sol)
    virtual = PaperChain(real, PaperBooks(store, start_lamports), model, clock)
    if profile.mode is Mode.PAPER:
        return virtual
    dry_run = DryRunChain(real, PaperBooks(store, start_lamports, Mode.DRY_RUN), model, clock)
    return ModeRouter(real, dry_run, virtual, store)


def key_ring(options: Options, say: Callable[[str], None]) -> KeyRing:
    """Where the master key of this start is looked for."""
    is_local = profile_of(options.profile).is_local
    wish = options.settings.wallets
    return KeyRing(wish.master_key_file, options.directory, is_local, say, wish.former_keys)


def signing_vault(profile: Profile, keeper: Vault, fence: Callable[[], None]) -> Vault:
    """The vault that orders are signed by: the one with the keys, but for wallets of mode paper."""
    if Mode.PAPER not in profile.modes:
        return keeper
    return UnsignedVault(keeper, fence, frozenset(profile.modes) - {Mode.PAPER})


def speakers(profile: Profile, telegram: settings.Telegram) -> Callable[[str | None], str | None]:
    """Whom the console may speak for: anybody in profile local, elsewhere the operator's own Telegram id alone."""
    if profile.is_local:
        return lambda asked: asked
    own = telegram.operator_chat_id

    def operator(asked: str | None) -> str:
        if own is None:
            raise BotError(
                "the console speaks for the operator alone: set telegram.operator_chat_id to your Telegram id"
            )
        if asked not in {None, str(own)}:
            raise BotError(f"the console speaks for the operator {own} alone in profile {profile.name}")
        return str(own)

    return operator


def registrar_of(
    profile: Profile,
    adapters: Adapters,
    chain: Chain,
    post: Callable[[bytes], Awaitable[bytes]],
    chosen: settings.Settings,
) -> Registrar:
    """Who makes users of the profile's mode; the local chain's faucet, asked by `post`, fills their wallets there alone."""
    play_money = partial(fund, chain, post, settings.lamports(chosen.localnet.demo_fund_sol))
    return Registrar(
        adapters.store,
        adapters.vault,
        adapters.clock,
        profile.newcomer,
        play_money if profile.is_local else None,
        new_user_settings(chosen),
        Admission(
            chosen.telegram.operator_ids,
            frozenset(chosen.telegram.allowed_ids) if chosen.telegram.registration == "allowlist" else None,
            frozenset(chosen.live.allowed_telegram_ids) if profile.moves_money else None,
        ),
    )
