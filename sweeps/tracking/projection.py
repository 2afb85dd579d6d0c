"""The projection of a journal into MLflow: one run per (execution, trial key), however often it is broken off.

A trial's run is written in this order: created with its identity as tags, so that it is found again; files; parameters
and metrics; and at last its status. A run whose status is FINISHED or FAILED is therefore whole. One that is not is
written again from the start, which changes nothing that is there: metrics carry the journal's times, files old names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sweeps.journal import Journal
from sweeps.networks import Candidate, best_of
from sweeps.storage import MODEL_FILE, NETWORKS, write_whole
from sweeps.tracking import content, names
from sweeps.tracking.counts import Counts
from sweeps.tracking.history import STORY, History, Trial
from sweeps.tracking.names import Away, Refused
from sweeps.tracking.registering import register_best
from sweeps.tracking.store import FoundRun, Store
from sweeps.tracking.view import view_tag

_MOST_WAITING = 64  # ended trials in memory before they are written and the journal is read further


@dataclass
class _Run:
    """A run as far as it is written."""

    run_id: str
    artifact_uri: str
    status: str
    tags: dict[str, str]
    parameters: bool = False
    data: bool = False
    records: int = 0  # of the trial's records, those that are there with their metrics
    pictured: int = 0  # and those that are there with their pictures


class Projector:
    """Brings MLflow up to one execution's journal; every method may be called again and again.

    Raises, from every method that writes:
        Away: MLflow does not answer. What was read is kept, and calling again goes on.
    """

    def __init__(self, journal: Journal, store: Store) -> None:
        self.journal = journal
        self.history = History()
        self.on_written: Callable[[], object] = lambda: None  # called whenever a trial is whole in MLflow
        self._store = store
        self._experiment = ""
        self._known = False  # whether what follows is what the store holds
        self._runs: dict[str, _Run] = {}
        self._summary: _Run | None = None
        self._told: object = None  # what the summary says
        self._waiting: dict[str, Trial] = {}  # ended, not yet whole in MLflow
        self._refused: dict[str, str] = {}
        self._modelled: object = None  # of which trial the model is registered
        self._doubtful = False  # whether a run may have been created without our knowing
        self._written = self._metrics = self._pictures = self._doubles = 0

    def catch_up(self) -> None:
        """Read the journal to its end, and write each trial that ended."""
        self._look()
        self._write_ended()
        for event in self.journal.events(after=self._start()):
            trial = self.history.add(event)
            if event.kind == "ended" and trial is not None and trial.key not in self.history.whole:
                self._waiting[trial.key] = trial
                if len(self._waiting) >= _MOST_WAITING:
                    self._write_ended()
        self._write_ended()

    def behind(self, trial: Trial) -> int:
        """How many numbers of the trial's records are not in MLflow yet."""
        run = self._runs.get(trial.key)
        if trial.key in self._refused:
            return 0
        return sum(len(record.body["metrics"]) for record in trial.records[run.records if run else 0 :])

    def write_running(self, trials: Iterable[Trial]) -> None:
        """Write what is new of trials that have not ended."""
        for trial in trials:
            self._attempt(trial)

    def interrupt(self) -> None:
        """The execution stands still: unfinished runs become KILLED, not RUNNING for ever. A resume revives them."""
        unfinished = list(self.history.running())
        self.write_running(unfinished)
        for trial in unfinished:
            run = self._runs.get(trial.key)
            if run is not None and run.status == names.RUNNING and trial.key not in self._refused:
                last = trial.records[-1].at if trial.records else trial.began
                self._tell(run, content.last_tags(trial, status="interrupted"))
                self._set_status(run, names.KILLED, last)

    def write_summary(self, word: str) -> None:
        """Bring the execution's own run up to date; `word` is running, finished or interrupted."""
        history = self.history
        told = (word, len(history.proposals), len(history.skipped), len(history.resumed), history.counts())
        if told == self._told:
            return
        tags = content.summary_tags(history, status=word)
        run = self._summary
        if run is None:
            began = history.opened.at if history.opened is not None else 0.0
            run = self._summary = self._create(f"{history.execution} summary", tags, began)
        if self._told is None:
            document = content.execution_document(history)
            tag = view_tag(history.execution, str(document["objective"]), str(document["direction"]))
            self._store.tag_experiment(self._experiment, *tag)
        self._log_data(run)
        status = {"running": names.RUNNING, "finished": names.FINISHED}.get(word, names.KILLED)
        if run.status != status and status == names.RUNNING:
            self._set_status(run, status)
        self._log_files(run, list(content.summary_files(history)))
        self._tell(run, tags)
        if run.status != status:
            self._set_status(run, status, history.closed.at if history.closed is not None else None)
        self._told = told

    def write_model(self) -> None:
        """Log and register the network of the execution's best trial, and leave word of it beside the journal."""
        history = self.history
        ended = [
            Candidate(trial.key, trial.proposal.number, trial.proposal.stage, trial.end.body)
            for trial in history.trials.values()
            if trial.end is not None
        ]
        document = content.execution_document(history)
        direction, measure = str(document["direction"]), str(document.get("measure") or "")
        best = best_of(ended, history.networks, direction=direction, measure=measure)
        told = (best, len(history.resumed))
        if told == self._modelled:
            return
        folder = self.journal.path.parent
        run = self._runs.get(best.key) if best is not None else None
        outcome = register_best(
            self._store, self._experiment, history, best, folder / NETWORKS, None if run is None else run.run_id
        )
        write_whole(folder / MODEL_FILE, json.dumps(outcome, indent=2).encode(), durable=False)
        self._modelled = told

    def settle(self) -> None:
        """Where the reply to a creation was lost, make sure that it left no second run behind."""
        if self._doubtful:
            self.doubt()
            self._look()
            self._doubtful = False

    def doubt(self) -> None:
        """What is known of the store may not hold: look again before anything is written."""
        self._known = False

    def counts(self) -> Counts:
        """How far MLflow is."""
        started = {event.trial for event in self.journal.events(kinds=("started",))}
        ended = {event.trial for event in self.journal.events(kinds=("ended",))}
        return Counts(
            execution=self.history.execution if self.history.opened else self.journal.path.parent.name,
            started=len(started | ended),
            ended=len(ended),
            whole=len(self.history.whole & ended),
            written=self._written,
            metrics=self._metrics,
            pictures=self._pictures,
            doubles=self._doubles,
            problems=tuple(self._refused.values()),
        )

    # --- what is there ----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Find the experiment and the runs that MLflow holds already."""
        if self._known:
            self._store.check()
            return
        opened = next(iter(self.journal.events(kinds=("opened",))))
        execution, definition = opened.body["execution"], opened.body["definition"]["name"]
        self._experiment = self._store.open(definition)
        found: dict[str, list[FoundRun]] = {}
        for each in self._store.runs([self._experiment], {names.EXECUTION: execution}):
            found.setdefault(each.tags.get(names.TRIAL, ""), []).append(each)
        self._told = self._modelled = None
        self._summary = self._take(found.pop("", []))
        self._runs = {key: run for key, runs in found.items() if (run := self._take(runs)) is not None}
        whole = {key for key, run in self._runs.items() if run.status in names.WHOLE}
        if not self.history.whole <= whole:  # runs were removed: begin at the journal's beginning
            self.history, self._waiting = History(), {}
        self.history.whole |= whole
        for key in whole:
            self._waiting.pop(key, None)
        self._known = True

    def _take(self, runs: list[FoundRun]) -> _Run | None:
        """The one run of a key: the whole one, else the first. A second one, of a lost reply, is removed."""
        if not runs:
            return None
        first, *others = sorted(runs, key=lambda run: (run.status not in names.WHOLE, run.started, run.run_id))
        for other in others:
            self._store.delete_run(other.run_id)
            self._doubles += 1
        known = (bool(first.parameters), first.has_data)
        return _Run(first.run_id, first.artifact_uri, first.status, dict(first.tags), *known)

    def _start(self) -> int:
        """After which event to go on. At first, what is whole in MLflow already is passed by without its records."""
        history = self.history
        if history.through:
            return history.through
        started = self.journal.events(kinds=("started",))
        first = next((each.sequence for each in started if each.trial not in history.whole), self.journal.last() + 1)
        for event in self.journal.events(kinds=STORY):
            if event.sequence >= first:
                break
            history.add(event)
        history.through = first - 1
        return history.through

    # --- what is written --------------------------------------------------------------------------------------------

    def _write_ended(self) -> None:
        for key, trial in list(self._waiting.items()):
            if self._attempt(trial):
                self._set_status(self._runs[key], names.mlflow_status(trial.status), self._end_of(trial))
                self._written += 1
                self.history.forget(trial)
                self.on_written()
            self._waiting.pop(key)

    def _attempt(self, trial: Trial) -> bool:
        """Write a trial; `False` if MLflow refuses it, now or before. The others go on."""
        if trial.key not in self._refused:
            try:
                self._write(trial)
            except Refused as error:
                self._refused[trial.key] = f"trial {trial.key}: {error}"
        return trial.key not in self._refused

    def _write(self, trial: Trial) -> None:
        """Everything new of a trial but its final status."""
        run, tags = self._runs.get(trial.key), content.last_tags(trial)
        if run is None:
            first = content.first_tags(self.history, trial)
            run = self._create(content.run_name(trial), {**first, **tags}, trial.began or 0.0)
            self._runs[trial.key] = run
        elif run.status != names.RUNNING:  # interrupted once, resumed now
            self._set_status(run, names.RUNNING)
        self._log_data(run)
        pictures = list(content.picture_files(trial, trial.records[run.pictured :]))
        self._log_files(run, pictures + (list(content.trial_files(self.history, trial)) if trial.end else []))
        run.pictured = len(trial.records)
        metrics = content.metric_values(trial.records[run.records :])
        self._tell(run, tags, metrics, {} if run.parameters else content.parameters(self.history, trial))
        run.parameters, run.records = True, len(trial.records)
        self._metrics += len(metrics)
        self._pictures += len(pictures) // 2

    def _create(self, name: str, tags: dict[str, str], began: float) -> _Run:
        try:
            made = self._store.create_run(self._experiment, name, tags, content.milliseconds(began))
        except Away:
            self._known, self._doubtful = False, True  # it may be there all the same: look before creating it again
            raise
        return _Run(*made, names.RUNNING, dict(tags))

    def _tell(
        self,
        run: _Run,
        tags: dict[str, str],
        metrics: Sequence[tuple[str, float, int, int]] = (),
        parameters: dict[str, str] | None = None,
    ) -> None:
        """Metrics, parameters, and those tags that the run does not carry yet."""
        new = {name: value for name, value in tags.items() if run.tags.get(name) != value}
        if metrics or parameters or new:
            self._store.log(run.run_id, metrics, parameters, new)
            run.tags |= new

    def _log_data(self, run: _Run) -> None:
        if not run.data:
            self._store.log_data(run.run_id, *content.data_input(self.history))
            run.data = True

    def _set_status(self, run: _Run, status: str, at: float | None = None) -> None:
        self._store.set_status(run.run_id, status, None if at is None else content.milliseconds(at))
        run.status = status

    def _log_files(self, run: _Run, files: Sequence[tuple[str, bytes]]) -> None:
        if files:
            self._store.log_files(run.run_id, run.artifact_uri, files)

    @staticmethod
    def _end_of(trial: Trial) -> float | None:
        return None if trial.end is None else max(trial.end.at, trial.began or 0.0)  # a clock may have been set back
