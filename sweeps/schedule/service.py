"""Keeping a schedule: what is under way first, then what is due, then sleep until the next time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sweeps.schedule.children import Children, Stopped
from sweeps.schedule.mistakes import Later
from sweeps.schedule.notifying import Addresses
from sweeps.schedule.occurring import Worker
from sweeps.schedule.state import Occurrence, Schedule, State, load
from sweeps.schedule.times import Due, Times
from sweeps.storage import StorageError, hold

DONE, FAILED, WAITING, STOPPED = "done", "failed", "waiting", "stopped"  # how `keep` can end
_NAP = 30.0  # seconds at most between two looks at the clock, which a suspended machine or an administrator may set
_PAUSES = (60.0, 120.0, 300.0, 900.0)  # seconds before something that did not go is tried again
_PATIENCE = 10.0  # seconds that `--once` waits for another one that may just be ending


@dataclass(frozen=True)
class Finish:
    """Go on with an occurrence that is under way."""

    occurrence: Occurrence


@dataclass(frozen=True)
class Wait:
    """Nothing is due before `until`."""

    until: datetime


def next_step(times: Times, state: State, now: datetime) -> Finish | Due | Wait:
    """What a schedule has to do now."""
    if state.under_way is not None:
        return Finish(state.under_way)
    return times.due(state.since, now, state.handled) or Wait(times.next(now))


@dataclass
class Keeper:
    """Keeps one schedule; `now` tells the time in UTC, `say` takes lines for whoever watches."""

    schedule: Schedule
    addresses: Addresses
    say: Callable[[str], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    children: Children = field(default_factory=Children)
    renew: Callable[[], None] = lambda: None  # called after each report, unless once

    def keep(self, *, once: bool = False) -> str:
        """Until a signal comes; with `once`, until nothing is due: then the latest time before the first start is due
        too, so that cron, a timer or a cluster may be late.

        Returns:
            How it ended: DONE, FAILED (an occurrence did, once), WAITING (one has to be tried again), STOPPED.

        Raises:
            StorageError: another process keeps this schedule; the message names it.
        """
        times, started = self.schedule.times, self.now()
        since = times.latest(started) - timedelta(seconds=1) if once else started
        try:
            with self.children.answering_signals(), ExitStack() as stack:
                try:
                    self._be_alone(stack, patience=_PATIENCE if once else 0.0)
                except StorageError as held:
                    if not once:
                        raise
                    self.say(f"{held}. It does what is due")
                    return DONE
                state, told = load(self.schedule, since)
                self._greet(told, once=once)
                return self._loop(state, once=once)
        except Stopped:
            self.say("stopped; what is under way is gone on with at the next start")
            return STOPPED

    def _loop(self, state: State, *, once: bool) -> str:
        worker = Worker(self.schedule, self.addresses, self.children, self.say, self.now)
        late, end = 0, DONE
        while True:
            step = next_step(self.schedule.times, state, self.now())
            if isinstance(step, Wait):
                if once:
                    return end
                self.children.sleep(min(_NAP, max((step.until - self.now()).total_seconds(), 0.1)))
                continue
            occurrence = worker.begin(step) if isinstance(step, Due) else step.occurrence
            self.say(f"{self.schedule.times.local(occurrence.time)}: {_what(step)}")
            try:
                occurrence = worker.finish(occurrence)
            except Later as why:
                state = state.with_(worker.late(occurrence, str(why)))
                self.say(f"has to wait: {why}")
                if once:
                    return WAITING
                self.children.sleep(_PAUSES[min(late, len(_PAUSES) - 1)])
                late += 1
                continue
            late, state = 0, state.with_(occurrence)
            end = FAILED if occurrence.status == "failed" else end
            for _, text in occurrence.changed:
                self.say(f"changed: {text}")
            self.say(f"{occurrence.status}; next {self.schedule.times.local(self.schedule.times.next(self.now()))}")
            if not once:
                self.renew()

    def _be_alone(self, stack: ExitStack, *, patience: float) -> None:
        self.schedule.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + patience
        while True:
            try:
                stack.enter_context(hold(self.schedule.folder.parent, self.schedule.name))
                return
            except StorageError:
                if time.monotonic() >= deadline:
                    raise
                self.children.sleep(0.5)

    def _greet(self, told: str, *, once: bool) -> None:
        times = self.schedule.times
        if told:
            self.say(f"{self.schedule.name}: {told}; they count from now on")
        if not once:
            kinds = ", ".join(self.addresses.kinds) or "nobody"
            following = times.local(times.next(self.now()))
            self.say(f'{self.schedule.name}: "{times.expression}" ({times.zone}), next {following}')
            self.say(f"messages: to {kinds}; Ctrl-C ends it")
        self.say(f"reports: {self.schedule.reports / 'index.html'}")


def _what(step: Finish | Due) -> str:
    if isinstance(step, Finish):
        return "going on with what was under way"
    return "due" if not step.missed else f"due, for {step.missed} missed before it too"
