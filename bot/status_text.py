"""The records of status and tree as lines for a terminal. Imports nothing, so that the command line stays quick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]

LAMPORTS_PER_DIGIT = 100_000  # the last of the four decimals of SOL that are shown
UNKNOWN = "not known"
ROLES = ("history", "read", "send", "stream")  # what an endpoint is for where nothing else is set
USERS_SHOWN = 10  # causes of single users
_AFTER_REARM = "  bot rearm ends it; then each wallet's books are compared with the chain before it may buy"


def status_text(status: Record) -> str:
    """What `bot status` prints; a number that the bot does not know now is never shown as zero."""
    if "standby" in status:
        return _standby(status["state"], status["standby"])
    if "waits" in status:
        waits = status["waits"]
        return f"{status['state']}: waits for its {waits['for']} since {waits['since']}: {waits['why']}"
    halt, facts = status["halt"], status["facts"]
    causes = _causes(status["causes"])
    lines = [
        f"{status['state']}, level {status['level']}, mode {status['mode']} on {status['cluster']},"
        f" up {_age(status['uptime_s'])}",
        *(status[name] for name in ("cannot_sell", "frozen") if status.get(name)),
        f"pause causes: {causes}",
        *([f"halted by {halt['by']} since {halt['since']}: {halt['why']}", _AFTER_REARM] if halt else []),
        f"launches seen {status['launches_seen']}, tokens tracked {status['tokens_tracked']},"
        f" wallets followed {_scanners(status['wallets_followed'])}",
        *(_numbers(status) if facts["known"] else _numbers_of_before(facts)),
        f"monitors: {_monitors(status['monitors'])}; prices {_age(status['prices_age_s'], 'old', 'of none watched')}",
        *_books(status),
        f"ledger: {_ledger(status['ledger'])}",
        *_uncompared(status["ledger"].get("uncompared", ()), status["causes"]),
        f"errors: {status['errors_today']} since {status['errors_since']}",
        *_flatten(status["flatten"]),
        *_spool(status["spool"], status.get("cannot_sell")),
        *_lease(status["lease"]),
        *_copying(status.get("copying")),
        *_recorder(status.get("recorder")),
        *_dollars(status.get("usd")),
        *_opinions(status.get("opinions")),
        *(f"unusual ({one['measure']}) since {one['since']}: {one['told']}" for one in status.get("unusual", ())),
    ]
    for name, service in status["services"].items():
        lines.append(f"  {name:<9} {service['health']:<8} {service['detail']}")
        lines += [f"    {_endpoint(endpoint)}" for endpoint in service.get("endpoints", ())]
        lines += [f"    {_source(source)}" for source in service.get("sources", ())]
    return "\n".join(lines)


def _endpoint(endpoint: Record) -> str:
    """One RPC endpoint: how it is, its slot, and why it is not asked where it is not."""
    lag = endpoint["lag_slots"]
    behind = "" if not lag else f" ({lag} behind)"
    slot = "no slot yet" if endpoint["slot"] is None else f"slot {endpoint['slot']}{behind}"
    latency = "" if endpoint["latency_ms"] is None else f", {endpoint['latency_ms']} ms"
    breaker = "" if endpoint["breaker"] == "closed" else f", breaker {endpoint['breaker']}"
    credit = "" if endpoint["credit_left"] is None else f", {endpoint['credit_left']} credits left this month"
    roles = "" if len(endpoint["roles"]) == len(ROLES) else f", for {' and '.join(endpoint['roles'])} alone"
    why = endpoint["detail"].removeprefix(f"{endpoint['name']}: ")
    return f"{endpoint['name']} {endpoint['state']}, {slot}{latency}{breaker}{roles}{credit}{f': {why}' if why else ''}"


def _source(source: Record) -> str:
    """One source of launches: how it is, how old its last sign of life is, and what it brought."""
    if source["state"] == "waiting":
        return f"{source['name']} waiting, asked only while nobody else tells of launches"
    heard = _age(source["age_s"], "ago", "never")
    told = f"{_counted(source['launches'], 'launch', 'launches')}, the first with {source['first']}"
    why = source["detail"].removeprefix(f"{source['name']}: ")
    return f"{source['name']} {source['state']}, heard {heard}, {told}{_losses(source)}{f': {why}' if why else ''}"


def _losses(source: Record) -> str:
    """What a source of launches did not tell since the start; nothing where it told everything."""
    lost, passed_over, gaps = (source.get(name, 0) for name in ("lost", "passed_over", "gaps"))
    unrepaired = f", {source['unrepaired']} of them not made up for" if source.get("unrepaired") else ""
    return "".join(
        [
            f", {_counted(lost, 'transaction')} lost" if lost else "",
            f", {passed_over} passed over" if passed_over else "",
            f", {_counted(gaps, 'gap')}{unrepaired}" if gaps else "",
        ]
    )


def _standby(state: str, standby: Record) -> str:
    """What a bot that waits says of itself; it has no numbers."""
    knows = "it knows" if standby["leader_knows"] else "it does not know yet"
    return (
        f"{state}: standby of {standby['leader']} since {standby['since']};"
        f" that one leads since {standby['leader_since']}, {knows}"
    )


def _numbers(status: Record) -> list[str]:
    """What the database knows, said of now; older than a moment it says how old it is."""
    positions, trades, capital = status["positions"], status["trades_today"], status["capital_lamports"]
    facts = status["facts"]
    return [
        *(_remembered(facts) if _late(facts) or facts["age_s"] >= 1 else []),
        f"users {status['users']}, snipers {status['snipers']}, signals today {status['signals_today']}",
        f"positions: {positions['open']} open, {positions['closed_today']} closed today, {positions['unknown']} unproven",
        f"capital: {_sol(capital['deployed'])} SOL deployed, {_available(capital, status['halt'])}",
        f"today: {trades['buys']} buys, {trades['sells']} sells, {trades['failed']} failed,"
        f" net result {_sol(status['pnl_lamports_today'], signed=True)} SOL;"
        f" last trade {status['last_trade_at'] or 'none yet'}",
    ]


def _late(facts: Record) -> str | None:
    """Why known numbers are not of this moment; an older bot says it as it says why numbers are not known."""
    why: str | None = facts.get("late") or facts["why"]
    return why


def _remembered(facts: Record) -> list[str]:
    """Which lines are not of this moment. `_numbers` has four of them."""
    why = _late(facts) or "the database is slow"
    return [f"the next four lines are {_age(facts['age_s'])} old, all others are of now: {why}"]


def _available(capital: Record, halt: Record | None) -> str:
    """The sum with the age of the look that is longest ago; the wallets are looked at one after the other."""
    if capital["available"] is None:
        return "what is available is not looked at while halted" if halt else f"what is available is {UNKNOWN}"
    oldest = _age(capital["available_age_s"])
    return f"{_sol(capital['available'])} SOL available (each wallet looked at within the last {oldest})"


def _numbers_of_before(facts: Record) -> list[str]:
    lines = [f"users, positions, trades and result: not known: {facts['why']}"]
    if last := facts["last"]:
        lines.append(
            f"  {_age(last['age_s'])} ago, at {last['as_of']}: {_counted(last['positions_open'], 'position')} open,"
            f" {_sol(last['deployed_lamports'])} SOL deployed, {_counted(last['unknown'], 'order')} unproven"
        )
    return lines


def _flatten(flatten: Record | None) -> list[str]:
    """How far the selling is that a halt, a user or an operator ordered."""
    if flatten is None:
        return []
    states = ", ".join(f"{flatten[state]} {state}" for state in ("sold", "selling", "waiting", "unsellable", "held"))
    frozen = f" ({flatten['frozen']} of the unsellable in frozen wallets)" if flatten.get("frozen") else ""
    return [f"flatten of {_whom(flatten)}: {_counted(flatten['total'], 'position')}: {states}{frozen}"]


def _spool(spool: Record | None, cannot_sell: str | None) -> list[str]:
    """What waits in the journal of exits; nothing where the database has it all."""
    if spool is None or not (spool["records"] or spool["from_memory"] or spool["trouble"]):
        return []
    oldest = "" if spool["oldest_s"] is None else f", the oldest for {_age(spool['oldest_s'])}"
    trouble = f"; no exit can be signed: {spool['trouble']}" if spool["trouble"] else ""
    made = "exits wait for the database" if cannot_sell else "exits are made from memory"
    return [f"{made}; {_counted(spool['records'], 'record')} in the journal{oldest}{trouble}"]


def _lease(lease: Record | None) -> list[str]:
    """Who leads on the database, and who takes over."""
    if lease is None:
        return []
    standby = lease["standby"]
    waits = "nobody stands by" if standby is None else f"{standby['name']} stands by since {standby['since']}"
    return [f"leads on the database with epoch {lease['epoch']} since {lease['since']}; {waits}"]


def _recorder(recorder: Record | None) -> list[str]:
    """What is recorded of the market; an older bot, or one that records nothing, says nothing."""
    if recorder is None:
        return []
    since = f" since {recorder['oldest']}" if recorder["oldest"] else ""
    kept = f"{recorder['kept_bytes'] / 1_000_000:.1f} MB kept{since}"
    torn = f", {_counted(recorder['torn_files'], 'torn file')} set aside" if recorder["torn_files"] else ""
    trouble = f"; it does not go on: {recorder['trouble']}" if recorder["trouble"] else ""
    rows = f"{_counted(recorder['written'], 'row')} since the start, {recorder['dropped']} dropped"
    return [f"recorder: {rows}, {kept}{torn}{trouble}"]


def _dollars(usd: Record | None) -> list[str]:
    """What a SOL costs; an old price is not told."""
    if usd is None:
        return []
    if usd["micro_usd_per_sol"] is None:
        why = f": {usd['trouble']}" if usd["trouble"] else ""
        return [f"SOL in dollars: {UNKNOWN}{why}"]
    return [f"SOL in dollars: {usd['micro_usd_per_sol'] / 1_000_000:.2f} USD, {_age(usd['age_s'])} old"]


def _opinions(opinions: Record | None) -> list[str]:
    """Who judges entries; an older bot does not say."""
    if opinions is None:
        return []
    if opinions["by"] == "rules":
        refused = f"; the model is not used: {opinions['refused']}" if opinions["refused"] else ""
        return [f"opinions: by the rules{refused}"]
    until, age_s = opinions["trained_until"], opinions["age_s"]
    trained = (
        "" if age_s is None else f", trained on launches until {until[:10]} ({_counted(age_s // 86_400, 'day')} ago)"
    )
    rows = _counted(opinions["drift_rows"], "launch", "launches")
    moved = ", ".join(f"{one['column']} {one['index']:.2f}" for one in opinions["moved"])
    drift = f"of the newest {rows} these have moved: {moved}" if moved else f"nothing has moved in the newest {rows}"
    worth = "; the market is no longer that of the training" if opinions["has_drifted"] else ""
    return [f"opinions: by {opinions['by']}{trained}, {opinions['judged']} judged, {drift}{worth}"]


def _monitors(monitors: Record) -> str:
    expected = UNKNOWN if monitors["expected"] is None else monitors["expected"]
    look = _age(monitors["oldest_check_s"], "ago", "none")
    blind = f", {monitors['without_price']} without a price" if monitors.get("without_price") else ""
    return f"{monitors['live']} live of {expected} expected, {monitors['fallback']} by the fallback{blind}, oldest look {look}"


def _books(status: Record) -> list[str]:
    """Whether every wallet's books were compared: what is waited for at a start, and before a halt is ended."""
    if status["reconciled"]:
        return ["books: every wallet was compared with the chain since the start"] if status["halt"] else []
    return ["books: not every wallet was compared with the chain since the start"]


