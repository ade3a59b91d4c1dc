"""What must hold before real money moves: every gate of profile live by its name, with its cure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import trio

from bot import settings
from bot.api_keys import read_keys
from bot.chain.transport import redacted
from bot.clock import Clock, day_of
from bot.compose import policy, telegram_token
from bot.drills import records as drills
from bot.errors import StartupError
from bot.execution.policy import Policy
from bot.keys import KEY_VARIABLE
from bot.profiles import CLUSTERS, LIVE, MAINNET, genesis_of
from bot.ramp import LIVE_FILE, LiveFile, ramped
from bot.start import Options
from bot.trading.units import BPS, LAMPORTS_PER_SOL, format_sol
from bot.vault.master_key import LOCAL_PREFIX, master_key_from_environment, read_master_key
from bot.vault_door import INSIDE, OUTSIDE, place_of_vault

MOST_LAMPORTS = LAMPORTS_PER_SOL  # D-12: live starts from one SOL a trade
HOSTS = 2
CONFIRMATION = "real money may be lost"


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What this start would run live with. What could not be found out is None, with its reason in the text beside it.

    `hosts` are those of the endpoints, without credentials; `genesis_trouble` says why nobody told the genesis hash. `began`
    is the day of the first live start on this data directory, None before it; `drilled_on` is when each drill was last passed.
    `key_is_outside`: a vault that runs by itself has the master key, and is asked for its id when it is reached.
    """

    is_root: bool
    master_key_id: str | None
    key_trouble: str
    hosts: frozenset[str]
    genesis_hash: str | None
    genesis_trouble: str
    allowed: Sequence[int]
    has_telegram: bool
    largest_lamports: int
    drilled_on: Mapping[str, date | None]
    today: date
    began: date | None
    confirmation: str
    has_signing_policy: bool
    key_is_outside: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """One precondition. `found` is what is there, `cure` what to do where it does not hold."""

    name: str
    holds: bool
    found: str
    cure: str

    @property
    def line(self) -> str:
        """The gate in one line."""
        return f"gate {self.name}: {'holds' if self.holds else 'does not hold'}, {self.found}" + (
            "" if self.holds else f"; {self.cure}"
        )


def gates(facts: LiveFacts) -> tuple[Gate, ...]:
    """Every gate in the order in which an operator meets them."""
    return (*_machine(facts), *_cluster(facts), *_people(facts), *_promises(facts))


def _machine(facts: LiveFacts) -> tuple[Gate, ...]:
    key = facts.master_key_id
    return (
        Gate(
            "root",
            not facts.is_root,
            "runs as root" if facts.is_root else "runs as a user",
            "run it as a user of its own (deploy/README.md)",
        ),
        Gate(
            "master_key",
            key is not None or facts.key_is_outside,
            "a vault that runs by itself has it, and says its id when it is reached"
            if facts.key_is_outside
            else facts.key_trouble or f"key {key}",
            f"name a file with one line, key-id:base64 of 32 bytes, in wallets.master_key_file, or set {KEY_VARIABLE}",
        ),
        Gate(
            "own_key",
            key is None or not key.startswith(LOCAL_PREFIX),
            f"its id is {key}" if key else "there is none to look at here",
            f"make another key: an id that begins with {LOCAL_PREFIX} is profile local's",
        ),
        Gate(
            "signing_policy",
            facts.has_signing_policy,
            "a process of its own judges what it signs"
            if facts.has_signing_policy
            else "vault.run = inside has the keys in the process that asks for signatures",
            "leave vault.run out, or set it to child or outside",
        ),
    )


def _cluster(facts: LiveFacts) -> tuple[Gate, ...]:
    genesis = facts.genesis_hash
    return (
        Gate(
            "endpoints",
            len(facts.hosts) >= HOSTS,
            f"rpc.urls names {len(facts.hosts)} hosts",
            "give endpoints of two different hosts in rpc.urls",
        ),
        Gate(
            "genesis",
            genesis == MAINNET,
            facts.genesis_trouble or f"the endpoints serve {CLUSTERS.get(genesis or '', 'another cluster')}",
            "give endpoints of mainnet in rpc.urls",
        ),
    )


def _people(facts: LiveFacts) -> tuple[Gate, ...]:
    return (
        Gate(
            "allowlist",
            bool(facts.allowed),
            f"live.allowed_telegram_ids names {len(facts.allowed)}",
            "list the Telegram ids that may trade in live.allowed_telegram_ids",
        ),
        Gate(
            "telegram",
            facts.has_telegram,
            "token and operator are there"
            if facts.has_telegram
            else "the token or telegram.operator_chat_id is missing",
            "set telegram.token_file and telegram.operator_chat_id, so that alerts reach a person",
        ),
    )


