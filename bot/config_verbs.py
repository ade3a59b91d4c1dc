"""The verbs `bot config ...` as the control socket knows them: what holds, changes, their history, and the way back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio
from pydantic import SecretStr

from bot.clock import rfc3339
from bot.paths import SETTINGS_FILE
from bot.ports import ConfigVersion
from bot.refusal import CannotError, typed_reason, who
from bot.runtime_config import HISTORY_SHOWN, RuntimeConfig
from bot.settings import Settings
from bot.settings.environment import read_environment
from bot.settings.runtime import RUNTIME, shown, value_of

Record = dict[str, Any]
Verb = Callable[[Record], Awaitable[Record]]

SECRET_NAMES = ("_file", "former_keys")  # the endings of keys that name a file with a secret in it


def config_verbs(
    config: RuntimeConfig, file: str = SETTINGS_FILE, environment: Mapping[str, str] = os.environ
) -> dict[str, Verb]:
    """What the control socket calls each verb. `file` is the name of the settings file, `environment` what this process has."""
    sources = Sources(file, read_environment(environment).variables)

    async def get(request: Record) -> Record:
        wanted = request.get("key")
        # The files of credentials are looked at, and a disk may hang.
        told = await trio.to_thread.run_sync(lambda: list(_keys(config, sources, config.clock.now_ms())))
        return _told(config, told, wanted)

    async def live(request: Record) -> Record:
        await trio.lowlevel.checkpoint()
        return _told(config, [_live(config, sources, key) for key in RUNTIME], request.get("key"))

    async def change(request: Record) -> Record:
        wanted = request.get("values")
        if not isinstance(wanted, dict) or not wanted:
            raise CannotError("give a key and a value")
        values = {str(key): str(value) for key, value in wanted.items()}
        return version_record(await config.set(values, who(request), typed_reason(request, "no reason given")))

    async def history(_: Record) -> Record:
        versions = await config.store.config_versions(HISTORY_SHOWN)
        return {"version": config.number, "versions": [version_record(one) for one in versions]}

    async def rollback(request: Record) -> Record:
        number = request.get("version")
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise CannotError("give the number of a version")
        why = typed_reason(request, "") if request.get("why") else ""
        return version_record(await config.rollback(number, who(request), why))

    return {
        "config_get": get,
        "config_live": live,
        "config_set": change,
        "config_history": history,
        "config_rollback": rollback,
    }


def _told(config: RuntimeConfig, keys: Iterable[Record], wanted: object) -> Record:
    """The keys that were asked for, below a section or all, and what there is to say beside them."""
    found = [one for one in keys if not wanted or _is_below(one["key"], str(wanted))]
    if not found:
        raise CannotError(f"there is no key {str(wanted)[:100]!r}; bot config get lists all")
    return {
        "version": config.number,
        "keys": found,
        "trouble": config.trouble or None,
        "waiting": list(config.waiting),
    }


def version_record(version: ConfigVersion) -> Record:
    """A version as JSON says it."""
    return {
        "version": version.number,
        "at": rfc3339(version.at_ms),
        "by": version.by,
        "why": version.why,
        "values": dict(version.values),
        "changed": {key: {"before": before, "after": after} for key, (before, after) in version.changed.items()},
    }


def _is_below(key: str, wanted: str) -> bool:
    return key == wanted or key.startswith(f"{wanted}.")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a value is from that nobody changed while the bot runs: a variable, the settings file, or neither of them."""

    file: str
    variables: Mapping[tuple[str, str], str]

    def of(self, base: Settings, key: str) -> str:
        """`base` is what file and environment say now; `default` is what is shipped."""
        section, _, name = key.partition(".")
        if (variable := self.variables.get((section, name))) is not None:
            return f"environment: {variable}"
        return f"file: {self.file}" if name in getattr(base, section).model_fields_set else "default"


def _live(config: RuntimeConfig, sources: Sources, key: str) -> Record:
    """A key that changes while the bot runs."""
    set_here = key in config.values
    return {
        "key": key,
        "value": value_of(config.current, key),
        "source": "runtime" if set_here else sources.of(config.base, key),
        "live": True,
        **({"file_value": value_of(config.base, key), "file_source": sources.of(config.base, key)} if set_here else {}),
    }


def _keys(config: RuntimeConfig, sources: Sources, now_ms: int) -> Iterator[Record]:
    """Every key with its value and where that is from. A secret is its name, its source and its age, never itself."""
    for section in Settings.model_fields:
        for name, value in getattr(config.current, section):
            key = f"{section}.{name}"
            if key in RUNTIME:
                yield _live(config, sources, key)
            else:
                source = sources.of(config.base, key)
                yield {"key": key, "source": source, "live": False, **_value(key, value, now_ms)}


def _value(key: str, value: object, now_ms: int) -> Record:
    if value is not None and key.endswith(SECRET_NAMES) and isinstance(value, Path):
        return {"value": f"secret in {value}", **_age(value, now_ms)}
    if _holds_secret(value):
        return {"value": "secret, not shown"}
    if isinstance(value, Mapping):
        return {"value": ", ".join(str(name) for name in value)}
    return {"value": shown(value)}


def _holds_secret(value: object) -> bool:
    """A secret, or a table or list with one in it: an endpoint's URL is one."""
    if isinstance(value, SecretStr):
        return True
    if isinstance(value, tuple | list | set | frozenset):
        return any(_holds_secret(one) for one in value)
    fields = getattr(type(value), "model_fields", None)
    return fields is not None and any(_holds_secret(getattr(value, name)) for name in fields)


def _age(file: Path, now_ms: int) -> Record:
    """How long ago the file was written; files of credentials are read again while the bot runs."""
    try:
        changed_ms = file.stat().st_mtime_ns // 1_000_000
    except OSError as error:
        return {"trouble": error.strerror or "it cannot be looked at"}
    return {"changed": rfc3339(changed_ms), "age_s": max(now_ms - changed_ms, 0) // 1000}
