"""A start on a real cluster whose endpoint has its key in a file, and what happens when that file changes."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
import trio

from bot import routes
from bot.api_keys import read_keys
from bot.clock import system_clock
from bot.errors import StartupError
from bot.ports import EndpointHealth
from bot.profiles import real_cluster
from bot.start import Options, read_options
from tests.chain.test_chain_keys import GENESIS, IN_PATH, NEW, OLD, WRONG, doors

pytestmark = pytest.mark.usefixtures("private_files")

LOOK_S = 0.005


def options_for(folder: Path, *ports: int) -> Options:
    """Profile paper over these doors, the first of them with a key in a file."""
    (folder / "rpc-1.key").write_text(OLD)
    urls = [f"'http://127.0.0.1:{port}/?key={OLD if place else '{key}'}'" for place, port in enumerate(ports)]
    (folder / "bot.toml").write_text(
        f"[rpc]\nurls = [{', '.join(urls)}]\n[[rpc.endpoints]]\nname = 'rpc-1'\nkey_file = '{folder}/rpc-1.key'\n"
    )
    return read_options(Namespace(config=None, supervision=None, market=None, profile="paper", speed=1.0), folder)


async def replaced(folder: Path, key: str) -> None:
    new = trio.Path(folder / "new")
    await new.write_text(key)
    await new.replace(folder / "rpc-1.key")


async def test_a_running_pool_takes_a_new_key_from_the_file_and_tells_a_wrong_one(tmp_path: Path) -> None:
    async with doors(2) as [first, second]:
        first.accepted = {OLD, IN_PATH[NEW]}
        options = options_for(tmp_path, first.port, second.port)
        keys = read_keys(options.settings, is_local=False)
        cluster = await real_cluster(options.settings.rpc, keys)
        assert cluster.genesis_hash == GENESIS
        assert OLD not in cluster.http_urls[0] + cluster.ws_urls[0]
        async with (
            routes.pool(cluster, system_clock(), options, keys) as (_, endpoints),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(keys.keep, LOOK_S)

            async def until(key: str, state: str) -> EndpointHealth:
                while first.heard[-1] != IN_PATH[key] or endpoints.health()[0].state != state:
                    await endpoints.probe()
                    await trio.sleep(LOOK_S)
                return endpoints.health()[0]

            await until(OLD, "up")
            await replaced(tmp_path, NEW)
            await until(NEW, "up")
            await replaced(tmp_path, WRONG)
            assert "its key is not accepted" in (await until(WRONG, "unauthorized")).detail
            await replaced(tmp_path, "not a key")
            while not endpoints.health()[0].detail.endswith("holds no key; the key from before is used"):
                await trio.sleep(LOOK_S)
            await replaced(tmp_path, NEW)
            assert (await until(NEW, "up")).detail == ""
            nursery.cancel_scope.cancel()
        assert OLD not in first.heard[first.heard.index(IN_PATH[NEW]) :]


async def test_a_start_whose_key_is_wrong_or_missing_says_so_without_it(tmp_path: Path) -> None:
    async with doors(1) as [only]:
        options = options_for(tmp_path, only.port)
        await replaced(tmp_path, WRONG)
        with pytest.raises(StartupError, match="its key is not accepted") as refused:
            await real_cluster(options.settings.rpc, read_keys(options.settings, is_local=False))
        assert WRONG not in str(refused.value)
        (tmp_path / "rpc-1.key").unlink()
        with pytest.raises(StartupError, match=r"key_file of rpc-1: .* cannot be read: No such file"):
            read_keys(options.settings, is_local=False)
        assert not read_keys(options.settings, is_local=True).endpoints[0]
