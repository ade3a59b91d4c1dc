"""The keys of everybody beside the RPC endpoints: in files that are read again, and handed over by systemd as credentials."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
import trio
from structlog.testing import capture_logs

from bot import routes
from bot.api_keys import DOLLARS, GRPC, HEARTBEAT, PORTAL, SERVICES, TELEGRAM, ApiKeys, read_keys
from bot.chain.protobuf import bytes_field, number_field
from bot.chain.pump_chain import PumpChain
from bot.clock import system_clock
from bot.errors import DollarsUnavailable, StartupError
from bot.execution.alerts import Alert
from bot.execution.endpoint_watch import EndpointWatch
from bot.keys import KEY_VARIABLE
from bot.local_chain import LocalChainAddress
from bot.localnet.inprocess import InProcessChain
from bot.market.sol_price import open_sol_price
from bot.settings import Settings, load
from bot.start import read_options
from tests.chain.chain_doubles import InProcessTransport
from tests.chain.chain_scenario import endpoints
from tests.chain.test_chain_keys import IN_PATH, NEW, OLD, WRONG, doors
from tests.market.test_sol_price import serving

pytestmark = pytest.mark.usefixtures("private_files")

WITHIN_S = 10
LOOK_S = 0.005
PEOPLE = ("twitter", "reddit", "discord", "coins", "moods")
BOT_TOKEN = "123456:abcdefghijklmnopqrstuvwxyz_ABCDEFGH"

FILES = """
[streams]
grpc_token_file = "grpc"
pumpportal_key_file = "portal"
[helius]
url = "https://fees.test/?api-key={key}"
key_file = "fees"
[tracking]
helius_url = "wss://wallets.test/?api-key={key}"
helius_key_file = "wallets"
[usd]
url = "https://price.test/v3"
key_file = "usd"
[block_engine]
key_file = "engine"
[jupiter]
key_file = "router"
[birdeye]
url = "https://tokens.test"
key_file = "tokens"
[twitter]
url = "https://x.test"
key_file = "twitter"
[reddit]
url = "https://reddit.test"
token_url = "https://granted.test"
client_id = "mine"
key_file = "reddit"
[discord]
url = "https://discord.test"
key_file = "discord"
channels = ["123456"]
[coingecko]
url = "https://coins.test"
key_file = "coins"
[lunarcrush]
url = "https://moods.test"
key_file = "moods"
[telegram]
token_file = "token"
[alerts]
webhook_url_file = "hook"
heartbeat_url_file = "beat"
"""


def credentials(folder: Path) -> Path:
    """A folder as systemd makes it for one unit: only its owner may read, and nobody writes."""
    made = folder / "credentials"
    made.mkdir()
    for name in ("grpc", "portal", "fees", "wallets", "usd", "engine", "router", "tokens", *PEOPLE):
        (made / name).write_text(f"{OLD}-{name}\n")
    (made / "token").write_text(f"{BOT_TOKEN}\n")
    for name in ("hook", "beat"):
        (made / name).write_text(f"https://{name}.test/{OLD}\n")
    for one in made.iterdir():
        one.chmod(0o400)
    made.chmod(0o500)
    return made


def test_bare_names_are_those_of_credentials_where_systemd_hands_them_over(tmp_path: Path) -> None:
    made = credentials(tmp_path)
    (tmp_path / "bot.toml").write_text(FILES)
    chosen = load(tmp_path / "bot.toml", {"CREDENTIALS_DIRECTORY": str(made)})
    keys = read_keys(chosen, is_local=False)
    assert set(keys.services) == set(SERVICES)
    told = {setting: key() for setting in SERVICES if (key := keys.of_service(setting)) is not None}
    assert told[GRPC] == f"{OLD}-grpc"
    assert told[TELEGRAM] == BOT_TOKEN
    assert told[HEARTBEAT] == f"https://beat.test/{OLD}"
    assert OLD not in repr(keys)
    assert BOT_TOKEN not in repr(keys)


def test_the_master_key_and_an_endpoints_key_may_be_credentials_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(made))
    monkeypatch.setenv("BOT_WALLETS__MASTER_KEY_FILE", "master-key")
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (tmp_path / "bot.toml").write_text(
        "[rpc]\nurls = ['https://a.test/{key}']\n[[rpc.endpoints]]\nname = 'rpc-1'\nkey_file = 'rpc-1'\n"
    )
    options = read_options(Namespace(config=None, supervision=None, market=None, profile="paper", speed=1.0), tmp_path)
    assert options.settings.wallets.master_key_file == made / "master-key"
    assert options.settings.rpc.endpoints[0].key_file == made / "rpc-1"


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        ("token", {}, "token"),
        ("/etc/token", {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}, "/etc/token"),
        ("keys/token", {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}, "keys/token"),
        ("token", {"CREDENTIALS_DIRECTORY": ""}, "token"),
        ("token", {"CREDENTIALS_DIRECTORY": "/run/credentials/x"}, "/run/credentials/x/token"),
    ],
)
def test_other_names_stay_what_they_are(given: str, environment: dict[str, str], found: str) -> None:
    chosen = load(None, {"BOT_TELEGRAM__TOKEN_FILE": given, **environment})
    assert chosen.telegram.token_file == Path(found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[helius]\nkey_file = 'x'", r"helius\.url has no \{key\}"),
        ("[helius]\nurl = 'https://a.test/{key}'", r"no helius\.key_file fills it"),
        ("[helius]\nurl = 'https://a.test/secret'\nkey_file = 'x'", r"helius\.url has no \{key\}"),
        ("[tracking]\nhelius_url = 'wss://a.test/{key}'", r"no tracking\.helius_key_file fills it"),
        ("[tracking]\nhelius_key_file = 'x'", r"tracking\.helius_url has no \{key\}"),
        ("[usd]\nurl = 'https://a.test/{key}'", r"no usd\.key_file fills it"),
        ("[usd]\nkey_file = 'x'", r"usd\.url has no \{key\}"),
        ("[streams]\ngrpc_token = 'secret'\ngrpc_token_file = 'x'", "grpc_token_file are both set"),
        ("[streams]\npumpportal_key = 'secret'\npumpportal_key_file = 'x'", "pumpportal_key_file are both set"),
    ],
)
def test_a_key_without_its_place_is_refused_and_so_is_a_place_without_a_key(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "bot.toml").write_text(text)
    with pytest.raises(StartupError, match=told) as refused:
        load(tmp_path / "bot.toml", {})
    assert "secret" not in str(refused.value)
    assert "a.test" not in str(refused.value)


async def replaced(path: Path, key: str) -> None:
    new = trio.Path(path.with_suffix(".new"))
    await new.write_text(key)
    await new.replace(path)


async def found(keys: ApiKeys, setting: str) -> str:
    """The key of now, after the file was looked at often enough."""
    file = keys.services[setting]
    await file.look()
    await file.look()
    return file.text()


async def test_a_token_of_another_bot_of_telegram_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(BOT_TOKEN)
    keys = read_keys(Settings.model_validate({"telegram": {"token_file": path}}), is_local=True)
    for wrong in (BOT_TOKEN.replace("123456", "123457"), "123456", f"{BOT_TOKEN}/getMe", OLD):
        await replaced(path, wrong)
        assert await found(keys, TELEGRAM) == BOT_TOKEN
        assert "it holds no token of this bot; the key from before is used" in keys.services[TELEGRAM].trouble
        assert wrong not in keys.services[TELEGRAM].trouble
    await replaced(path, BOT_TOKEN[::-1].replace("654321", "")[:20])
    await replaced(path, BOT_TOKEN.replace("abc", "xyz"))
    assert await found(keys, TELEGRAM) == BOT_TOKEN.replace("abc", "xyz")
    assert keys.services[TELEGRAM].trouble == ""


class NoBudget:
    """A guard that nobody asks to close anything."""

    def pause(self, name: str, *, by: str, why: str) -> None:
        raise AssertionError(name)

    def resume(self, name: str) -> None:
        assert name == "rpc_budget"


async def test_an_operator_hears_of_a_file_that_stays_without_a_key_once_and_of_its_end(tmp_path: Path) -> None:
    path, told = tmp_path / "usd", list[Alert]()
    path.write_text(OLD)
    wish = {"usd": {"url": "https://a.test/{key}", "key_file": path}}
    keys = read_keys(Settings.model_validate(wish), is_local=True)
    watch = EndpointWatch(told.append, NoBudget(), keys.troubles)

    async def looked_after(content: str, looks: int) -> list[str]:
        await replaced(path, content)
        for _ in range(looks):
            await found(keys, DOLLARS)
            watch.look([])
        return [alert.turn.name for alert in told]

    assert await looked_after("", 1) == []
    assert await looked_after(OLD, 1) == [], "somebody replaced it in two steps"
    assert await looked_after("not a key", 5) == ["BEGINS"]
    assert await looked_after(NEW, 3) == ["BEGINS", "ENDS"]
    assert "usd.key_file: " in told[0].text
    assert "holds no key; the key from before is used" in told[0].text
    assert not [key for key in (OLD, NEW, "not a key") if key in f"{told}"]


async def test_whoever_tells_what_a_sol_costs_hears_the_key_of_now(tmp_path: Path) -> None:
    path, heard = tmp_path / "usd", list[str]()
    path.write_text(OLD)

    def answer(target: bytes) -> bytes | None:
        heard.append(target.decode().partition("key=")[2].partition("&")[0])
        return None

    with trio.fail_after(WITHIN_S):
        async with serving(answer) as base, doors() as [door]:
            for url in (f"{base}/price/v3?key={{key}}", f"http://127.0.0.1:{door.port}/price/v3"):
                await replaced(path, OLD)
                wish = {"usd": {"url": url, "key_file": path}}
                keys = read_keys(Settings.model_validate(wish), is_local=True)
                async with open_sol_price(url, keys.of_service(DOLLARS)) as source:
                    assert source is not None
                    for key in (OLD, NEW):
                        await replaced(path, key)
                        assert await found(keys, DOLLARS) == key
                        with pytest.raises(DollarsUnavailable) as refused:
                            await source.micro_usd()
                        assert key not in f"{refused.value!r} {refused.value.__context__!r} {source!r}"
            assert heard == [OLD, IN_PATH[NEW]]
            assert door.heard == [OLD, NEW]


class _Wire:
    """One connection of HTTP/2, written to by several tasks."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._lock = trio.Lock()
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)

    async def flush(self) -> None:
        async with self._lock:
            if data := self.connection.data_to_send():
                await self._stream.send_all(data)


