"""A schedule kept through missed times, restarts, kills and an MLflow that is away: no report lost, none made twice.

The clock is the test's; sweeps are journals written by hand in place of `sweep run`; MLflow, the disk and the servers
that messages go to are real.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.tracking import MlflowClient

from cluster.tracking_server import tracking_uri
from sweeps.cli import main
from sweeps.cli.publish import make_report
from sweeps.journal import Journal
from sweeps.schedule import (
    DONE,
    FAILED,
    STOPPED,
    WAITING,
    Keeper,
    Schedule,
    ScheduleError,
    Times,
    addresses,
    occurring,
    printed,
)
from sweeps.schedule.children import Children, Stopped
from sweeps.schedule.elsewhere import on_calendar
from sweeps.schedule.notifying import Addresses
from sweeps.schedule.pages import index
from sweeps.schedule.state import Occurrence, load, occurrences, save
from sweeps.storage import StorageError, executions
from sweeps.tracking import Away, TrackingError, project
from tests.sweeps.report_records import HOSTILE
from tests.sweeps.tracking_journals import Sweep, empty_store
from tests.workshop import DEFINITION

MONDAY = datetime(2026, 3, 2, 7, tzinfo=UTC)
WEEK = timedelta(days=7)


@dataclass
class Clock:
    time: datetime

    def __call__(self) -> datetime:
        return self.time


@dataclass
class ByHand(Children):
    """In place of `sweep run` and `sweep resume`: writes the journal they would, and takes its time from the clock."""

    clock: Clock
    until: datetime
    storage: Path
    commands: list[list[str]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)  # of the next commands that end otherwise
    longest: timedelta = timedelta(minutes=1)  # that the first sweep takes

    def __post_init__(self) -> None:
        super().__init__()

    def run(self, arguments: Sequence[str], log: Path, folder: Path) -> int:
        self.commands.append(list(arguments))
        self.clock.time += self.longest if len(self.commands) == 1 else timedelta(minutes=1)
        options = dict(zip(arguments[2::2], arguments[3::2], strict=False))
        code = self.codes.pop(0) if self.codes else 0
        log.write_text(f"ended with {code}")
        if code == 2:
            return code
        if arguments[0] == "run":
            number = len(executions(self.storage, "tiny")) + 1
            journalled(self.storage, f"tiny-{number}", options, close=code == 0)
        elif code == 0:
            journal = Journal.open(self.storage / arguments[1] / "journal.sqlite")
            journal.append("closed", {"why": "trials", "seconds": 1.0})
            journal.close()
            project(journal.path, tracking_uri(self.storage), self.storage)
        return code

    def sleep(self, seconds: float) -> None:
        self.clock.time += timedelta(seconds=seconds)
        if self.clock.time >= self.until:
            raise Stopped


def journalled(storage: Path, execution: str, options: dict[str, str], *, close: bool = True) -> None:
    search = {"replicates": 1, "confirm": 2, "objective": "validation/loss"}
    definition = {"name": "tiny", "search": search, "space": []}
    seeds = {"seed": int(options["--seed"]), "first_replicate": int(options["--first-replicate"])}
    sweep = Sweep.begin(storage, execution, definition=definition, **seeds)
    sweep.train(sweep.propose(optimizer="adam", learning_rate=0.01)[0], epochs=2, layers=0)
    if close:
        sweep.close()
    sweep.journal.close()
    project(sweep.path, tracking_uri(storage), storage)


@dataclass
class Bench:
    """A storage folder, a clock, and what a schedule said."""

    storage: Path
    clock: Clock
    said: list[str] = field(default_factory=list)
    sent: Addresses = field(default_factory=Addresses)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def schedule(self) -> Schedule:
        given: dict[str, Any] = {"run": True, "subjects": (str(self.storage.parent / "tiny.toml"),)} | self.options
        return Schedule(name="weekly", times=Times("0 7 * * 1"), storage=self.storage, **given)

    def keeper(self, *, until: timedelta = timedelta(0), **children: Any) -> Keeper:
        self.by_hand = ByHand(self.clock, self.clock.time + until, self.storage, **children)
        return Keeper(self.schedule, self.sent, self.said.append, self.clock, self.by_hand)

    def commands(self) -> list[list[str]]:
        """What the last keeper has started."""
        return self.by_hand.commands

    @property
    def reports(self) -> Path:
        return self.schedule.reports

    def done(self) -> list[tuple[str, str]]:
        return [(each.stamp, each.status) for each in occurrences(self.schedule)]

    def runs(self) -> list[Any]:
        client = MlflowClient(tracking_uri(self.storage))
        experiment = client.get_experiment_by_name("kurabe-reports")
        return [] if experiment is None else list(client.search_runs([experiment.experiment_id]))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    storage = tmp_path / "with a space"
    storage.mkdir()
    (storage / "mlflow.sqlite").write_bytes(empty_store())
    text = DEFINITION.format(name="tiny", epochs=2, strategy="random", trials=1, confirm=2)
    (tmp_path / "tiny.toml").write_text(text)
    return Bench(storage, Clock(MONDAY - timedelta(days=1)))


def test_each_time_has_one_report_on_new_evidence(bench: Bench) -> None:
    assert bench.keeper(until=2 * WEEK).keep() == STOPPED
    assert bench.done() == [("2026-03-02T0700Z", "done"), ("2026-03-09T0700Z", "done")]
    first, second = occurrences(bench.schedule)
    assert (first.executions, second.executions, second.against) == (("tiny-1",), ("tiny-2",), {"tiny-2": "tiny-1"})
    plans = [dict(next(iter(each.runs.values()))) for each in (first, second)]
    assert plans[0]["seed"] != plans[1]["seed"]
    assert [plan["first_replicate"] for plan in plans] == [0, 3]  # one replicate of the search, two of the confirmation
    assert [command[0] for command in bench.commands()] == ["run", "run"]
    runs = {run.data.tags["kurabe.occurrence"]: run for run in bench.runs()}
    assert set(runs) == {first.time.isoformat(), second.time.isoformat()}
    tags = runs[second.time.isoformat()].data.tags
    assert (tags["kurabe.kind"], tags["kurabe.schedule"]) == ("report", "weekly")
    assert set(tags) == named_in_the_readme()
    assert (tags["kurabe.executions"], json.loads(tags["kurabe.against"])) == ("tiny-2", {"tiny-2": "tiny-1"})
    artifacts = MlflowClient(tracking_uri(bench.storage)).list_artifacts(second.report_run, "report")
    assert "report/report.html" in {each.path for each in artifacts}
    page = (bench.reports / "2026-03-09T0700Z/report.html").read_text()
    latest = (bench.reports / "latest.html").read_text()
    assert latest == page.replace('href="trials.csv"', 'href="2026-03-09T0700Z/trials.csv"') != page
    listed = (bench.reports / "index.html").read_text()
    assert listed.index("2026-03-09T0700Z/report.html") < listed.index("2026-03-02T0700Z/report.html")
    assert "Mon 2026-03-16 07:00 UTC" in listed
    assert not list(bench.storage.rglob(".*.part")) + list(bench.reports.rglob(".latest*"))


def named_in_the_readme() -> set[str]:
    """The tags of a scheduled report, without the one that is there only when something changed."""
    readme = (Path(__file__).parents[2] / "sweeps" / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| tags of a scheduled report \| (.*) \|$", readme, flags=re.MULTILINE)
    return set(re.findall(r"`([^` ]+)`", row)) - {"kurabe.changed"}


def test_what_was_missed_while_it_was_off_or_busy_is_made_up_for_once(bench: Bench) -> None:
    assert bench.keeper(until=WEEK).keep() == STOPPED
    bench.clock.time = MONDAY + 4 * WEEK + timedelta(hours=3)
    assert bench.keeper(until=timedelta(0)).keep() == STOPPED
    made = occurrences(bench.schedule)
    assert [each.stamp for each in made] == ["2026-03-02T0700Z", "2026-03-30T0700Z"]
    assert (made[1].missed, made[1].first_missed) == (3, (MONDAY + WEEK).isoformat())
    assert "stands for 3 missed before it, since Mon 2026-03-09 07:00 UTC" in (bench.reports / "index.html").read_text()
    bench.clock.time += WEEK
    assert bench.keeper(longest=2.5 * WEEK).keep(once=True) == DONE  # a sweep that two more times come due during
    assert [(each.stamp, each.missed) for each in occurrences(bench.schedule)[2:4]] == [
        ("2026-04-06T0700Z", 0),
        ("2026-04-20T0700Z", 1),
    ]
    assert len(bench.runs()) == len(occurrences(bench.schedule))


class Killed(BaseException):
    """As SIGKILL: nothing is put in order."""


def test_killed_before_and_after_each_step_is_written_down_it_doubles_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills, hook = 0, Hook()
    with hook.listening():
        bench.sent = Addresses((hook.url,))

        def killing(schedule: Schedule, occurrence: Occurrence) -> Occurrence:
            path = schedule.folder / f"{occurrence.stamp}.json"
            if path.exists() and path.read_text() == occurrence.to_json():
                return occurrence
            if kills % 2:  # now after it is written down, now before
                save(schedule, occurrence)
            raise Killed

        monkeypatch.setattr(occurring, "save", killing)
        while not (bench.done() and bench.done()[0][1] == "done"):
            with pytest.raises(Killed):
                bench.keeper().keep(once=True)
            kills += 1
            assert kills < 30
    assert kills > 8
    assert [each.execution for each in executions(bench.storage)] == ["tiny-1"]
    assert len(bench.runs()) == 1
    assert bench.runs()[0].info.status == "FINISHED"
    assert len(hook.posted) == 2  # it was killed between sending and writing that down: better twice than never
    assert len(list(bench.reports.glob("*/report.html"))) == 1
    monkeypatch.undo()
    assert bench.keeper().keep(once=True) == DONE
    assert len(bench.runs()) == 1


def test_a_sweep_that_was_killed_is_resumed_and_one_that_fails_is_told(bench: Bench) -> None:
    assert bench.keeper(codes=[-9]).keep(once=True) == DONE
    assert [command[:2] for command in bench.commands()] == [
        ["run", str(bench.storage.parent / "tiny.toml")],
        ["resume", "tiny-1"],
    ]
    bench.clock.time += WEEK
    assert bench.keeper(codes=[2]).keep(once=True) == FAILED
    bench.clock.time += WEEK
    assert bench.keeper(codes=[-9, 1, -9]).keep(once=True) == FAILED
    assert len(bench.commands()) == 3
    refused, gave_up = occurrences(bench.schedule)[1:]
    assert refused.problems == ("tiny was refused: ended with 2",)
    assert "in 3 starts" in gave_up.problems[0]
    assert len(bench.runs()) == 1
    listed = (bench.reports / "index.html").read_text()
    assert listed.count('<span class="kind alarm">failed</span>') == 2
    (bench.storage.parent / "tiny.toml").write_text("epochs =")
    bench.clock.time += WEEK
    assert bench.keeper().keep(once=True) == FAILED
    assert occurrences(bench.schedule)[-1].problems[0].startswith(str(bench.storage.parent / "tiny.toml"))


def test_while_mlflow_is_away_a_report_waits_and_is_told_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import sweeps.tracking

    away = [3]

    def read(uri: str, names: Sequence[str]) -> Any:
        if away[0]:
            away[0] -= 1
            raise Away("MLflow at http://mlflow: no answer")
        return reading(uri, names)

    reading = sweeps.tracking.read_execution
    monkeypatch.setattr(sweeps.tracking, "read_execution", read)
    hook = Hook()
    with hook.listening():
        bench.sent = Addresses((hook.url,))
        assert bench.keeper().keep(once=True) == WAITING
        assert main(["schedule", "0 7 * * 1", "tiny", "--storage", str(bench.storage), "--print", "crontab"]) == 0
        bench.clock.time += timedelta(hours=1)
        assert bench.keeper(until=timedelta(hours=1)).keep() == STOPPED
    assert bench.done() == [("2026-02-23T0700Z", "done")]
    assert [each["title"] for each in hook.posted] == ["weekly: a report has to wait", "weekly: first report"]
    assert occurrences(bench.schedule)[0].problems == ("waited: MLflow at http://mlflow: no answer",)
    assert len(executions(bench.storage)) == 1


def test_without_run_it_reports_on_what_there_is(bench: Bench) -> None:
    bench.options = {"run": False, "subjects": ("tiny",)}
    assert bench.keeper().keep(once=True) == FAILED
    journalled(bench.storage, "tiny-1", {"--seed": "1", "--first-replicate": "0"})
    for _ in range(2):
        bench.clock.time += WEEK
        assert bench.keeper().keep(once=True) == DONE
    failed, first, second = occurrences(bench.schedule)
    assert "holds no such execution" in failed.problems[0]
    assert (first.executions, second.executions) == (("tiny-1",), ("tiny-1",))
    assert second.notes == ("tiny-1 is still the latest execution.",)
    assert second.changed == ()


def test_a_definition_that_cannot_be_run_does_not_keep_the_others_from_their_report(bench: Bench) -> None:
    bench.options = {"subjects": (str(bench.storage.parent / "gone.toml"), str(bench.storage.parent / "tiny.toml"))}
    assert bench.keeper().keep(once=True) == DONE
    (made,) = occurrences(bench.schedule)
    assert (made.status, made.executions) == ("done", ("tiny-1",))
    assert "gone.toml: no such file" in made.problems[0]


def test_times_that_change_count_from_then_on(bench: Bench) -> None:
    bench.schedule.folder.mkdir(parents=True)
    load(bench.schedule, bench.clock.time)
    save(bench.schedule, Occurrence(MONDAY, "done"))
    bench.clock.time += 3 * WEEK
    keeper = bench.keeper(until=timedelta(0))
    keeper.schedule = Schedule("weekly", Times("30 6 * * *"), ("tiny",), bench.storage)
    assert keeper.keep() == STOPPED
    assert len(occurrences(bench.schedule)) == 1
    assert any('times were "0 7 * * 1" (UTC) so far; they count from now on' in line for line in bench.said)
    assert load(keeper.schedule, MONDAY)[0].since == bench.clock.time - timedelta(seconds=30)  # a nap of the service


def test_a_second_one_of_the_same_name_is_refused_or_leaves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.schedule.service._PATIENCE", 0.0)
    folder = bench.storage / "schedules"
    folder.mkdir()
    with (folder / ".weekly.lock").open("w") as held:
        held.write('{"process": 4711}')
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match=r"weekly: already running in .*4711"):
            bench.keeper(until=timedelta(hours=1)).keep()
        assert bench.keeper(until=timedelta(hours=1)).keep(once=True) == DONE
    assert "It does what is due" in bench.said[-1]
    assert bench.done() == []


def test_another_sweep_of_the_definition_is_waited_for(bench: Bench) -> None:
    with (bench.storage / ".tiny.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert bench.keeper(until=timedelta(hours=1)).keep(once=True) == STOPPED
        assert bench.commands() == []
    assert bench.keeper().keep(once=True) == DONE
    assert len(executions(bench.storage)) == 1


def test_damaged_records_are_named(bench: Bench) -> None:
    assert bench.keeper().keep(once=True) == DONE
    file = bench.schedule.folder / "2026-02-23T0700Z.json"
    for content in (file.read_text()[:40], "[]", "{}", file.read_text().replace("2026-02-23T07", "x")):
        kept = file.read_text()
        file.write_text(content)
        with pytest.raises(ScheduleError, match=r"2026-02-23T0700Z\.json: damaged"):
            bench.keeper().keep(once=True)
        file.write_text(kept)
    (bench.schedule.folder / "schedule.json").write_text("{")
    with pytest.raises(ScheduleError, match=r"schedule\.json: damaged"):
        bench.keeper().keep(once=True)


def test_the_index_escapes_whatever_it_shows(bench: Bench) -> None:
    bad = Occurrence(MONDAY, "failed", headlines=(HOSTILE,), changed=((HOSTILE, HOSTILE),), problems=(HOSTILE,))
    bad = bad.but(notes=(HOSTILE,), executions=(HOSTILE,), against={"a": HOSTILE}, report_run=HOSTILE)
    bench.options = {"subjects": (HOSTILE,)}
    page = index(bench.schedule, [bad], MONDAY)
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") == 9  # each of them once
    assert "prefers-color-scheme:dark" in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


# --- messages ---------------------------------------------------------------------------------------------------------


@dataclass
class Hook:
    """A webhook on loopback; its path is its secret."""

    posted: list[dict[str, Any]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    url: str = ""

    def listening(self) -> Any:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code = hook.codes.pop(0) if hook.codes else 200
                if code == 200:
                    hook.posted.append(body)
                self.send_response(code)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return self._serve(HTTPServer(("127.0.0.1", 0), Handler))

    def _serve(self, server: HTTPServer) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def serving() -> Iterator[None]:
            self.url = f"json://127.0.0.1:{server.server_port}/hook/secret-path"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()
                server.server_close()

        return serving()


def mailbox(server: socket.socket, received: list[str]) -> None:
    """One mail by SMTP (RFC 5321), as far as a client that sends one needs it."""
    client, _ = server.accept()
    with client, client.makefile("rwb", buffering=0) as stream:
        stream.write(b"220 here\r\n")
        while line := stream.readline():
            if line[:4].upper() == b"DATA":
                stream.write(b"354 go on\r\n")
                while (line := stream.readline()) != b".\r\n":
                    received.append(line.decode())
            elif line[:4].upper() == b"QUIT":
                stream.write(b"221 bye\r\n")
                return
            stream.write(b"250 ok\r\n")


def test_messages_reach_a_webhook_and_a_mailbox_and_secrets_nobody_else(
    bench: Bench, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mail: list[str] = []
    hook = Hook()
    with socket.create_server(("127.0.0.1", 0)) as server, hook.listening():
        reader = threading.Thread(target=mailbox, args=(server, mail), daemon=True)
        reader.start()
        post = f"mailto://127.0.0.1:{server.getsockname()[1]}?from=kurabe@example.org&to=me@example.org"
        file = bench.storage / "notify"
        file.write_text(f"# those who want to know\n{post}\n")
        file.chmod(0o600)
        bench.sent = addresses({"KURABE_NOTIFY": f"{hook.url} json://127.0.0.1:9/secret-path"}, file)
        hook.codes = [500]
        assert bench.keeper().keep(once=True) == WAITING  # the mail went, the other two did not
        assert bench.keeper(until=timedelta(hours=2)).keep() == STOPPED
        reader.join(10)
    (first,) = occurrences(bench.schedule)
    assert (first.status, first.told, first.tries) == ("done", (0, 2), 5)
    assert [(each["title"], "Report: " in each["message"]) for each in hook.posted] == [("weekly: first report", True)]
    assert "Subject: weekly: first report\r\n" in mail
    assert len([line for line in mail if line.startswith("Subject: ")]) == 1
    assert "the message to address 2 (json) was not taken" in first.problems
    written = "".join(path.read_text() for path in bench.schedule.folder.glob("*.*")) + str(bench.sent)
    assert "secret-path" not in "\n".join([*bench.said, written, caplog.text, *capfd.readouterr()])


def test_addresses_that_are_none_and_files_that_others_may_read_are_refused(tmp_path: Path) -> None:
    for wrong in ("slak://token-secret", "https//token-secret", "slack://token-secret"):
        with pytest.raises(ScheduleError, match=r"address 2 \(.*not an address that Apprise knows") as refused:
            addresses({"KURABE_NOTIFY": f"json://127.0.0.1/x {wrong}"})
        assert "secret" not in str(refused.value)
    file = tmp_path / "notify"
    file.write_text("json://127.0.0.1/x\n")
    file.chmod(0o640)
    with pytest.raises(ScheduleError, match="chmod 600"):
        addresses({}, file)
    with pytest.raises(ScheduleError, match="cannot be read"):
        addresses({}, tmp_path / "none")
    assert addresses({}).kinds == ()


# --- signals ----------------------------------------------------------------------------------------------------------


def test_a_signal_is_passed_on_to_the_sweep_which_ends_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "sweep"
    script.write_text(
        "#!/bin/sh\ntrap 'echo saved; exit 130' TERM\necho \"$KURABE_NOTIFY.\"\nkill -TERM $PPID\nsleep 60 & wait\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("KURABE_NOTIFY", "json://secret")
    monkeypatch.setattr("sweeps.schedule.children.console_script", lambda: script)
    children = Children()
    with children.answering_signals(), pytest.raises(Stopped):
        children.run(["run"], tmp_path / "log", tmp_path)
    assert (tmp_path / "log").read_text().splitlines() == ["$ sweep run", ".", "saved"]
    idle = Children()
    with idle.answering_signals(), pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


# --- kept by somebody else --------------------------------------------------------------------------------------------

TWO_KINDS_OF_DAYS = Times("5 7 1,15 * MON-FRI", "Europe/Berlin")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Schedule:
    file = tmp_path / "100 % mine.toml"
    file.write_text('name = "mine"\n')
    overrides = (("data.name", "it's $5"),)
    return Schedule("mine_2", TWO_KINDS_OF_DAYS, (str(file), "digits"), tmp_path, True, overrides, ("--workers", "2"))


def test_the_crontab_line_starts_the_same_schedule(elsewhere: Schedule, tmp_path: Path) -> None:
    *comments, zone, line = printed("crontab", elsewhere, tmp_path / "notify").splitlines()
    assert all(each.startswith("# ") for each in comments)
    assert zone == "CRON_TZ=Europe/Berlin"
    assert line.startswith("5 7 1,15 * MON-FRI mkdir -p ")
    words = shlex.split(line.replace(r"\%", "%"))
    command = words[words.index("&&") + 1 :]
    assert Path(command[0]).is_absolute()
    assert command[1:3] == ["schedule", "5 7 1,15 * MON-FRI"]
    assert understood(command[1 : command.index(">>")]) == elsewhere_options(elsewhere, tmp_path / "notify")


def test_the_systemd_units_start_the_same_schedule(elsewhere: Schedule, tmp_path: Path) -> None:
    units = printed("systemd", elsewhere, None)
    service, _, timer = units.partition("# kurabe-mine_2.timer\n")
    (line,) = [each for each in service.splitlines() if each.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart=").replace("%%", "%").replace("$$", "$"))
    assert understood(words[1:]) == elsewhere_options(elsewhere, None)
    assert on_calendar(TWO_KINDS_OF_DAYS) == [
        "*-*-01,15 07:05:00 Europe/Berlin",
        "Mon,Tue,Wed,Thu,Fri *-*-* 07:05:00 Europe/Berlin",
    ]
    assert on_calendar(Times("*/30 * */2 3 0")) == [
        f"Sun *-03-{','.join(f'{day:02d}' for day in range(1, 32, 2))} *:00,30:00 UTC"
    ]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (Debian: apt-get install systemd)")
    (tmp_path / "kurabe-mine_2.service").write_text(service)
    (tmp_path / "kurabe-mine_2.timer").write_text(timer)
    paths = [str(tmp_path / f"kurabe-mine_2.{kind}") for kind in ("service", "timer")]
    checked = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_cronjob_starts_the_same_schedule_in_a_cluster(elsewhere: Schedule, tmp_path: Path) -> None:
    config, job = yaml.safe_load_all(printed("cronjob", elsewhere, None))
    assert (config["kind"], config["data"]) == ("ConfigMap", {"100 % mine.toml": 'name = "mine"\n'})
    spec = job["spec"]
    assert (job["apiVersion"], job["kind"], job["metadata"]["name"]) == ("batch/v1", "CronJob", "kurabe-mine-2")
    assert (spec["schedule"], spec["timeZone"]) == ("5 7 1,15 * MON-FRI", "Europe/Berlin")
    assert spec["concurrencyPolicy"] == "Forbid"
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    expected = elsewhere_options(elsewhere, None)
    expected |= {"names": ["/definitions/100 % mine.toml", "digits"], "storage": "/kurabe-data"}
    assert understood(container["args"]) == expected
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted == {"data": "/kurabe-data", "definitions": "/definitions"}
    assert {each["name"] for each in pod["volumes"]} == set(mounted)
    with pytest.raises(ScheduleError, match="kurabe-secrets"):
        printed("cronjob", elsewhere, tmp_path)


def understood(arguments: list[str]) -> dict[str, Any]:
    """What the command line makes of them."""
    from sweeps.cli import build_parser

    found = vars(build_parser().parse_args(arguments))
    names = ("cron", "names", "run", "once", "name", "timezone", "storage", "set", "workers", "notify")
    return {name: found[name] for name in names}


def elsewhere_options(schedule: Schedule, notify: Path | None) -> dict[str, Any]:
    return {
        "cron": "5 7 1,15 * MON-FRI",
        "names": list(schedule.subjects),
        "run": True,
        "once": True,
        "name": "mine_2",
        "timezone": "Europe/Berlin",
        "storage": str(schedule.storage),
        "set": [("data.name", "it's $5")],
        "workers": 2,
        "notify": notify,
    }


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["0 7 * * 1", "../x"], "expected the name of an execution"),
        (["0 7 * * 1", "digitss", "--run"], "did you mean `digits`?"),
        (["0 7 * * 1", "tiny", "--workers", "2"], "they need --run"),
        (["0 7 * * 1", "digits", "fashion", "--run"], "expected definitions with one objective"),
        (["0 7 * * 1", "tiny", "--name", "a/b"], "--name: 'a/b'"),
        (["0 7 * * 1", "tiny", "--timezone", "Berlin"], "no such time zone"),
        (["0", "7", "*", "*", "1", "tiny"], "quotation marks"),
    ],
)
def test_mistakes_are_refused_before_anything_is_made(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schedule", *arguments, "--storage", str(tmp_path / "data")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


# --- a report while the sweep writes --------------------------------------------------------------------------------


def test_a_report_made_while_the_sweep_writes_is_whole_and_its_reader_never_sees_a_part(bench: Bench) -> None:
    storage, over, seen = bench.storage, threading.Event(), Counter[int]()
    page = storage / "tiny-1" / "report" / "report.html"

    def sweep_on() -> None:
        sweep = Sweep.begin(storage, "tiny-1")
        for _ in range(200):
            begun, ended = sweep.propose()[0], sweep.propose()[0]
            sweep.start(begun)
            sweep.record(begun, [0, 1], layers=0)
            sweep.train(ended, epochs=2, layers=0)
            project(sweep.path, tracking_uri(storage), storage)
            if over.is_set():
                break
        sweep.journal.close()

    def read_on() -> None:
        while not over.is_set():
            with suppress(FileNotFoundError):
                seen[page.read_text().count("</html>")] += 1

    threads = [threading.Thread(target=each) for each in (sweep_on, read_on)]
    for each in threads:
        each.start()
    made = 0
    try:
        while made < 2:
            with suppress(TrackingError):  # before the first word of it has come to MLflow
                make_report(storage, ["tiny-1"])
                rows = list(csv.DictReader((page.parent / "trials.csv").read_text().splitlines()))
                assert all((row["status"] == "finished") == bool(row["value"]) for row in rows)
                assert len({row["run"] for row in rows}) == len(rows) > 0
                made += 1
    finally:
        over.set()
        for each in threads:
            each.join()
    assert set(seen) == {1}
