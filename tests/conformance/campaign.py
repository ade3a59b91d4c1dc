"""Clients that others wrote drive the local chain, unmodified: `make conformance`.

solana-py, @solana/web3.js and the launchpad's own SDKs are installed as they are published, the latter by the lock file
beside this one into a folder in the user's cache. They meet the chain as a process behind its sockets and know nothing
else of it. A table says what each of them did; the exit code is 1 when anything failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SCRIPTS = ("report.mjs", "web3.mjs", "launchpad.mjs")
SLOT_MS = 100
CLIENT_AT_MOST_S = 180
INSTALL_AT_MOST_S = 300
ENDS_WITHIN_S = 10
WIDTH = 72


class CannotRun(Exception):
    """The clients or the chain cannot be started; the text is one line and says what is missing."""


@dataclass(frozen=True, slots=True)
class Client:
    """One program that drives the chain. `name` says which libraries it tries."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that a client did, what it showed, and why it failed, None when it did not."""

    did: str
    showed: str
    failed: str | None


def main(argv: Sequence[str] | None = None) -> int:
    """Install, drive, print the table; the exit code."""
    parser = argparse.ArgumentParser(prog="campaign", description="Drive the local chain with clients of others.")
    parser.add_argument("--only", metavar="TEXT", default="", help="the clients whose name has this text")
    arguments = parser.parse_args(argv)
    try:
        clients = [client for client in _clients(_installed()) if arguments.only in client.name]
        with _running_chain() as (urls, complaints):
            failures = sum(_driven(client, urls) for client in clients)
            failures += _complained(complaints)
    except CannotRun as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 1
    print(f"{failures} failed" if failures else "all of it worked, unmodified")
    return int(failures > 0)


def _installed() -> Path:
    """The folder with the packages of the lock file and our scripts beside them; installed once for each lock."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise CannotRun("node and npm are needed, and one of them is not on the PATH")
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "trading-bot" / f"conformance-{hashlib.sha256(lock).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", *SCRIPTS):
        shutil.copy(HERE / name, folder / name)
    done = folder / "installed"
    if not done.exists():
        print(f"installing the locked packages into {folder}", flush=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_AT_MOST_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise CannotRun(f"npm could not install the locked packages: {error}") from None
        done.touch()
    return folder


def _clients(folder: Path) -> tuple[Client, ...]:
    def published(name: str) -> str:
        about = json.loads((folder / "node_modules" / name / "package.json").read_text("utf-8"))
        return f"{name} {about['version']}"

    web3, tokens = published("@solana/web3.js"), published("@solana/spl-token")
    curve, pool = published("@pump-fun/pump-sdk"), published("@pump-fun/pump-swap-sdk")
    return (
        Client(f"solana-py {version('solana')}", (sys.executable, "-m", "tests.conformance.solana_py")),
        Client(f"{web3}, {tokens}", ("node", str(folder / "web3.mjs"))),
        Client(f"{curve}, {pool}", ("node", str(folder / "launchpad.mjs"))),
    )


@contextmanager
def _running_chain() -> Iterator[tuple[dict[str, str], Path]]:
    """A fresh chain without a market: the addresses of its doors, and the file with what it complains of."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        complaints = Path(directory) / "stderr"
        command = [sys.executable, "-m", "bot", "localnet", "--data-dir", directory]
        command += ["--no-market", "--slot-ms", str(SLOT_MS)]
        with complaints.open("wb") as stderr:
            chain = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True)
        try:
            assert chain.stdout is not None
            if not chain.stdout.readline():
                raise CannotRun(f"the chain did not start: {complaints.read_text('utf-8').strip()}")
            ready = json.loads((Path(directory) / "localnet.json").read_text("utf-8"))
            yield {"CHAIN_HTTP_URL": ready["http_url"], "CHAIN_WS_URL": ready["ws_url"]}, complaints
        finally:
            chain.send_signal(signal.SIGTERM)
            chain.communicate(timeout=ENDS_WITHIN_S)


def _driven(client: Client, urls: dict[str, str]) -> int:
    """Let one client do all that it does and print it; how much of it failed."""
    print(f"\n{client.name}", flush=True)
    try:
        ended = subprocess.run(
            client.command,
            cwd=ROOT,
            env={**os.environ, **urls},
            capture_output=True,
            text=True,
            timeout=CLIENT_AT_MOST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"  FAILED  did not end within {CLIENT_AT_MOST_S} s")
        return 1
    rows = [Done(**json.loads(line)) for line in ended.stdout.splitlines() if line.startswith("{")]
    for row in rows:
        print(f"  {'FAILED' if row.failed else 'ok':<7} {row.did:<{WIDTH}}  {row.failed or row.showed}")
    failures = sum(row.failed is not None for row in rows)
    if not rows or (ended.returncode and not failures):
        print(f"  FAILED  ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
        return failures + 1
    return failures


def _complained(complaints: Path) -> int:
    """Whether the chain wrote errors of its own meanwhile; a client's connection that raised is one."""
    told = complaints.read_text("utf-8").strip()
    if told:
        print(f"\nthe chain\n  FAILED  {told}")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
