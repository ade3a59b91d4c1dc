"""`bot`: the command line. Verbs that only ask use the control socket and import nothing heavy; see docs for the contract.

Exit codes: 0 done, 1 refused or failed with one clear line on stderr, 2 wrong usage, 3 the bot is not running.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bot import control
from bot.backtest_cli import add_backtest, run_backtest
from bot.backups.cli import add_backup, run_backup
from bot.config_cli import add_config, config_verb
from bot.database_cli import add_database, run_database
from bot.doctor_cli import add_doctor, run_doctor
from bot.drills.cli import add_drill, run_drill
from bot.errors import BotError
from bot.export_cli import add_export, export
from bot.hand_over_cli import add_hand_over, run_hand_over
from bot.keys_cli import add_key_verbs, import_wallets, rotate
from bot.paths import control_socket, data_dir
from bot.profile_argument import add_profile
from bot.sqlite_import import add_import, import_sqlite
from bot.status_text import status_text
from bot.supervision.cli import add_verbs, supervision_verb, supervisor_verb
from bot.trace_text import diag_text, trace_text
from bot.train_cli import add_train, run_training

NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
EXIT_REFUSED = 1
EXIT_NOT_RUNNING = 3
LOCALNET = "localnet"  # the chain's own folder in the bot's directory
# Verbs that are handed the arguments and the bot's directory, and do all of it themselves.
BY_FOLDER = {
    "backup": run_backup,
    "database": run_database,
    "doctor": run_doctor,
    "drill": run_drill,
    "hand-over": run_hand_over,
}
SPEED_MIN, SPEED_MAX = 0.01, 1000  # what the replay takes, see `bot localnet --help`


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SPEED_MIN <= speed <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; give {SPEED_MIN} to {SPEED_MAX} times real time")
    return speed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bot", description="A Solana trading bot that can be trusted with money.")
    _add_data_dir(parser, None)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    run = verbs.add_parser("run", help="run the bot (profile local by default: no key and no network needed)")
    add_profile(run)
    run.add_argument("--config", metavar="FILE", help="settings file; every key is checked before anything starts")
    run.add_argument(
        "--market", metavar="PATH", help="replay a recorded market, a file or a folder, on the local chain"
    )
    run.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="replay N times as fast as recorded")
    run.add_argument("--supervision", metavar="FILE", help="supervision.toml (default: the one that is installed)")

    status = verbs.add_parser("status", help="state, level, causes, positions, today's trades, health of each service")
    supervision = add_verbs(verbs)
    about_keys = add_key_verbs(verbs)
    top = verbs.add_parser("top", help="live terminal dashboard; q leaves")
    top.add_argument("--once", action="store_true", help="print one frame and end")
    web = _add_web(verbs)
    chat = verbs.add_parser("chat", help="the chat commands on the console; on a pipe one command per line")
    chat.add_argument(
        "--as", dest="speaker", metavar="TELEGRAM_ID", help="speak as this user (profile local: any, or a handle)"
    )
    trace = verbs.add_parser("trace", help="one order's life with its times, from the first frame to the message")
    trace.add_argument("word", metavar="INTENT|SIGNATURE|POSITION", help="which; a position's story has all its orders")
    add_train(verbs)
    diag = verbs.add_parser("diag", help="why a user's sniper bought or did not: each gate with its number")
    diag.add_argument("--user", metavar="ID", required=True, help="a handle or a Telegram id")
    diag.add_argument("what", nargs="?", choices=("snipe",), default="snipe", help="the sniper (default)")
    brakes = _add_brakes(verbs)
    add_backtest(verbs)
    exporting, backing_up = add_export(verbs), add_backup(verbs)
    config, doctor, drill = add_config(verbs), add_doctor(verbs), add_drill(verbs)
    moving = add_database(verbs), add_import(verbs), add_hand_over(verbs)
    verbs.add_parser(
        "localnet", help="the local chain by itself, and its faults; see `bot localnet --help`", add_help=False
    )

    asking = run, status, top, web, chat, trace, diag, *brakes, *supervision, *config, *about_keys
    for verb in (*asking, exporting, *backing_up, doctor, drill, *moving):
        _add_data_dir(verb, argparse.SUPPRESS)
    for verb in (status, trace, diag, doctor, drill):
        verb.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _add_brakes(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> tuple[argparse.ArgumentParser, ...]:
    """The operator's actions on the trading state."""
    pause = verbs.add_parser("pause", help="pause all entries until `bot resume`; exits and monitors go on")
    flatten = verbs.add_parser("flatten", help="halt: sell every position and stop trading until `bot rearm`")
    for verb in (pause, flatten):
        verb.add_argument("--why", metavar="TEXT", help="the reason, for the audit and for whoever looks at the status")
    flatten.add_argument(
        "--user", metavar="ID", help="only this user (handle or Telegram id): pause and sell what he holds"
    )
    flatten.add_argument(
        "--program",
        metavar="NAME",
        help="only what trades at this program (pumpfun, pumpswap or jupiter), and no entries there",
    )
    flatten.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    resume = verbs.add_parser("resume", help="end the operator's own pause")
    rearm = verbs.add_parser("rearm", help="end a halt after everything is flat")
    return pause, flatten, resume, rearm


