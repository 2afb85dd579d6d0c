"""The storage folder: numbering, finding, holding, and writing whole files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.storage import (
    ExecutionFolder,
    StorageError,
    executions,
    find,
    hold,
    is_held,
    next_execution,
    open_storage,
    write_whole,
)


def test_executions_are_numbered_and_found_by_name_or_as_the_latest(tmp_path: Path) -> None:
    for name in ("digits-1", "digits-2", "digits-10", "random-then-grid-1", "notes", "digits-0", "digits-x"):
        (tmp_path / name).mkdir()
    (tmp_path / "digits-11").write_text("a file, not an execution")
    assert [e.execution for e in executions(tmp_path)] == ["digits-1", "digits-2", "digits-10", "random-then-grid-1"]
    assert find(tmp_path, "digits").execution == "digits-10"
    assert find(tmp_path, "digits-2").number == 2
    assert find(tmp_path, "random-then-grid").execution == "random-then-grid-1"
    assert next_execution(tmp_path, "digits") == ExecutionFolder(tmp_path, "digits", 11)
    assert next_execution(tmp_path, "new").execution == "new-1"


def test_an_unknown_execution_is_refused_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "digits-1").mkdir()
    with pytest.raises(StorageError, match=r"digitz: no such execution .* there are: digits-1"):
        find(tmp_path, "digitz")


def test_only_one_live_process_holds_a_name_and_a_dead_one_bars_nobody(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from sweeps.storage import hold\n"
        "with hold(pathlib.Path(sys.argv[1]), 'digits'): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert is_held(tmp_path, "digits")
    with pytest.raises(StorageError, match=rf"already running .* {holder.pid}"), hold(tmp_path, "digits"):
        pytest.fail("two processes hold one name")
    with hold(tmp_path, "other"):
        pass
    holder.kill()
    holder.communicate()
    assert not is_held(tmp_path, "digits")
    with hold(tmp_path, "digits"):
        assert is_held(tmp_path, "digits")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "file.bin"
    write_whole(target, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert [each.name for each in target.parent.iterdir()] == ["file.bin"]


def test_a_storage_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match=r"taken: cannot be made .*--storage"):
        open_storage(tmp_path / "taken")


def test_looking_does_not_make_a_storage_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such storage folder"):
        open_storage(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()