def _ledger(ledger: Record) -> str:
    wallets = UNKNOWN if ledger["wallets"] is None else ledger["wallets"]
    oldest = ledger.get("oldest_check_s")
    age = "" if oldest is None else f", the oldest comparison {oldest} s ago"
    stuck = ledger.get("refused_orders", 0)
    refused = f"; {stuck} landed and cannot be written into it, see runbooks/ledger.md" if stuck else ""
    return (
        f"{ledger['exact']} of {wallets} wallets were exact to the lamport when last compared,"
        f" {ledger['last_checked'] or 'never'}{age}{refused}"
    )


def _uncompared(uncompared: Sequence[Record], causes: Sequence[Record]) -> list[str]:
    """Wallets whose books nobody could hold against the chain, each with the time of the first look that failed.

    One line for all of them where none can be compared, because no endpoint answers such a question.
    """
    if uncompared and any(one["scope"] == "global" and one["cause"] in {"rpc", "rpc_budget"} for one in causes):
        since = min(one["since"] for one in uncompared)
        return [
            f"  not compared with the chain since {since}: {_counted(len(uncompared), 'wallet')}, for want of an endpoint"
        ]
    return [
        f"  not compared with the chain since {one['since']}: the wallet of {one['user']}"
        f"{', whose entries are paused by it' if one['paused'] else ''}: {one['why']}"
        for one in uncompared[:USERS_SHOWN]
    ] + ([f"  and {len(uncompared) - USERS_SHOWN} more wallets"] if len(uncompared) > USERS_SHOWN else [])