@dataclass
class TokenDoor:
    """A Geyser service at the wire: it tells a slot every few milliseconds to whoever has an accepted token."""

    accepted: set[str]
    standing: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    slot: int = 300_000_000
    port: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        wire = _Wire(stream)
        try:
            async with stream, trio.open_nursery() as nursery:
                wire.connection.initiate_connection()
                await wire.flush()
                while data := await stream.receive_some(65_536):
                    for event in wire.connection.receive_data(data):
                        if isinstance(event, h2.events.RequestReceived):
                            token = dict(event.headers or [])["x-token"]
                            nursery.start_soon(self._call, wire, event.stream_id, str(token))
                    await wire.flush()
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, h2.exceptions.ProtocolError):
            pass

    async def _call(self, wire: _Wire, number: int, token: str) -> None:
        self.heard.append(token)
        wire.connection.send_headers(number, [(":status", "200"), ("content-type", "application/grpc")])
        if token not in self.accepted:
            wire.connection.send_headers(number, [("grpc-status", "16")], end_stream=True)
            await wire.flush()
            return
        self.standing.append(token)
        try:
            while True:
                self.slot += 1
                update = bytes_field(3, number_field(1, self.slot))
                wire.connection.send_data(number, b"\0" + len(update).to_bytes(4, "big") + update)
                await wire.flush()
                await trio.sleep(LOOK_S)
        finally:
            self.standing.remove(token)


