"""One execution of a definition: which training comes next, and what became of each. Knows the journal and the
procedure, and nothing of Ray."""

from sweeps.execution.ledger import MAX_ATTEMPTS, STATUSES, Group, Job, Judged
from sweeps.execution.running import Execution
from sweeps.execution.stopping import StoppingRule, stopping_rule

__all__ = ["MAX_ATTEMPTS", "STATUSES", "Execution", "Group", "Job", "Judged", "StoppingRule", "stopping_rule"]