def _scanners(followed: Record) -> str:
    if not followed["expected"] and not followed["live"]:
        return UNKNOWN if followed["expected"] is None else "0"
    expected = UNKNOWN if followed["expected"] is None else followed["expected"]
    waiting = f", {followed['waiting']} of them waiting: {followed['trouble']}" if followed["waiting"] else ""
    stream = _wallet_stream(followed)
    others = " at the others" if followed.get("told") else ""
    every = "" if followed.get("every_s") is None else f"each looked at every {_age(followed['every_s'])} or sooner, "
    look = f"{every}oldest look{others} {_age(followed['oldest_look_s'], 'ago', 'none')}"
    return f"{followed['live']} of {expected} ({stream}{look}{waiting})"


def _wallet_stream(followed: Record) -> str:
    """The source that tells what followed wallets do, where there is one: how many it tells of, or what ails it."""
    stream = followed.get("stream")
    if stream is None:
        return ""
    ill = f", {stream['calls'] - stream['calls_up']} of {stream['calls']} calls not up: {stream['detail']}"
    trouble = ill if stream["calls_up"] < stream["calls"] and stream["detail"] else ""
    heard = _age(stream["age_s"], "ago", "not yet") + _losses(stream)
    if not stream["is_believed"]:
        return f"hints of {stream['name']}, heard {heard}{trouble}; "
    return f"{followed['told']} told by {stream['name']}, heard {heard}{trouble}; "