def _promises(facts: LiveFacts) -> tuple[Gate, ...]:
    return (
        Gate(
            "ceilings",
            facts.largest_lamports <= MOST_LAMPORTS,
            f"the larger of trade and position is {facts.largest_lamports} lamports",
            "set trading.max_trade_sol and trading.max_position_sol to 1 or less",
        ),
        *(_drill(kind, facts) for kind in drills.DEMANDED),
        Gate(
            "confirmation",
            facts.confirmation == CONFIRMATION,
            "live.confirm says so" if facts.confirmation == CONFIRMATION else "live.confirm does not say so",
            f'set live.confirm = "{CONFIRMATION}"',
        ),
    )


def _drill(kind: str, facts: LiveFacts) -> Gate:
    """Asked for at the first live start alone: a bot that holds positions is never kept from watching them by a drill."""
    drilled, began = facts.drilled_on[kind], facts.began
    fresh = drills.is_fresh(drilled, facts.today)
    told = drills.found(drilled)
    if began is not None and not fresh:
        told += f", which is asked for at the first live start, on {began.isoformat()}, and for each step of the ramp"
    return Gate(
        f"{kind.replace('-', '_')}_drill",
        fresh or began is not None,
        told,
        f"run {drills.command(kind, LIVE.name)}, which counts for {drills.COUNTS_FOR.days} days",
    )


def pass_gates(options: Options, clock: Clock, environment: Mapping[str, str] = os.environ) -> list[str]:
    """A line for each gate of profile live, all of which hold. Asks the endpoints, and notes the day of the first such start.

    Raises StartupError with a line for every gate where one does not hold; then nothing was written and nothing started.
    """
    file = LiveFile(options.directory / LIVE_FILE)
    facts = _facts(options, clock, environment, file.began())
    found = gates(facts)
    missing = sum(not gate.holds for gate in found)
    if missing:
        head = f"profile live is refused: {missing} of {len(found)} gates do not hold; nothing was started"
        raise StartupError("\n".join([head, *(gate.line for gate in found)]))
    return [gate.line for gate in found]


def policy_of(options: Options, clock: Clock, say: Callable[[str], None]) -> Policy:
    """The policy of a start: what the settings ask for, and in profile live as much of it as the ramp has, which is said."""
    wished = policy(options.settings)
    if options.profile != LIVE.name:
        return wished
    today = _today(clock)
    lacking = drills.missing(options.directory, LIVE.name, today)
    ramp = LiveFile(options.directory / LIVE_FILE).climb(today, may_step=not lacking)
    cut = ramped(wished, ramp.share_bps)
    most = f"{format_sol(cut.ceilings.max_trade_lamports)} SOL a trade at most"
    grows = "; a start in a later week allows more" if ramp.share_bps < BPS and ramp.refused_bps is None else ""
    say(f"live since {ramp.began.isoformat()}: {ramp.share_bps // 100} % of the ceilings, {most}{grows}")
    if ramp.refused_bps is not None:
        say(f"the step to {ramp.refused_bps // 100} % is refused: {'; '.join(lacking)}; then start again")
    return cut


def _today(clock: Clock) -> date:
    return date.fromisoformat(day_of(clock.now_ms()))


def _facts(options: Options, clock: Clock, environment: Mapping[str, str], began: date | None) -> LiveFacts:
    chosen = options.settings
    place = place_of_vault(chosen.vault, is_local=False)
    key_id, key_trouble = (None, "") if place == OUTSIDE else _key(chosen, environment)
    kept = drills.kept(options.directory)
    genesis_hash, genesis_trouble = _genesis(chosen)
    return LiveFacts(
        is_root=os.geteuid() == 0,
        master_key_id=key_id,
        key_trouble=key_trouble,
        hosts=frozenset(redacted(url.get_secret_value()).rpartition(":")[0] for url in chosen.rpc.urls),
        genesis_hash=genesis_hash,
        genesis_trouble=genesis_trouble,
        allowed=chosen.live.allowed_telegram_ids,
        has_telegram=telegram_token(chosen.telegram, environment) is not None
        and chosen.telegram.operator_chat_id is not None,
        largest_lamports=settings.lamports(max(chosen.trading.max_trade_sol, chosen.trading.max_position_sol)),
        drilled_on={kind: drills.last_passed(kept, kind, LIVE.name) for kind in drills.DEMANDED},
        today=_today(clock),
        began=began,
        confirmation=chosen.live.confirm,
        has_signing_policy=place != INSIDE,
        key_is_outside=place == OUTSIDE,
    )


def _key(chosen: settings.Settings, environment: Mapping[str, str]) -> tuple[str | None, str]:
    """The master key's id, or why there is none."""
    file = chosen.wallets.master_key_file
    try:
        if file is not None:
            return read_master_key(file).id, ""
        return master_key_from_environment(KEY_VARIABLE, environment).id, ""
    except StartupError as error:
        return None, str(error)


def _genesis(chosen: settings.Settings) -> tuple[str | None, str]:
    """The genesis hash that the first endpoint tells, or why nobody does."""
    if not chosen.rpc.urls:
        return None, "there is no endpoint to ask"
    try:
        urls = [url.get_secret_value() for url in chosen.rpc.urls]
        return trio.run(genesis_of, urls, read_keys(chosen, is_local=False)), ""
    except StartupError as error:
        return None, str(error)
