"""Training the best trial of an execution again, where the file with its network is gone."""

from __future__ import annotations

import json
from contextlib import closing

from sweeps.cli import is_users
from sweeps.journal import Journal
from sweeps.storage import ExecutionFolder


def mend_network(folder: ExecutionFolder) -> None:
    """See to it that a finished execution has the network of its best trial; it is trained again only if it is not
    there, and kept only if it comes to the journal's very value. Where that cannot be, it says why.
    """
    from model.specification import Specification
    from sweeps.cli.run import stored_data, stored_definition
    from sweeps.networks import Candidate, NotTheSame, best_of, keep_network, read_network, train_again
    from sweeps.objective import Objective

    with closing(Journal.open(folder.journal)) as journal:
        events = list(journal.events(kinds=("opened", "resumed", "proposed", "network", "ended", "closed")))
        opened, last = events[0].body, [e for e in events if e.kind in ("opened", "resumed", "closed")][-1]
        if last.kind != "closed" or last.body["why"] == "interrupted":
            return
        proposed = {
            t["key"]: (e.body, t["specification"]) for e in events if e.kind == "proposed" for t in e.body["trials"]
        }
        ends = {str(e.trial): e for e in events if e.kind == "ended"}
        notes = {str(e.trial): e.body for e in events if e.kind == "network"}
        ended = [
            Candidate(key, body["number"], body.get("stage", "search"), ends[key].body)
            for key, (body, _) in proposed.items()
            if key in ends
        ]
        best = best_of(ended, notes, direction=opened["direction"], measure=opened.get("measure", ""))
        if best is None or read_network(folder.networks, best.note) is not None:
            return
        print(f"{folder.execution}: the network of its best trial is gone; training it again")
        try:
            definition = stored_definition(opened)
            parts = stored_data(opened, definition)[1]
        except Exception as error:  # data, plugins and definitions each raise their own kind
            if not is_users(error):
                raise
            print(f"that cannot be: {error}")
            return
        search = definition.search
        objective = Objective(search.objective, search.direction, search.objective_at)
        specification = Specification.from_json(json.dumps(proposed[best.key][1]))
        try:
            epoch, network = train_again(specification, parts, objective, best.value)
        except NotTheSame as difference:
            print(f"that cannot be: {difference}")
            return
        attempt = ends[best.key].attempt or 1
        keep_network(journal, folder.networks, best.key, network, value=best.value, attempt=attempt, epoch=epoch)
