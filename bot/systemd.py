"""What the bot tells systemd: state, status line and signs of life, as datagrams to the socket that systemd names.

The protocol is that of sd_notify(3) and sd_watchdog_enabled(3): newline-separated `NAME=value` fields in one datagram.
It needs no library. This room knows the wire and nothing of what is told over it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass, field

from bot.errors import StartupError

# The variables that systemd sets. A child process that found them could speak in the bot's name, so they are taken out.
_SOCKET = "NOTIFY_SOCKET"
_WATCHDOG_USEC = "WATCHDOG_USEC"
_WATCHDOG_PID = "WATCHDOG_PID"
_USEC_PER_S = 1_000_000


@dataclass(slots=True)
class ServiceManager:
    """The service manager that started this process. `watchdog_s` is None where it does not watch for signs of life.

    `is_followed` says that it watches already, because this process took the place of one that it had started. To one that was
    told of a successor nothing more is told: it would not listen, and says so in its journal each time.
    """

    address: str
    watchdog_s: float | None
    is_followed: bool = False
    _is_main: bool = field(default=True, repr=False)

    def tell(self, *fields: str) -> None:
        """Send these fields as one datagram, without waiting; raises OSError when systemd cannot take it now.

        `BlockingIOError` means that its queue is full: it will read later, so whoever sent repeats then.
        """
        if self._is_main:
            self._send(*fields)

    def hand_over_to(self, process: int) -> None:
        """The unit's main process is that one from now on, which may speak then; raises as `tell`.

        It speaks when this one has ended, and has the whole of the watchdog's deadline until then.
        """
        alive = () if self.watchdog_s is None else ("WATCHDOG=1",)
        self._send(f"MAINPID={process}", *alive)
        self._is_main = False

    def _send(self, *fields: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as door:
            door.sendto("\n".join(fields).encode(), _kernel_name(self.address))


def take_service_manager(environment: MutableMapping[str, str]) -> ServiceManager | None:
    """The service manager that `environment` names, None without one. Its variables are taken out of `environment`.

    Raises StartupError for a socket of a kind that this room does not speak to: a unit of `Type=notify` would otherwise
    wait in vain. A watchdog that is meant for another process (`WATCHDOG_PID`) is none of ours.
    """
    address = environment.pop(_SOCKET, "")
    watchdog_usec = environment.pop(_WATCHDOG_USEC, "")
    watchdog_pid = environment.pop(_WATCHDOG_PID, "")
    if not address:
        return None
    if address[0] not in "/@":
        raise StartupError(f"{_SOCKET}={address}: only a path or an abstract name (@...) is known; correct the unit")
    for_us = not watchdog_pid or watchdog_pid == str(os.getpid())
    watched = for_us and watchdog_usec.isdecimal() and int(watchdog_usec) > 0
    return ServiceManager(address, int(watchdog_usec) / _USEC_PER_S if watched else None)


def _kernel_name(address: str) -> str:
    """An abstract socket is written with `@` in the environment and begins with a zero byte in the kernel, see unix(7)."""
    return "\0" + address[1:] if address[0] == "@" else address