def _add_web(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The verb that serves the dashboard; nothing of it is loaded before it is asked for."""
    web = verbs.add_parser("web", help="live dashboard for a browser, on this machine alone and behind a token")
    web.add_argument(
        "--port", type=_port, default=8480, metavar="N", help="of 127.0.0.1 (default: 8480; 0: a free one)"
    )
    web.add_argument(
        "--token-file",
        metavar="FILE",
        help="who shows its one line may look and act (default: the credential web-token, else web.token in the data"
        " directory, which is made)",
    )
    web.add_argument(
        "--name",
        action="append",
        default=[],
        dest="names",
        metavar="HOST",
        help="the name of a TLS proxy before it; may be given again",
    )
    return web


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535")
    return int(text)


def _add_data_dir(parser: argparse.ArgumentParser, default: object) -> None:
    """Before the verb or behind it; behind it wins, and with no default there it leaves alone what came before."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        default=default,
        help="default: $BOT_DATA_DIR, $STATE_DIRECTORY, ~/.local/state/trading-bot",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if (behind := _behind_localnet(words)) is not None:
        from bot.database_faults import DatabaseFaults
        from bot.localnet import main as localnet_main

        return localnet_main(behind, DatabaseFaults())
    arguments = _parser().parse_args(words)
    try:
        code = _run_verb(arguments)
        sys.stdout.flush()
        return code
    except control.NotRunning as error:
        print(f"bot: {error}", file=sys.stderr)
        return EXIT_NOT_RUNNING
    except BotError as error:
        for line in str(error).splitlines():
            print(f"bot: {line}", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_REFUSED
    except BrokenPipeError:
        _nobody_reads()
        return EXIT_REFUSED
    except OSError as error:
        if error.errno not in NOT_WRITTEN:
            raise
        _nobody_reads()
        print(f"bot: {error.filename or 'the output'}: cannot be written: {error.strerror}", file=sys.stderr)
        return EXIT_REFUSED


def _nobody_reads() -> None:
    """What is still to be written to the standard output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _behind_localnet(words: Sequence[str]) -> list[str] | None:
    """The words behind the verb localnet, None where it is another one. The bot's directory before it names the chain's."""
    match words:
        case ["localnet", *behind]:
            return list(behind)
        case ["--data-dir", given, "localnet", *behind] if given:
            return ["--data-dir", str(data_dir(given) / LOCALNET), *behind]
        case [option, "localnet", *behind] if option.startswith("--data-dir=") and not option.endswith("="):
            return ["--data-dir", str(data_dir(option.partition("=")[2]) / LOCALNET), *behind]
    return None


def _folder(given: str | None) -> Path:
    """The data directory; of one that is not there yet, or cannot be looked at, its verb knows more. Raises BotError."""
    if given == "":
        raise BotError("--data-dir is empty; give a directory, or leave it out")
    directory = data_dir(given)
    with suppress(OSError):
        if not stat.S_ISDIR(directory.stat().st_mode):
            raise BotError(
                f"{directory}: is no folder, and the bot keeps its things in one; give --data-dir the folder"
            )
    return directory


def _run_verb(arguments: argparse.Namespace) -> int:
    directory = _folder(getattr(arguments, "data_dir", None))
    match arguments.verb:
        case "run":
            from bot import app

            return app.run(arguments, directory)
        case "vault":
            from bot import vault_process

            return vault_process.run(arguments, directory)
        case "status":
            answer = control.ask(control_socket(directory), {"verb": "status"})
            print(json.dumps(answer, indent=2) if arguments.json else status_text(answer))
        case "supervisor":
            return supervisor_verb(arguments, control_socket(directory))
        case "supervision":
            return supervision_verb(arguments, control_socket(directory))
        case "flatten" if not arguments.yes and not _confirmed(arguments.user, arguments.program):
            raise BotError("not confirmed; nothing was done (--yes skips the question)")
        case "pause" | "resume" | "flatten" | "rearm" as verb:
            request = {"verb": verb, **{name: getattr(arguments, name, None) for name in ("why", "user", "program")}}
            print(control.ask(control_socket(directory), request)["text"])
        case "import-sqlite":
            return import_sqlite(control_socket(directory), arguments.file, dry=arguments.dry_run)
        case "keys" if arguments.what == "import":
            return import_wallets(control_socket(directory), arguments.file)
        case "keys" if arguments.what == "rotate":
            return rotate(control_socket(directory))
        case "keys":
            print(control.ask(control_socket(directory), {"verb": "keys"})["text"])
        case "top":
            from bot import top

            return top.main(control_socket(directory), once=arguments.once)
        case "config":
            return config_verb(arguments, control_socket(directory))
        case "web":
            from bot.web import dashboard

            return dashboard.main(
                control_socket(directory),
                directory,
                port=arguments.port,
                token=arguments.token_file,
                names=arguments.names,
            )
        case "localnet":
            raise BotError("give --data-dir DIR directly before localnet, or the chain's own directory behind it")
        case "trace":
            answer = control.ask(control_socket(directory), {"verb": "trace", "word": arguments.word})
            print(json.dumps(answer, indent=2) if arguments.json else trace_text(answer))
        case "diag":
            answer = control.ask(control_socket(directory), {"verb": "diag", "user": arguments.user})
            print(json.dumps(answer, indent=2) if arguments.json else diag_text(answer))
        case "train":
            return run_training(arguments, directory)
        case "export":
            return export(control_socket(directory), arguments.what, arguments.file, arguments.user, arguments.days)
        case verb if verb in BY_FOLDER:
            return BY_FOLDER[verb](arguments, directory)
        case "backtest":
            return run_backtest(arguments)
        case "chat":
            return control.chat(control_socket(directory), arguments.speaker)
    return 0


def _confirmed(user: str | None, program: str | None) -> bool:
    """Ask a person at a terminal; nobody can be asked on a pipe."""
    if not sys.stdin.isatty():
        return False
    whose = "EVERY position of EVERY user, and stop trading"
    if user or program:
        whose = f"the positions of {user}" if user else f"every position on {program}, and buy nothing there"
    return input(f"Sell {whose}? Type yes: ").strip() == "yes"


if __name__ == "__main__":
    sys.exit(main())
