"""What `[[rpc.endpoints]]` and `rpc.urls` cannot mean: what is not there or stands twice, and work that nobody is left to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from bot.settings.providers import MARK, Rpc, RpcEndpoint
from bot.settings.sections import Settings

# How many endpoints a role needs where there are as many; what is gone, or was never there, must be said by two.
NEEDED: Final = {"read": 2, "history": 2, "send": 1, "stream": 1}
PORTS: Final = {"http": 80, "https": 443}
FIRST: Final = ("rpc", "endpoints", "0")


def endpoint_count(settings: Settings, profile: str) -> int | None:
    """How many RPC endpoints a profile has; None where none is named, and for a local chain that runs elsewhere."""
    if profile != "local":
        return len(settings.rpc.urls) or None
    return settings.localnet.endpoints if settings.localnet.directory is None else None


def endpoint_faults(chosen: Rpc, count: int | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path of each key that cannot be meant, and why; without a `count` only what is wrong with any."""
    names = [f"rpc-{place}" for place in range(1, (count or 0) + 1)]
    seen: set[str] = set()
    for place, one in enumerate(chosen.endpoints):
        path = ("rpc", "endpoints", str(place), "name")
        if one.name in seen:
            yield path, f"{one.name} is listed twice; keep one of them"
        elif count is not None and one.name not in names:
            yield path, f"there is no {one.name}{_near_miss(one.name, names)}; there are {', '.join(names) or 'none'}"
        seen.add(one.name)
    yield from _key_faults(chosen)
    yield from _same_twice(chosen)
    if count is None or not chosen.endpoints or not seen <= set(names):
        return
    listed = {one.name: one.roles for one in chosen.endpoints}
    everything = RpcEndpoint.model_fields["roles"].default
    for role, needed in NEEDED.items():
        having = sum(role in listed.get(name, everything) for name in names)
        if having < min(count, needed):
            yield FIRST, _left_undone(role, having, min(count, needed))


def _key_faults(chosen: Rpc) -> Iterator[tuple[tuple[str, ...], str]]:
    """A key without its place in the address, and a place without a key. The addresses themselves are in no fault."""
    with_file = {one.name: place for place, one in enumerate(chosen.endpoints) if one.key_file is not None}
    for number, url in enumerate(chosen.urls, start=1):
        name, has_mark = f"rpc-{number}", MARK in url.get_secret_value()
        if name in with_file and not has_mark:
            path = ("rpc", "endpoints", str(with_file[name]), "key_file")
            yield path, f"the address of {name} in rpc.urls has no {MARK}, where the key belongs"
        elif has_mark and name not in with_file:
            yield ("rpc", "urls"), f"the address of {name} has {MARK}, and no key_file of [[rpc.endpoints]] fills it"


def _same_twice(chosen: Rpc) -> Iterator[tuple[tuple[str, ...], str]]:
    """Two addresses of one node: its word would count as that of two. The addresses themselves are in no fault."""
    first: dict[tuple[str, str, int | None, str], int] = {}
    for number, url in enumerate(chosen.urls, start=1):
        node = _node_of(url.get_secret_value())
        if node is None:
            continue
        before = first.setdefault(node, number)
        if before != number:
            yield (
                ("rpc", "urls"),
                f"addresses {before} and {number} (rpc-{before}, rpc-{number}) are the same but for a key, and"
                " one endpoint is one witness; keep one of them",
            )


def _node_of(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path of an address; None for one that cannot be read, or whose host has the key in it."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if not host or MARK in host:
        return None
    return parts.scheme, host, port if port is not None else PORTS.get(parts.scheme), parts.path.rstrip("/")


def _near_miss(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f", perhaps {close[0]} is meant" if close else ""


def _left_undone(role: str, having: int, needed: int) -> str:
    if needed == 1:
        return f"no endpoint has the role {role}; give it to one"
    return f"the role {role} is given to {having} and needs {needed}: what is gone must be said by two endpoints"
