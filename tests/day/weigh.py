"""What a running bot holds: every object of the process that is not a twin's or the market's, and each container by its owner.

A container that grows without end is found by its name, `PriceBook._points` for one, before anybody sees it in megabytes.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import types
from collections import Counter, deque
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import msgspec
import trio

from bot.garbage import collect_everything

OURS = ("bot.", "actors.")
MARKET = "bot.localnet"  # which stands for the cluster here
CONTAINERS = (dict, list, set, frozenset, tuple, deque)
# Whatever runs reaches everything, so that a walk ends here: what a twin holds is rows, and no task.
NOT_ROWS = (types.ModuleType, type, types.FunctionType, types.FrameType, types.CoroutineType, trio.lowlevel.Task)
HANDLES = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Weight:
    """One look at the process.

    `held` is the entries of each container by the class and name of its owner, `kinds` how many instances of each of our
    classes there are, `rows` how many rows each table of the store has.
    """

    own_bytes: int
    objects: int
    tasks: int
    handles: int
    threads: int
    held: Counter[str] = field(repr=False)
    kinds: Counter[str] = field(repr=False)
    rows: Counter[str] = field(repr=False)


def weigh(store: object, besides: Sequence[object]) -> Weight:
    """Look now, after a full collection; what `store` and `besides` hold is not counted to the bot."""
    collect_everything()
    gc.unfreeze()
    foreign = _reached([store, *besides])
    own_bytes = objects = 0
    counted: set[int] = set()  # one that several hold is counted once
    held, kinds = Counter[str](), Counter[str]()
    for one in _living(foreign):
        objects += 1
        own_bytes += _size(one)
        if _is_endless(one):
            held[f"{one.__module__}.{one.__name__} (cache)"] = one.cache_info().currsize
        kind = type(one)
        if _is_ours(kind.__module__):
            kinds[kind.__qualname__] += 1
            for name, value in _attributes(one):
                if isinstance(value, CONTAINERS) and id(value) not in foreign and id(value) not in counted:
                    counted.add(id(value))
                    held[f"{kind.__qualname__}.{name}"] += len(value)
    return Weight(
        own_bytes=own_bytes,
        objects=objects,
        tasks=trio.lowlevel.current_statistics().tasks_living,
        handles=len(list(HANDLES.iterdir())) if HANDLES.is_dir() else 0,
        threads=threading.active_count(),
        held=held,
        kinds=kinds,
        rows=Counter(
            {name: len(value) for name, value in vars(store).items() if isinstance(value, Sized) and len(value)}
        ),
    )


def empty_caches() -> None:
    """Empty each cache of ours that has a bound, of addresses above all: a day fills none, and what went is worked out anew."""
    gc.unfreeze()  # the collector does not tell of what is frozen
    for one in gc.get_objects():
        is_cache = isinstance(one, functools._lru_cache_wrapper) and str(one.__module__).startswith(OURS)
        if is_cache and one.cache_info().maxsize is not None:
            one.cache_clear()


def _size(one: object) -> int:
    """In bytes, without what it refers to; a piece of a message says nothing sensible of itself."""
    return len(one) if isinstance(one, msgspec.Raw) else sys.getsizeof(one)


def _is_endless(one: object) -> TypeGuard[functools._lru_cache_wrapper[object]]:
    """Whether it is a cache of our own that keeps everything."""
    is_cache = isinstance(one, functools._lru_cache_wrapper) and _is_ours(one.__module__)
    return is_cache and one.cache_info().maxsize is None


def _is_ours(module: object) -> bool:
    """A type made in C may have something else than a name for its module."""
    return isinstance(module, str) and module.startswith(OURS) and not module.startswith(MARKET)


def _reached(roots: Iterable[object]) -> dict[int, object]:
    """Everything that these hold, by identity, up to whatever runs."""
    found: dict[int, object] = {}
    to_see = list(roots)
    while to_see:
        one = to_see.pop()
        if id(one) in found or isinstance(one, NOT_ROWS):
            continue
        found[id(one)] = one
        to_see.extend(gc.get_referents(one))
    return found


def _living(foreign: dict[int, object]) -> Iterable[object]:
    """Each object once that the collector knows, and what such hold that it does not know: texts, numbers, bytes."""
    known = gc.get_objects()
    seen = {id(known), id(foreign), *foreign}
    for one in known:
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        parts = gc.get_referents(one)
        while parts:
            part = parts.pop()
            if not gc.is_tracked(part) and id(part) not in seen:
                seen.add(id(part))
                yield part
                parts.extend(gc.get_referents(part))


def _attributes(one: object) -> Iterable[tuple[str, object]]:
    yield from vars(one).items() if hasattr(one, "__dict__") else ()
    for kind in type(one).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(one, name):
                yield name, getattr(one, name)


def grown(before: Counter[str], after: Counter[str], *, by: float, at_least: int) -> dict[str, str]:
    """By name what has more than `by` times before and `at_least` more, the most first, in words."""
    more = {name: count - before[name] for name, count in after.items() if count > before[name] * by}
    names = sorted((name for name, count in more.items() if count >= at_least), key=lambda name: -more[name])
    return {name: f"{name}: {before[name]:,} to {after[name]:,}" for name in names}
