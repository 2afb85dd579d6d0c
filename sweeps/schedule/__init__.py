"""Reports that arrive by themselves: at the times of a cron expression, each made once, with a word on what changed.

Times                       cron's five fields in a time zone, and its occurrences
Schedule                    what is wanted when
Keeper(...).keep()          keep a schedule; `once` does what is due and leaves
addresses(...)              where messages go, from the environment or a private file
printed(kind, ...)          the same for crontab, systemd or Kubernetes
ScheduleError               what went wrong, in words for people

`times` and `next_step` are pure; `state` is what is remembered on disk; `occurring` has the steps of one occurrence,
`running` the sweep of one, `children` its process and signals, `pages` the index and the newest report.
"""

from sweeps.schedule.elsewhere import KINDS, printed
from sweeps.schedule.mistakes import ScheduleError
from sweeps.schedule.notifying import addresses
from sweeps.schedule.service import DONE, FAILED, STOPPED, WAITING, Keeper
from sweeps.schedule.state import NAME, Schedule
from sweeps.schedule.times import Times, local_zone

__all__ = [
    "DONE",
    "FAILED",
    "KINDS",
    "NAME",
    "STOPPED",
    "WAITING",
    "Keeper",
    "Schedule",
    "ScheduleError",
    "Times",
    "addresses",
    "local_zone",
    "printed",
]
