"""The one-way doors of the architecture, on this checkout and on small trees with a wrong import planted in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.doors import check

ROOT = Path(__file__).parent.parent

PLANTED = {
    "the money rules know no event loop": (
        {"bot/trading/risk_gate.py": "import trio\n"},
        "bot/trading/risk_gate.py:1: bot.trading is pure and may not import trio",
    ),
    "the money rules know no clock": (
        {"bot/trading/exits.py": "\nfrom datetime import datetime\n"},
        "bot/trading/exits.py:2: bot.trading is pure and may not import datetime",
    ),
    "the money rules do not log": (
        {"bot/trading/fill.py": "def f():\n    import structlog\n"},
        "bot/trading/fill.py:2: bot.trading is pure and may not import structlog",
    ),
    "a lower room does not look up": (
        {"bot/trading/signal.py": "from bot.analysis.features import Features\n", "bot/analysis/features.py": ""},
        "bot/trading/signal.py:1: bot.trading may not import bot.analysis.features",
    ),
    "siblings never see each other": (
        {"bot/chain/rpc.py": "from bot import storage\n", "bot/storage/__init__.py": ""},
        "bot/chain/rpc.py:1: bot.chain may not import bot.storage (siblings never see each other)",
    ),
    "annotations are knowledge too": (
        {
            "bot/web/page.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bot.control import Door\n",
            "bot/control.py": "",
        },
        "bot/web/page.py:3: bot.web may not import bot.control (siblings never see each other)",
    ),
    "an actor never sees an adapter": (
        {"actors/sniper.py": "import bot.chain.rpc\n", "bot/chain/rpc.py": ""},
        "actors/sniper.py:1: actors.sniper may not import bot.chain.rpc: actors know rules and ports, never an adapter",
    ),
    "an actor never sees the settings": (
        {"actors/sniper.py": "from bot import settings\n", "bot/settings.py": ""},
        "actors/sniper.py:1: actors.sniper may not import bot.settings: actors know rules and ports, never an adapter",
    ),
    "actors never import each other": (
        {"actors/sniper.py": "from . import executor\n", "actors/executor.py": ""},
        "actors/sniper.py:1: actors.sniper may not import actors.executor: actors are handed ports, only the desk routes",
    ),
    "the runtime imports nothing of ours": (
        {"actors/runtime/cell.py": "from bot.errors import BotError\n", "bot/errors.py": ""},
        "actors/runtime/cell.py:1: actors.runtime stands alone and may not import bot.errors",
    ),
    "the local chain imports nothing of ours": (
        {"bot/localnet/chain.py": "from ..trading import curve\n", "bot/trading/curve.py": ""},
        "bot/localnet/chain.py:1: bot.localnet stands alone and may not import bot.trading.curve",
    ),
    "only who puts the program together sees the local chain": (
        {"bot/chain/rpc.py": "import bot.localnet.chain\n", "bot/localnet/chain.py": ""},
        "bot/chain/rpc.py:1: bot.chain may not import bot.localnet, only bot.app, bot.backtest, bot.cli, bot.database_faults may",
    ),
    "the command line starts without the app": (
        {"bot/cli.py": "from bot import app\n", "bot/app.py": ""},
        "bot/cli.py:1: bot.cli may import bot.app only inside the function that serves `run`",
    ),
    "the ports are imported from their package": (
        {"actors/sniper.py": "from bot.ports.chain import Chain\n", "bot/ports/chain.py": ""},
        "actors/sniper.py:1: actors.sniper may not import bot.ports.chain: every name is in bot.ports itself",
    ),
    "a file of the ports has the doors of its room": (
        {"bot/ports/chain.py": "from bot.execution import pipeline\n", "bot/execution/pipeline.py": ""},
        "bot/ports/chain.py:1: bot.ports may not import bot.execution.pipeline",
    ),
    "nothing heavy is loaded while the bot starts": (
        {
            "bot/app.py": "def run():\n    from bot.analysis import model\n",
            "bot/analysis/model.py": "import lightgbm\n",
        },
        "bot/analysis/model.py:1: lightgbm would be loaded while the bot starts",
    ),
    "asyncio stays in storage": (
        {"bot/chain/rpc.py": "import asyncio\n"},
        "bot/chain/rpc.py:1: asyncio may be imported only in bot.storage",
    ),
    "asyncio stays on the island": (
        {"bot/storage/cluster.py": "import trio\nimport asyncio\n"},
        "bot/storage/cluster.py:2: asyncio belongs into bot.storage.island and files that run asyncpg on it",
    ),
    "the database driver stays in storage": (
        {"bot/execution/pipeline.py": "import asyncpg\n"},
        "bot/execution/pipeline.py:1: asyncpg may be imported only in bot.storage",
    ),
    "keys stay in the vault": (
        {"bot/storage/users.py": "from cryptography.hazmat.primitives import hashes\n"},
        "bot/storage/users.py:1: cryptography may be imported only in bot.vault",
    ),
    "Solana's types stay at the chain": (
        {"bot/ports/chain.py": "from solders.pubkey import Pubkey\n"},
        "bot/ports/chain.py:1: solders may be imported only in bot.chain, bot.vault, bot.localnet",
    ),
    "the wall clock has one room": (
        {"actors/sniper.py": "from time import monotonic\n"},
        "actors/sniper.py:1: time may be imported only in bot.clock, actors.runtime, bot.localnet",
    ),
    "chance has one room": (
        {"bot/execution/pipeline.py": "import importlib\nimportlib.import_module('random')\n"},
        "bot/execution/pipeline.py:2: random may be imported only in bot.clock, actors.runtime, bot.localnet",
    ),
    "a new folder has a room": (
        {"bot/helpers/__init__.py": "from bot.errors import BotError\n", "bot/errors.py": ""},
        "bot/helpers/__init__.py:1: bot.helpers belongs to no room: name it in tests/doors.py before it imports ours",
    ),
    "a new file beside the app is a part of it": (
        {"bot/execution/pipeline.py": "from bot import tree\n", "bot/tree.py": ""},
        "bot/execution/pipeline.py:1: bot.execution may not import bot.tree",
    ),
}


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def test_every_import_of_this_checkout_goes_through_a_door() -> None:
    assert not [str(wrong) for wrong in check(ROOT)]


@pytest.mark.parametrize(("files", "told"), PLANTED.values(), ids=PLANTED)
def test_a_planted_import_is_named_by_file_line_and_rule(tmp_path: Path, files: dict[str, str], told: str) -> None:
    assert told in [str(wrong) for wrong in check(_tree(tmp_path, files))]


def test_the_right_directions_pass(tmp_path: Path) -> None:
    files = {
        "bot/errors.py": "",
        "bot/settings.py": "from bot import errors\n",
        "bot/trading/units.py": "import re\nfrom bot.errors import BotError\n",
        "bot/ports/__init__.py": "from bot.ports.store import Store\n",
        "bot/ports/store.py": "from bot.ports.chain import Chain\n",
        "bot/ports/chain.py": "from bot.trading.units import BPS\n",
        "bot/storage/island.py": "import asyncio\nimport trio\n",
        "bot/storage/orders.py": "import asyncio\nimport asyncpg\nfrom bot.storage import island\n",
        "actors/runtime/__init__.py": "import time\n",
        "actors/executor.py": "from actors.runtime import Actor\nfrom bot.ports import Store\n",
        "actors/desk.py": "from actors.executor import Executor\n",
        "bot/app.py": "from actors import desk\nfrom bot import localnet, settings\nfrom bot.storage import orders\n",
        "bot/localnet/__init__.py": "",
        "bot/cli.py": "def run():\n    from bot import app\n",
        "bot/analysis/model.py": "def train():\n    import lightgbm\n",
    }
    assert check(_tree(tmp_path, files)) == []


def test_the_command_line_loads_neither_trio_nor_the_app() -> None:
    program = (
        "import bot.cli, sys; print(sorted({'trio', 'bot.app', 'lightgbm', 'polars', 'solders'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
