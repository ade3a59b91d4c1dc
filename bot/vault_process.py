"""`bot vault`: the process that holds the master key and signs for a bot that does not have it.

It reads the same settings as its bot, for the bounds, and nothing that the bot tells it but the requests of its socket.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

from bot import logs, settings
from bot.clock import system_clock
from bot.errors import StartupError
from bot.keys import KeyRing, fernet_key, find_keys
from bot.paths import settings_file, vault_codes, vault_days, vault_socket
from bot.signing_bounds import signing_bounds
from bot.systemd import ServiceManager, take_service_manager
from bot.vault.code_book import CodeBook
from bot.vault.guard import SigningGuard
from bot.vault.local_vault import LocalVault
from bot.vault.server import VaultServer

LOG_FILE = "vault.log"
READY = "ready"  # what a child says on its standard output
PETS_PER_DEADLINE = 3
RETRY_S = 1.0
_PR_SET_DUMPABLE = 4  # prctl(2)


def run(arguments: argparse.Namespace, directory: Path) -> int:
    """`bot vault`; returns the exit code. Raises StartupError before anything is served."""
    is_local = arguments.profile == "local"
    if not is_local and os.geteuid() == 0:
        raise StartupError(f"profile {arguments.profile} does not run as root; run its vault as a user of its own")
    chosen = settings.load(settings_file(arguments.config, directory), profile=arguments.profile)
    path = chosen.vault.socket or vault_socket(directory)
    close_to_others()
    with _alone(directory):
        ring = KeyRing(chosen.wallets.master_key_file, directory, is_local, _say, chosen.wallets.former_keys)
        key, *former = find_keys(ring, arguments.key_id or (), may_make=arguments.make_key)
        logs.configure(chosen.logs.level, file=None if "JOURNAL_STREAM" in os.environ else directory / LOG_FILE)
        guard = SigningGuard(signing_bounds(chosen, is_local=is_local), system_clock(), vault_days(directory))
        book = CodeBook(guard.clock, vault_codes(directory))
        vault = LocalVault(key, guard, former=former, fernet=fernet_key(chosen.wallets), book=book)
        server = VaultServer(path, vault)
        told = READY if arguments.child else f"the vault serves {path} with master key {key.id}"
        trio.run(_serve, server, told, arguments.child, take_service_manager(os.environ))
    return 0


def close_to_others() -> None:
    """No core dump, and no debugger of the same user's: both would read the keys.

    PR_SET_DUMPABLE forbids both (prctl(2), core(5)); the unit's filter of system calls lets it through, unlike a limit.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _serve(server: VaultServer, told: str, is_child: bool, manager: ServiceManager | None) -> None:
    """Serve until a signal ends the process, or the bot whose child it is; systemd hears when it serves and that it lives."""
    async with trio.open_nursery() as nursery:

        def ready() -> None:
            print(told, flush=True)
            if manager is not None:
                nursery.start_soon(_tell_systemd, manager, told)

        nursery.start_soon(server.serve, ready)
        if is_child:
            await _parent_gone()
            nursery.cancel_scope.cancel()


async def _tell_systemd(manager: ServiceManager, line: str) -> None:
    """That it serves, and then a sign of life three times per deadline: a loop that stands still gives none."""
    fields = ["READY=1", f"STATUS={line}"]
    while True:
        with suppress(OSError):  # systemd does not listen now, and hears the next one; what it missed is told again
            manager.tell(*fields, "WATCHDOG=1")
            fields = []
        await trio.sleep(RETRY_S if fields or manager.watchdog_s is None else manager.watchdog_s / PETS_PER_DEADLINE)


async def _parent_gone() -> None:
    """The bot holds the other end of the standard input, for as long as it lives."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some(1):
            pass


def _say(line: str) -> None:
    """One line for whoever looks on; the standard output is the bot's."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One vault per data directory; the lock ends with the process."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / "vault.lock").open("a+")
    except OSError as error:
        raise StartupError(f"{directory}: the data directory cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupError(f"{directory}: another vault runs here; stop it, or give --data-dir") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
