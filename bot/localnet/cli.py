"""The command line of the local chain: run it, break it on purpose, mend it, look at it.

Exit codes: 0 done, 1 refused or failed with one line on stderr, 2 wrong usage, 3 no chain is running.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from bot.localnet.client import SUBDIRECTORY, NotRunning, Refused, ask
from bot.localnet.faults import DEFAULT_LOST_PERCENT, FORK, KINDS, SERVICES, SOURCES
from bot.localnet.rpc.base58 import ALPHABET

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
MIN_SLOT_MS, MAX_SLOT_MS = 20, 10_000
MAX_ENDPOINTS = 8


class Neighbour(Protocol):
    """A server beside the chain, broken and mended by the same verbs. `directory` is the one that the chain is asked in.

    Its methods answer as the chain's control door does, and raise its client's NotRunning and Refused.
    """

    @property
    def fault_names(self) -> tuple[str, ...]: ...

    def fault(self, directory: Path, name: str, for_s: float) -> dict[str, Any]: ...

    def clear(self, directory: Path) -> int: ...

    def faults(self, directory: Path) -> list[dict[str, Any]]: ...


def default_directory() -> Path:
    """The chain's folder in the bot's data directory: `$BOT_DATA_DIR`, `$STATE_DIRECTORY`, else under the home."""
    for name in ("BOT_DATA_DIR", "STATE_DIRECTORY"):
        if os.environ.get(name):
            return Path(os.environ[name]) / SUBDIRECTORY
    return Path.home() / ".local" / "state" / "trading-bot" / SUBDIRECTORY


def _duration_s(text: str) -> float:
    match = DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 20s, 500ms or 2m")
    return float(match[1]) * UNIT_S[match[2]]


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_534:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 (a free one) to 65534")
    return int(text)


def _endpoints(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_ENDPOINTS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of endpoints; give 1 to {MAX_ENDPOINTS}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a number from 0 to 2**63 - 1")
    return int(text)


def _hash(text: str) -> str:
    """Checked without the library behind it, which the other verbs do not load."""
    if not 32 <= len(text) <= 44 or not set(text) <= set(ALPHABET):
        raise argparse.ArgumentTypeError(f"{text!r} is no hash in base58")
    return text


def _slot_ms(text: str) -> int:
    if not text.isdecimal() or not MIN_SLOT_MS <= int(text) <= MAX_SLOT_MS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no slot length; give {MIN_SLOT_MS} to {MAX_SLOT_MS} milliseconds"
        )
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.01 <= speed <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give 0.01 to 1000 times real time")
    return speed


def _parser(beside: Sequence[str]) -> argparse.ArgumentParser:
    """`beside` are the faults of the chain's neighbour."""
    parser = argparse.ArgumentParser(
        prog="bot localnet", description="A local Solana with launches and traders; needs no network and no key."
    )
    parser.add_argument("--data-dir", type=Path, help="where the chain lives (default: localnet/ in the bot's data)")
    parser.add_argument("--port", type=_port, default=0, help="HTTP port; the WebSocket takes the next one; 0 is free")
    parser.add_argument(
        "--endpoints",
        type=_endpoints,
        default=1,
        help="RPC endpoints, two ports each, from --port on; the services beside them come behind",
    )
    parser.add_argument("--seed", type=_seed, help="seed of a new chain's market (default: random)")
    parser.add_argument(
        "--genesis-hash",
        type=_hash,
        metavar="HASH",
        help="of a new chain (default: one of its own); with a real cluster's it poses as that one for a rehearsal",
    )
    parser.add_argument("--slot-ms", type=_slot_ms, default=400, help="length of a slot in milliseconds")
    parser.add_argument("--market", type=Path, metavar="FILE", help="replay this recorded market (CSV, may be gzipped)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how much faster than recorded to replay")
    parser.add_argument("--no-market", action="store_true", help="no launches and no traders")
    parser.add_argument(
        "--listed-after",
        type=_duration_s,
        default=20.0,
        metavar="SPAN",
        help="how old a coin is when DexScreener's stand-in lists it (default: 20s)",
    )
    parser.add_argument("--parent-pid", type=int, help="end when this process, which must be the parent, ends")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    fault = verbs.add_parser("fault", help="break the running chain, or the bot's database, on purpose for a while")
    fault.add_argument("name", help=f"one of {', '.join([*KINDS, FORK, *beside])}")
    fault.add_argument("--for", dest="for_s", type=_duration_s, help="how long, as in 20s or 500ms; not for fork")
    fault.add_argument("--delay-ms", type=int, default=0, help="delay per request, for rpc-slow")
    fault.add_argument("--source", choices=SOURCES, help="of which source of launches, for faults of streams")
    fault.add_argument("--slots", type=int, help="how many of the newest slots fork takes back, 1 to 32")
    fault.add_argument("--lost-percent", type=int, help="how much of what was in them never lands again, 0 to 100")
    clear = verbs.add_parser("clear", help="end every fault, the database's too")
    status = verbs.add_parser("status", help="slot, height, launches, faults, transactions")
    for verb in (fault, clear):
        verb.add_argument(
            "--endpoint",
            default="all",
            metavar="NAME",
            help=f"rpc-1, rpc-2, ..., {', '.join((*SERVICES, *SOURCES))}, or all, the default",
        )
    for verb in (fault, clear, status):
        verb.add_argument("--data-dir", type=Path, default=argparse.SUPPRESS, help="data directory of the chain")
        verb.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(argv: Sequence[str], neighbour: Neighbour | None = None) -> int:
    """Run `bot localnet` with these arguments (without the program's name); the exit code."""
    beside = neighbour.fault_names if neighbour is not None else ()
    try:
        arguments = _parsed(_parser(beside), argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    directory = (arguments.data_dir or default_directory()).expanduser().absolute()
    if arguments.verb is None:
        return _run(arguments, directory)
    try:
        answer = _answer(arguments, directory, neighbour)
    except NotRunning as error:
        print(f"localnet: {error}", file=sys.stderr)
        return 3
    except Refused as error:
        print(f"localnet: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer) if arguments.json else _in_words(arguments.verb, answer))
    return 0


def _parsed(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; a fork happens at once and takes slots, every other fault takes a duration."""
    arguments = parser.parse_args(argv)
    if arguments.verb != "fault":
        return arguments
    if arguments.source is not None:
        kind = KINDS.get(arguments.name)
        if kind is None or not kind.of_streams or arguments.endpoint != "all":
            parser.error("--source is for faults of streams, and in the place of --endpoint")
        arguments.endpoint = arguments.source
    if arguments.name != FORK:
        if arguments.for_s is None or arguments.slots is not None or arguments.lost_percent is not None:
            parser.error(f"{arguments.name} takes --for, and neither --slots nor --lost-percent")
    elif arguments.slots is None or arguments.for_s is not None or arguments.delay_ms or arguments.endpoint != "all":
        parser.error("fork takes --slots and --lost-percent alone; it happens at once, for every endpoint")
    return arguments


def _answer(arguments: argparse.Namespace, directory: Path, neighbour: Neighbour | None) -> dict[str, Any]:
    """Ask the chain, its neighbour, or both. Raises NotRunning and Refused."""
    everywhere = arguments.verb == "status" or arguments.endpoint == "all"
    if neighbour is None:
        return ask(directory, **_request(arguments))
    known = {*KINDS, FORK, *neighbour.fault_names}
    if arguments.verb == "fault" and arguments.name not in known:
        raise Refused(f"unknown fault {arguments.name}; known: {', '.join(sorted(known))}")
    if arguments.verb == "fault" and arguments.name in neighbour.fault_names:
        if not everywhere or arguments.delay_ms:
            raise Refused(f"{arguments.name} is a fault of the database; it takes no --endpoint and no --delay-ms")
        return neighbour.fault(directory, arguments.name, arguments.for_s)
    if arguments.verb == "clear" and everywhere:
        ended = neighbour.clear(directory)  # first: a chain that does not answer must not keep the database away
        answer = ask(directory, **_request(arguments))
        return answer | {"cleared": answer["cleared"] + ended}
    answer = ask(directory, **_request(arguments))
    if arguments.verb == "status":
        answer["status"]["faults"] += neighbour.faults(directory)
    return answer


def _request(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the chain's control door is asked."""
    if arguments.verb == "fault" and arguments.name == FORK:
        lost_percent = DEFAULT_LOST_PERCENT if arguments.lost_percent is None else arguments.lost_percent
        return {"do": FORK, "slots": arguments.slots, "lost_percent": lost_percent}
    request: dict[str, Any] = {"do": arguments.verb}
    if arguments.verb != "status":
        request["endpoint"] = arguments.endpoint
    if arguments.verb == "fault":
        request |= {"name": arguments.name, "for_s": arguments.for_s, "delay_ms": arguments.delay_ms}
    return request


def _in_words(verb: str, answer: dict[str, object]) -> str:
    if verb == "clear":
        return f"{answer['cleared']} fault(s) ended"
    facts = answer["status"] if verb == "status" else {key: value for key, value in answer.items() if key != "ok"}
    assert isinstance(facts, dict)
    if isinstance(fork := facts.get(FORK), dict):
        facts = {FORK: _fork_in_short(fork)}
    if isinstance(forks := facts.get("forks"), list):
        facts = {**facts, "forks": [_fork_in_short(one) for one in forks]}
    lines = []
    for name, value in facts.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        lines += [f"{f'{name} {part}':<24}{one if isinstance(one, str) else json.dumps(one)}" for part, one in parts]
    return "\n".join(lines)


def _fork_in_short(fork: dict[str, Any]) -> dict[str, str]:
    """How much a fork took back; `--json` has each slot and each signature, which may be hundreds."""
    skipped = fork["skipped_slots"]
    counts = {name: len(fork[name]) for name in ("landed_again", "queued_again", "lost")}
    return {
        "skipped_slots": f"{len(skipped)}, {skipped[0]} to {skipped[-1]}; slot {fork['stayed_slot']} stays",
        "transactions": ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()),
        "signatures": "with --json",
    }


def _run(arguments: argparse.Namespace, directory: Path) -> int:
    if arguments.market is not None and arguments.no_market:
        print("localnet: --market and --no-market contradict each other", file=sys.stderr)
        return 2
    from bot.localnet.process import Options, run

    return run(
        Options(
            directory=directory,
            port=arguments.port,
            seed=arguments.seed,
            genesis_hash=arguments.genesis_hash,
            slot_ms=arguments.slot_ms,
            market_file=arguments.market,
            speed=arguments.speed,
            market=not arguments.no_market,
            parent_pid=arguments.parent_pid,
            endpoints=arguments.endpoints,
            listed_after_s=arguments.listed_after,
        )
    )
