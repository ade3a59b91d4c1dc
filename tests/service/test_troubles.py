"""What is added about others to a sentence of status: who does not run, in one line, and nobody who runs again."""

from __future__ import annotations

from actors.runtime import ChildStatistics
from actors.runtime.child import ChildState
from bot.troubles import also, find_troubles, sentence

NOW_MS = 1_790_000_000_000


def worker(path: str, state: ChildState, failure: str | None, ending_s: float | None = None) -> ChildStatistics:
    return ChildStatistics(
        path=path,
        id=path.rpartition("/")[2],
        running_s=None,
        state=state,
        incarnation=3,
        restarts=2,
        last_failure=failure,
        last_failure_at=0.0,
        mailbox=None,
        ending_s=ending_s,
    )


def test_who_runs_again_is_not_in_trouble_and_a_traceback_stays_in_the_log() -> None:
    traceback = 'BotError: the local chain ended\nTraceback (most recent call last):\n  File "x.py", line 1'
    workers = [
        worker("foundation/local_chain", "running", traceback),
        worker("root/hunt/snipers/u", "restarting", traceback),
    ]
    troubles = find_troubles(workers, {}, lambda _: NOW_MS, NOW_MS)
    assert also(troubles) == " Also in trouble (1): root/hunt/snipers/u (restarting)."
    told = sentence(troubles, ())
    assert "the local chain ended" in told
    assert "Traceback" not in told
    assert also([trouble for trouble in troubles if trouble.state == "running"]) == ""


def test_who_was_asked_to_end_and_has_not_is_named_and_who_ends_in_time_is_not() -> None:
    workers = [
        worker("root/money/reconciler", "running", None, ending_s=4.0),
        worker("root/money/sale_follower", "running", None, ending_s=1.0),
        worker("root/hunt/snipers/u", "quarantined", "unkillable: ignores its cancellation", ending_s=60.0),
    ]
    troubles = find_troubles(workers, {}, lambda _: NOW_MS, NOW_MS)
    assert [(one.name, one.state) for one in troubles] == [("reconciler", "ending"), ("u", "quarantined")]
    told = sentence(troubles, ())
    assert told.startswith("The comparison of books and chain was asked to end at 2026-09-21T14:13:16Z and has not")
    assert "runbooks/supervision.md" in told
