"""What makes changed settings count, and the settings file, which is looked at every second (D-17)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog
import trio

from bot import logs, settings
from bot.clock import Clock
from bot.errors import StartupError, Unavailable
from bot.execution.alerts import Alert
from bot.execution.policy import Policy
from bot.execution.trouble_alerts import settings_not_taken, settings_taken
from bot.live_gates import policy_of
from bot.paths import SETTINGS_FILE
from bot.refusal import CannotError
from bot.runtime_config import Apply, RuntimeConfig
from bot.settings.runtime import needs_restart, without_restart
from bot.start import Options

log = structlog.get_logger()

LOOK_EVERY_S = 1.0

Seen = tuple[int, int, int] | None


def applier(policy: Policy, options: Options, clock: Clock) -> Apply:
    """Puts settings in force: the policy that every order reads, in profile live within the ramp, and the log's level."""

    def apply(chosen: settings.Settings) -> None:
        policy.take(policy_of(replace(options, settings=chosen), clock, lambda _: None))
        logs.set_level(chosen.logs.level)

    return apply


async def keep_reading(
    config: RuntimeConfig,
    options: Options,
    alert: Callable[[Alert], None],
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Take over what somebody writes into the settings file, until cancelled; operators hear where it cannot be."""
    file = options.config or options.directory / SETTINGS_FILE
    seen = before = _signature(file)
    while True:
        await trio.sleep(LOOK_EVERY_S)
        still, before = before, _signature(file)
        if (now := before) == seen or now != still:
            continue  # nothing new, or somebody still writes
        try:
            chosen = await trio.to_thread.run_sync(partial(read_again, file, options.profile, environment))
            await take(config, chosen, file.name)
        except Unavailable as error:
            log.info("settings_file_waits", reason=str(error))
            continue  # and the file is looked at again
        except (StartupError, CannotError) as error:
            config.trouble = f"{file.name} is not taken: {error}"
            log.warning("settings_file_not_taken", why=str(error))
            alert(settings_not_taken(config.trouble))
        except Exception as error:
            config.trouble = f"{file.name} is not taken: {type(error).__name__}; see the log"
            log.exception("settings_file_failed")
            alert(settings_not_taken(config.trouble))
        else:
            alert(settings_taken(file.name))
        seen = now


async def take(config: RuntimeConfig, chosen: settings.Settings, name: str) -> None:
    """Let a file that was read count; of what waits for a restart the keys are kept for whoever asks."""
    counts = without_restart(config.started, chosen)
    waiting = needs_restart(counts, chosen)
    await config.take_file(counts, name)
    config.trouble, config.waiting = "", tuple(waiting)
    if waiting:
        log.warning("settings_wait_for_restart", keys=waiting)


def read_again(file: Path, profile: str, environment: Mapping[str, str]) -> settings.Settings:
    """What the file says now. Raises StartupError, also for one that is gone or empty.

    Such a file would loosen every limit to its default. An editor on a full disk leaves an empty one, and so does whoever
    moves the file away for a moment; who wants the defaults starts the bot without it, or leaves a comment in it.
    """
    try:
        empty = file.stat().st_size == 0
    except FileNotFoundError:
        raise StartupError("it is gone; put it back, or start the bot again without it") from None
    except OSError as error:
        raise StartupError(f"it cannot be looked at: {error.strerror}") from None
    if empty and file.is_file():
        raise StartupError("it is empty; write it again, or start the bot again without it")
    return settings.load(file, environment, profile=profile)


def _signature(file: Path) -> Seen:
    """Another one when the file is another, or was written; None while it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
