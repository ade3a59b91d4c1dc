"""OTP on trio: supervisors, actors, mailboxes. Generic: nothing of ours is imported in here, and nothing of trading."""

from actors.runtime.actor import Actor
from actors.runtime.breaker import BreakerState, BreakerStatistics, CircuitBreaker
from actors.runtime.child import ChildInfo, ChildState, ChildStatistics
from actors.runtime.context import Context
from actors.runtime.errors import (
    ActorDead,
    ActorError,
    ActorFailed,
    AlreadyPresent,
    AlreadyStarted,
    BreakerOpen,
    Ignore,
    IgnoreType,
    InitFailed,
    MailboxFull,
    MaxChildren,
    NoProc,
    NotFound,
    Restarting,
    Running,
    Shutdown,
    SpecError,
    SupervisionError,
    SupervisorError,
)
from actors.runtime.exits import Exit, ExitKind, Report, ReportFn, ReportKind, Terminated
from actors.runtime.host import open_supervisor, whereis
from actors.runtime.letters import DeadLetter
from actors.runtime.mailbox import MailboxStatistics
from actors.runtime.policy import Backoff
from actors.runtime.ref import Ref
from actors.runtime.spec import ChildSpec, Mailbox, StopMode, SupervisorSpec, check_childspecs
from actors.runtime.supervision_check import Table
from actors.runtime.supervision_diff import RESTART_BOT, Change, compare
from actors.runtime.supervision_file import Dialect, Start, Supervision, load_supervision, read_supervision
from actors.runtime.supervisor import Counts, Supervisor, SupervisorStatistics
from actors.runtime.watchdog import LoopStatistics, LoopWatchdog, loop_watchdog

__all__ = [
    "RESTART_BOT",
    "Actor",
    "ActorDead",
    "ActorError",
    "ActorFailed",
    "AlreadyPresent",
    "AlreadyStarted",
    "Backoff",
    "BreakerOpen",
    "BreakerState",
    "BreakerStatistics",
    "Change",
    "ChildInfo",
    "ChildSpec",
    "ChildState",
    "ChildStatistics",
    "CircuitBreaker",
    "Context",
    "Counts",
    "DeadLetter",
    "Dialect",
    "Exit",
    "ExitKind",
    "Ignore",
    "IgnoreType",
    "InitFailed",
    "LoopStatistics",
    "LoopWatchdog",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "MaxChildren",
    "NoProc",
    "NotFound",
    "Ref",
    "Report",
    "ReportFn",
    "ReportKind",
    "Restarting",
    "Running",
    "Shutdown",
    "SpecError",
    "Start",
    "StopMode",
    "Supervision",
    "SupervisionError",
    "Supervisor",
    "SupervisorError",
    "SupervisorSpec",
    "SupervisorStatistics",
    "Table",
    "Terminated",
    "check_childspecs",
    "compare",
    "load_supervision",
    "loop_watchdog",
    "open_supervisor",
    "read_supervision",
    "whereis",
]
