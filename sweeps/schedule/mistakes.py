"""What goes wrong with a schedule, in words for people."""


class ScheduleError(Exception):
    """A schedule that cannot be kept as it was given, or a sweep of it that failed. The message says why."""


class Later(Exception):
    """Something that may go well another time: MLflow is away, a disk is full, a message was not taken."""
