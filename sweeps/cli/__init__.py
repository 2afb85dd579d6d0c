"""The console script `sweep`: arguments in, exit code out. Each command imports what it needs when it runs.

Exit codes: 0 all well; 1 the sweep ended but a trial raised, ran out of memory or was lost; 2 the input was refused;
3 MLflow is behind the journal; 4 a run trained again gave other numbers; 5 what `report --fail-on` names happened;
130 interrupted, resumable.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

OK, TRIALS_FAILED, REFUSED, BEHIND, DIFFERENT, CHANGED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_SETTING = "key=value"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    if not hasattr(chosen, "call"):
        parser.print_help()
        return OK
    module, function = chosen.call
    try:
        return int(getattr(import_module(module), function)(chosen))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `sweep results | head` is no mistake
        return OK
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (
        Exception
    ) as error:  # the one place where a user's mistakes become text; anything else is ours and keeps its traceback
        if not is_users(error):
            raise
        print(error, file=sys.stderr)
        return REFUSED


def is_users(error: Exception) -> bool:
    """Whether an exception speaks of the user's input or surroundings, in words meant for them."""
    from cluster.connect import ConnectionRefused
    from model.data import DataError
    from model.plugins import PluginError
    from sweeps.journal import JournalError
    from sweeps.mistakes import DefinitionError
    from sweeps.reproduction import ReproductionError
    from sweeps.storage import StorageError

    expected: tuple[type[Exception], ...] = (
        ConnectionRefused,
        DataError,
        PluginError,
        JournalError,
        DefinitionError,
        ReproductionError,
        StorageError,
    )
    return isinstance(error, expected) or any(
        each.__name__ in ("TrackingError", "ScheduleError") for each in type(error).__mro__
    )


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog="sweep",
        description="Which optimizer, initial weights, regularization and hyper-parameters, and how sure can I be?",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, call: str, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, parents=parents)
        module, _, function = call.partition(":")
        sub.set_defaults(call=(f"sweeps.cli.{module}", function))
        return sub

    storage = argparse.ArgumentParser(add_help=False)
    storage.add_argument(
        "--storage", metavar="FOLDER", default="kurabe-data", help="where everything is kept (default: %(default)s)"
    )
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--workers", metavar="N", type=_count, help="trials at a time (default: one for each core)")
    running.add_argument(
        "--cluster", metavar="HOST:PORT", help="a Ray cluster that is already up (default: this machine)"
    )
    running.add_argument(
        "--no-tracking", action="store_true", help="write the journal alone; `sweep sync` fills MLflow later"
    )
    running.add_argument("--no-report", action="store_true", help="make no report at the end")
    running.add_argument("--quiet", action="store_true", help="no live view")
    definition = argparse.ArgumentParser(add_help=False)
    definition.add_argument(
        "definition", metavar="DEFINITION", help="a shipped name (see `sweep list`) or the path of a TOML file"
    )
    definition.add_argument("--trials", metavar="N", type=_count, help="replaces search.trials, or trials_per_level")
    definition.add_argument("--seed", metavar="N", type=int, help="replaces search.seed")
    definition.add_argument(
        "--first-replicate",
        metavar="N",
        type=int,
        default=0,
        help="count replicates from here: another number gives new evidence (default: %(default)s)",
    )
    definition.add_argument(
        "--set",
        metavar=_SETTING,
        action="append",
        default=[],
        type=_setting,
        help="replace any value of the definition",
    )
    name = argparse.ArgumentParser(add_help=False)
    name.add_argument("name", metavar="NAME", help="an execution (digits-2), or a definition's name for its latest one")

    command("run", "run:run", "run a sweep, or continue its unfinished last execution", definition, running, storage)
    check = command(
        "check", "plan:check", "validate a definition and show the plan; trains nothing", definition, storage
    )
    check.add_argument("--workers", metavar="N", type=_count, help="trials at a time, for the forecast")
    command("list", "inspect:list_all", "shipped definitions and stored executions", storage)
    command("choices", "plan:choices", "every registered name with its hyper-parameters, bounds and source")
    status = command("status", "inspect:status", "how an execution stands; also while it runs", name, storage)
    status.add_argument("--json", action="store_true", help="as JSON")
    resume = command("resume", "run:resume", "continue an execution after any interruption", name, running, storage)
    resume.add_argument(
        "--extend",
        metavar="N",
        type=_count,
        help="add so much to the budget that was reached: points, seconds or epochs",
    )
    results = command("results", "inspect:results", "one row a trial", name, storage)
    results.add_argument(
        "--format", choices=("table", "json", "csv", "parquet"), default="table", help="default: %(default)s"
    )
    report = command("report", "publish:report", "write the comparison report from MLflow", storage)
    report.add_argument("names", metavar="NAME", nargs="+", help="executions, or definitions' names for their latest")
    _add_changes(report)
    schedule = command(
        "schedule", "schedule:schedule", "make reports at the times of a cron expression, and say what changed", storage
    )
    _add_schedule(schedule)
    command("sync", "publish:sync", "bring MLflow up to date from the journal", name, storage)
    reproduce = command(
        "reproduce", "reproduce:reproduce", "train a run of MLflow's again and compare to the last bit", storage
    )
    reproduce.add_argument("run_id", metavar="RUN_ID", help="a trial's run id, as MLflow shows it, or its beginning")
    reproduce.add_argument(
        "--data", metavar="PATH", help="where the data are here, if elsewhere than when the run was made"
    )
    ui = command("ui", "publish:ui", "serve the MLflow UI on loopback, opened at the comparison", storage)
    ui.add_argument("name", metavar="NAME", nargs="?", help="the execution to compare (default: the latest of all)")
    ui.add_argument("--port", type=int, default=0, help="default: a free one")
    ui.add_argument("--no-browser", action="store_true", help="print the link only")
    doctor = command("doctor", "inspect:doctor", "check this machine; name each fix", storage)
    doctor.add_argument("--cluster", metavar="HOST:PORT", help="check that cluster too")
    return parser