@asynccontextmanager
async def token_door() -> AsyncIterator[TokenDoor]:
    door = TokenDoor({OLD})
    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, door.serve, 0, host="127.0.0.1"))
            door.port = listeners[0].socket.getsockname()[1]
            yield door
            nursery.cancel_scope.cancel()


async def test_a_geyser_stream_takes_a_new_token_from_its_file_and_keeps_the_old_call_under_a_wrong_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "token"
    path.write_text(OLD)
    pool = endpoints([InProcessTransport(InProcessChain(seed=1))], system_clock())
    with capture_logs() as logged:
        async with token_door() as door:
            wish = {"sources": ("grpc",), "grpc_url": f"http://127.0.0.1:{door.port}", "grpc_token_file": path}
            chosen = Settings.model_validate({"streams": wish})
            keys = read_keys(chosen, is_local=False)
            stream = routes.launch_stream(
                LocalChainAddress(("http://127.0.0.1:1",), ("ws://127.0.0.1:2",), "g", ""),
                pool,
                PumpChain(pool),
                system_clock(),
                chosen,
                terms=routes.stream_terms(pool, keys, 400),
            )

            async def until_standing(*tokens: str) -> None:
                while door.standing != list(tokens):
                    await trio.sleep(LOOK_S)

            async with stream.events(), trio.open_nursery() as nursery:
                nursery.start_soon(keys.keep, LOOK_S)
                await until_standing(OLD)
                await replaced(path, WRONG)
                while WRONG not in door.heard:
                    await trio.sleep(LOOK_S)
                assert door.standing == [OLD]
                door.accepted.add(NEW)
                await replaced(path, NEW)
                await until_standing(NEW)
                assert [one.state for one in stream.sources()] == ["up"]
                nursery.cancel_scope.cancel()
    events = [one["event"] for one in logged]
    assert events.count("new_key_taken") == 1
    assert "launch_source_lost" not in events
    assert not [key for key in (OLD, NEW, WRONG) if key in f"{logged} {keys!r} {stream!r}"]


async def test_a_portal_whose_key_is_in_a_file_tells_trades(tmp_path: Path) -> None:
    await trio.lowlevel.checkpoint()
    (tmp_path / "key").write_text(OLD)
    wish = {"sources": ("pumpportal",), "pumpportal_url": "wss://b.test/api", "pumpportal_key_file": tmp_path / "key"}
    chosen = Settings.model_validate({"streams": wish})
    keys = read_keys(chosen, is_local=False)
    assert keys.of_service(PORTAL) is not None
    pool = endpoints([InProcessTransport(InProcessChain(seed=1))], system_clock())
    cluster = LocalChainAddress(("http://127.0.0.1:1",), ("ws://127.0.0.1:2",), "g", "")
    made = routes.launch_stream(
        cluster, pool, PumpChain(pool), system_clock(), chosen, terms=routes.stream_terms(pool, keys, 400)
    )
    assert [one.name for one in made.sources()] == ["pumpportal"]
