"""What `[streams]` may say, and what is refused before anything starts."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from trio.testing import MockClock

from bot.api_keys import ApiKeys
from bot.chain.pump_chain import PumpChain
from bot.chain.wallet_hints import EnhancedHints
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import system_clock
from bot.errors import StartupError
from bot.local_chain import LocalChainAddress
from bot.localnet.inprocess import InProcessChain
from bot.ports import WalletNews
from bot.routes import launch_stream, stream_terms, wallet_news
from bot.settings import Settings, Streams, Tracking
from tests.chain.chain_doubles import InProcessTransport
from tests.chain.chain_scenario import endpoints

REAL = LocalChainAddress(("http://127.0.0.1:1",), ("ws://127.0.0.1:2",), "g", "")
LOCAL = LocalChainAddress(REAL.http_urls, REAL.ws_urls, "g", "", "ws://127.0.0.1:3/api", "http://127.0.0.1:4")


def _names(cluster: LocalChainAddress, **streams: Any) -> list[tuple[str, str]]:
    """The sources by name and state that these settings make."""
    pool = endpoints([InProcessTransport(InProcessChain(seed=1))], system_clock())
    settings = Settings(streams=Streams(**streams))
    made = launch_stream(
        cluster,
        pool,
        PumpChain(pool),
        system_clock(),
        settings,
        terms=stream_terms(pool, ApiKeys(), 400),
    )
    return [(one.name, one.state) for one in made.sources()]


async def test_sources_stand_in_the_order_of_the_settings(autojump_clock: MockClock) -> None:
    assert [name for name, _ in _names(REAL)] == ["logs"]
    every = ("grpc", "pumpportal", "logs", "polling")
    assert [name for name, _ in _names(LOCAL, sources=every)] == list(every)
    assert [name for name, _ in _names(LOCAL, sources=("polling",))] == ["polling"]
    told = {"grpc_url": SecretStr("https://a.test/key"), "pumpportal_url": "wss://b.test/api"}
    assert [name for name, _ in _names(REAL, sources=every, **told)] == list(every)


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        ({"sources": ("logs", "grpc")}, r"give its address in streams\.grpc_url"),
        ({"sources": ("logs", "grpc"), "grpc_url": SecretStr("a.test:10000")}, r"streams\.grpc_url must begin"),
        ({"sources": ("logs", "pumpportal")}, r"give its address in streams\.pumpportal_url"),
        (
            {"sources": ("pumpportal",), "pumpportal_url": "wss://b.test"},
            r"tells no trades without streams\.pumpportal_key",
        ),
    ],
)
async def test_sources_that_cannot_be_had_are_refused_at_start(
    autojump_clock: MockClock, streams: dict[str, Any], told: str
) -> None:
    with pytest.raises(StartupError, match=told):
        _names(REAL, **streams)


async def test_without_its_library_a_geyser_stream_is_refused_with_the_cure(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("bot.chain.grpc_call", raising=False)
    monkeypatch.setitem(sys.modules, "bot.chain.grpc_call", None)
    with pytest.raises(StartupError, match="needs the library h2"):
        _names(LOCAL, sources=("logs", "grpc"))


@pytest.mark.parametrize("sources", [(), ("logs", "logs"), ("polling", "logs"), ("radio",)])
def test_a_row_of_sources_that_means_nothing_is_refused(sources: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="sources"):
        Streams(sources=sources)


def test_the_environment_names_sources_with_commas() -> None:
    assert Streams.model_validate({"sources": "logs, polling"}).sources == ("logs", "polling")


async def test_followed_wallets_are_heard_of_as_the_settings_say(autojump_clock: MockClock) -> None:
    terms = stream_terms(endpoints([InProcessTransport(InProcessChain(seed=1))], system_clock()), ApiKeys(), 400)

    def made(cluster: LocalChainAddress, *, is_local: bool = False, **tracking: Any) -> WalletNews | None:
        settings = Settings(tracking=Tracking(**tracking))
        return wallet_news(cluster, lambda: 0, settings, terms=terms, is_local=is_local)

    assert made(REAL) is None
    assert isinstance(made(LOCAL, source="grpc"), GeyserWallets)
    assert isinstance(made(REAL, source="helius", is_local=True), EnhancedHints)
    key = SecretStr("wss://a.test/?api-key=s3kret")
    hints = made(REAL, source="helius", helius_url=key)
    assert "s3kret" not in repr(hints)
    with pytest.raises(StartupError, match=r"tracking\.source names grpc; give its address in streams\.grpc_url"):
        made(REAL, source="grpc")
    for url in (None, SecretStr("https://a.test")):
        with pytest.raises(StartupError, match=r"give its address in tracking\.helius_url"):
            made(REAL, source="helius", helius_url=url)