def _copying(copying: Record | None) -> list[str]:
    """One line for status; none where no leader has traded."""
    if copying is None or not (copying["decided"] or copying["owed"] or copying["ignored"] or copying["trouble"]):
        return []
    took = (
        "" if copying["p50_ms"] is None else f", from buy to order {copying['p50_ms']} ms, p99 {copying['p99_ms']} ms"
    )
    trouble = f"; waits: {copying['trouble']}" if copying["trouble"] else ""
    refused, ignored = sum(copying["refused"].values()), sum(copying["ignored"].values())
    return [
        f"copying: {copying['decided']} swaps of leaders, {copying['ordered']} orders{took}; {refused} refused,"
        f" {copying['owed']} owed, {ignored} swaps ignored{trouble}"
    ]


def _causes(causes: list[Record]) -> str:
    """Those of everybody first; of those of single users some, and how many more."""
    everybodys = [cause for cause in causes if cause["scope"] == "global"]
    users = [cause for cause in causes if cause["scope"] != "global"]
    shown = [*everybodys, *users[:USERS_SHOWN]]
    more = [f"and {len(users) - USERS_SHOWN} more of single users"] if len(users) > USERS_SHOWN else []
    return ", ".join([*(_cause(cause) for cause in shown), *more]) or "none"


def _cause(cause: Record) -> str:
    whose = "" if cause["scope"] == "global" else f" of {_whom(cause)}"
    if cause["binds"] == "automated":
        whose += ", for what buys by itself alone"
    if cause["ends_at"]:
        return f"{cause['cause']}{whose} (well again; it ends at {cause['ends_at']} if it stays so)"
    return f"{cause['cause']}{whose} ({cause['why']})"


def _whom(cause: Record) -> str:
    if cause["user"]:
        return f"user {cause['user']}"
    scope = str(cause["scope"])
    return "everybody" if scope == "global" else scope.replace("program:", "program ")


def _counted(number: int, thing: str, things: str | None = None) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {things or f'{thing}s'}"


def _sol(lamports: int, *, signed: bool = False) -> str:
    """SOL in four decimals, rounded as `bot top` rounds it: half away from zero."""
    size = (abs(lamports) + LAMPORTS_PER_DIGIT // 2) // LAMPORTS_PER_DIGIT
    sign = "-" if lamports < 0 else "+" if signed and lamports else ""
    return f"{sign}{size // 10_000}.{size % 10_000:04}"


def _age(seconds: float | None, after: str = "", nothing: str = UNKNOWN) -> str:
    if seconds is None:
        return nothing
    whole = int(seconds)
    if whole < 10:
        text = f"{seconds:.1f} s"
    elif whole < 120:
        text = f"{whole} s"
    elif whole < 7200:
        text = f"{whole // 60} min"
    else:
        text = f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{text} {after}".rstrip()


def tree_text(answer: Record) -> str:
    """What `bot supervisor status` prints: the sentence, level and causes, then one line for each node."""
    lines = [answer["sentence"], f"level {answer['level']}; pause causes: {_causes(answer['causes'])}", ""]

    def walk(node: Record, depth: int) -> None:
        mailbox = node["mailbox"]
        depth_text = f"  mailbox {mailbox['depth']}/{mailbox['capacity']}" if mailbox else ""
        failed_at = f" at {node['last_failure_at']}" if node["last_failure_at"] else ""
        failure = f"  last failure{failed_at}: {node['last_failure']}" if node["last_failure"] else ""
        working = "" if node["message_age_s"] is None else f"  in work for {_age(node['message_age_s'])}"
        ending = "" if node["ending_s"] is None else f"  asked to end {_age(node['ending_s'], 'ago')}"
        kind = f" ({node['strategy']})" if node["strategy"] else ""
        lines.append(
            f"{'  ' * depth}{node['name']}{kind}  {node['state']}  incarnation {node['incarnation']}"
            f"  restarts {node['restarts']}{depth_text}{working}{ending}{failure}"
        )
        for child in node["children"]:
            walk(child, depth + 1)
        if unlisted := node["unlisted"]:
            states = ", ".join(f"{count:,} {state}" for state, count in unlisted.items())
            lines.append(f"{'  ' * (depth + 1)}and {sum(unlisted.values()):,} more: {states}")

    walk(answer["tree"], 0)
    return "\n".join(lines)
