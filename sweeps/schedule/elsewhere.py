"""The same schedule kept by somebody else: cron, systemd or Kubernetes starts `sweep schedule … --once` at each time.

What was missed is still caught up, and nothing made twice, as `--once` does what is due by the schedule's own record.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from sweeps.schedule.children import console_script
from sweeps.schedule.mistakes import ScheduleError
from sweeps.schedule.notifying import VARIABLE
from sweeps.schedule.state import Schedule
from sweeps.schedule.times import Times, local_zone

KINDS = ("crontab", "systemd", "cronjob")
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_DATA, _DEFINITIONS, _SECRETS = "/kurabe-data", "/definitions", "kurabe-secrets"  # in a cluster


def printed(kind: str, schedule: Schedule, notify: Path | None) -> str:
    """What to give to cron, systemd or Kubernetes; `notify`: a file with addresses for messages."""
    return {"crontab": crontab, "systemd": systemd, "cronjob": cronjob}[kind](schedule, notify)


def crontab(schedule: Schedule, notify: Path | None) -> str:
    """Lines for `crontab -e`."""
    times = schedule.times
    lines = [f"# Kurabe: reports of {schedule.name}; addresses for messages belong into a file, see --notify"]
    if times.zone != local_zone():
        lines += [f"# These are times in {times.zone}. Where cron knows no CRON_TZ, give them in its own time zone:"]
        lines += [
            "# a start that comes late is no harm, as long as there is one after each time.",
            f"CRON_TZ={times.zone}",
        ]
    folder, log = (shlex.quote(str(each)) for each in (schedule.folder, schedule.folder / "cron.log"))
    command = f"mkdir -p {folder} && {shlex.join(_command(schedule, notify))} >> {log} 2>&1"
    escaped = command.replace("%", r"\%")  # cron ends the command at a bare one
    return "\n".join([*lines, f"{' '.join(times.fields)} {escaped}", ""])


def systemd(schedule: Schedule, notify: Path | None) -> str:
    """A service and a timer, for ~/.config/systemd/user or /etc/systemd/system."""
    unit = f"kurabe-{schedule.name}"
    command = " ".join(_for_systemd(word) for word in _command(schedule, notify))
    calendar = "\n".join(f"OnCalendar={each}" for each in on_calendar(schedule.times))
    return f"""\
# {unit}.service
[Unit]
Description=Kurabe: reports of {schedule.name}

[Service]
Type=oneshot
ExecStart={command}
TimeoutStopSec=30

# {unit}.timer
[Unit]
Description=Times of Kurabe's reports of {schedule.name}

[Timer]
{calendar}
Persistent=true

[Install]
WantedBy=timers.target

# Each part in the file that its first line names; then: systemctl --user daemon-reload
# systemctl --user enable --now {unit}.timer
"""


def on_calendar(times: Times) -> list[str]:
    """The times as systemd writes them; two where cron's day of month and day of week are alternatives."""
    parsed = times.parsed
    clock = f"{_set(parsed.hours, range(24))}:{_set(parsed.minutes, range(60))}:00 {times.zone}"
    months, days = _set(parsed.months, range(1, 13)), _set(parsed.days, range(1, 32))
    week = sorted({int(str(day)) % 7 for day in parsed.weekdays})
    names = "" if len(week) == 7 else ",".join(_DAYS[day] for day in week) + " "
    if parsed.day_and or not names or days == "*":
        return [f"{names}*-{months}-{days} {clock}"]
    return [f"*-{months}-{days} {clock}", f"{names}*-{months}-* {clock}"]


def cronjob(schedule: Schedule, notify: Path | None) -> str:
    """A CronJob, and a ConfigMap with those definitions that are files. Strings are written as JSON, which YAML reads.

    Raises:
        ScheduleError: an option names a file of this machine.
    """
    if notify is not None:
        raise ScheduleError(
            f"--notify: a file of this machine; in a cluster {VARIABLE} belongs into the secret {_SECRETS}"
        )
    name = f"kurabe-{schedule.name.lower().replace('_', '-')}"[:52].rstrip("-")  # what Kubernetes takes
    texts = {Path(each).name: Path(each).read_text(encoding="utf-8") for each in schedule.subjects if _is_file(each)}
    there = [f"{_DEFINITIONS}/{Path(each).name}" if _is_file(each) else each for each in schedule.subjects]
    arguments = _arguments(schedule, there, _DATA, None)
    parts = []
    if texts:
        entries = "\n".join(f"  {json.dumps(file)}: {json.dumps(text)}" for file, text in texts.items())
        parts.append(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{entries}\n")
    mounts = f"                - {{name: data, mountPath: {_DATA}}}\n"
    volumes = "            - {name: data, persistentVolumeClaim: {claimName: kurabe-data}}\n"
    if texts:
        mounts += f"                - {{name: definitions, mountPath: {_DEFINITIONS}}}\n"
        volumes += f"            - {{name: definitions, configMap: {{name: {name}}}}}\n"
    parts.append(
        f"""\
# Needs an image that holds Kurabe, and a claim kurabe-data (ReadWriteOnce, no network file system: SQLite locks it).
# The secret {_SECRETS} may hold {VARIABLE}, MLFLOW_TRACKING_URI and its credentials; it may be missing.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
spec:
  schedule: {json.dumps(" ".join(schedule.times.fields))}
  timeZone: {json.dumps(schedule.times.zone)}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 3
      template:
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 30
          containers:
            - name: sweep
              image: {json.dumps(f"kurabe:{version('kurabe')}")}
              command: ["sweep"]
              args: {json.dumps(arguments)}
              envFrom:
                - secretRef: {{name: {_SECRETS}, optional: true}}
              resources:
                requests: {{cpu: "2", memory: 2Gi}}
              volumeMounts:
{mounts}          volumes:
{volumes}"""
    )
    return "---\n".join(parts)


def _command(schedule: Schedule, notify: Path | None) -> list[str]:
    return [str(console_script()), *_arguments(schedule, schedule.subjects, str(schedule.storage), notify)]


def _arguments(schedule: Schedule, subjects: Iterable[str], storage: str, notify: Path | None) -> list[str]:
    words = ["schedule", " ".join(schedule.times.fields), *subjects, "--once", "--name", schedule.name]
    words += ["--timezone", schedule.times.zone, "--storage", storage]
    words += ["--run"] if schedule.run else []
    words += [word for key, value in schedule.overrides for word in ("--set", f"{key}={value}")]
    words += schedule.options
    return [*words, "--notify", str(notify)] if notify is not None else words


def _is_file(subject: str) -> bool:
    return "/" in subject


def _set(numbers: Iterable[int], every: Sequence[int]) -> str:
    """Numbers with commas; a star for all of them."""
    found = sorted(set(numbers))
    return "*" if found == list(every) else ",".join(f"{each:02d}" for each in found)


def _for_systemd(word: str) -> str:
    """One argument of ExecStart: specifiers, variables and quotes are taken from it."""
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return safe if safe and all(c.isalnum() or c in "/._-=@:+,%$" for c in safe) else f'"{safe}"'