def _add_changes(report: argparse.ArgumentParser) -> None:
    report.add_argument(
        "--fail-on",
        metavar="WHAT",
        choices=("regression", "failure", "change"),
        help="compare with the execution before, say what changed, and exit with 5 if that is a regression, a new "
        "failure, or anything (change)",
    )
    report.add_argument("--against", metavar="NAME", help="the execution to compare with, and say what changed")


def _add_schedule(schedule: argparse.ArgumentParser) -> None:
    schedule.add_argument("cron", metavar="TIMES", help='five fields as cron has them: "0 7 * * 1" is Mondays at 7:00')
    schedule.add_argument(
        "names", metavar="NAME", nargs="+", help="executions or definitions' names; with --run definitions, as for run"
    )
    schedule.add_argument(
        "--run", action="store_true", help="run each definition again first: a new execution, seed and replicates"
    )
    schedule.add_argument("--timezone", metavar="ZONE", help="for example Europe/Berlin (default: this machine's)")
    schedule.add_argument("--name", metavar="NAME", help="the schedule's own name (default: those of its reports)")
    schedule.add_argument("--once", action="store_true", help="do what is due, then leave: for cron and timers")
    schedule.add_argument(
        "--print",
        metavar="KIND",
        choices=("crontab", "systemd", "cronjob"),
        help="print what lets crontab, systemd or Kubernetes (cronjob) keep this schedule, and leave",
    )
    schedule.add_argument(
        "--notify",
        metavar="FILE",
        type=Path,
        help="a file of mode 0600 with addresses for messages, one a line, besides those in KURABE_NOTIFY",
    )
    for name_of, help_of in (("--workers", "trials at a time"), ("--trials", "replaces search.trials")):
        schedule.add_argument(name_of, metavar="N", type=_count, help=f"of the sweeps: {help_of}")
    schedule.add_argument("--cluster", metavar="HOST:PORT", help="of the sweeps: a Ray cluster that is already up")
    schedule.add_argument(
        "--set", metavar=_SETTING, action="append", default=[], type=_setting, help="of the sweeps: as for `sweep run`"
    )
    schedule.set_defaults(seed=None)  # each sweep has a fresh one


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 18 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"expected {_SETTING}, for example data.name=fashion_mnist, got {text}")
    return key.strip(), value.strip()
