"""How a process ends: by somebody's mistake with what to mend, and always at once."""

import re
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from marketswarm import errors
from marketswarm.ending import guarded


def refuse() -> None:
    """Find two faults."""
    raise errors.BadTruthError(["services: is missing", "buses: must be an object"])


def break_down() -> None:
    """Have a bug."""
    raise ZeroDivisionError


def test_a_mistake_is_told_in_its_lines_and_by_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback; each fault is marked as one."""
    with pytest.raises(SystemExit) as ended:
        guarded(refuse)
    assert ended.value.code == 65
    assert capsys.readouterr() == ("", "error: services: is missing\nerror: buses: must be an object\n")


def test_under_the_journal_each_line_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`journalctl -p err` then says why a unit ended."""
    path = tmp_path / "stderr"
    path.touch()
    monkeypatch.setenv("JOURNAL_STREAM", f"{path.stat().st_dev}:{path.stat().st_ino}")
    with path.open("w", encoding="utf-8") as stream, redirect_stderr(stream), pytest.raises(SystemExit):
        guarded(refuse)
    assert path.read_text("utf-8") == "<3>error: services: is missing\n<3>error: buses: must be an object\n"


@pytest.mark.parametrize(("call", "words"), [("main", ["--version"]), ("seed", ["--help"])])
def test_the_end_of_a_process_searches_nothing_that_it_has_imported(call: str, words: list[str]) -> None:
    """The interpreter's last search for cycles, of which it tells if asked, leaves out all that was there."""
    code = f"import gc; from marketswarm.__main__ import {call}; gc.set_debug(gc.DEBUG_STATS); {call}()"
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60)
    left_out = re.findall(r"objects in permanent generation: (\d+)", ended.stderr)
    assert int(left_out[-1]) > 10_000


def test_what_goes_well_comes_back() -> None:
    """Nothing is said."""
    assert guarded(lambda: 7) == 7


def test_a_bug_keeps_its_traceback() -> None:
    """Only what a person can mend is put in one line."""
    with pytest.raises(ZeroDivisionError):
        guarded(break_down)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadTruthError, 65),
        (errors.NoTruthFileError, 66),
        (errors.BusUnreachableError, 69),
        (errors.BusRefusedError, 77),
        (errors.BadEnvironmentError, 78),
        (errors.StalledError, 70),
    ],
)
def test_exit_codes_are_those_that_systemd_names(error: type[errors.MarketSwarmError], code: int) -> None:
    """As sysexits(3) has them, and as units and scripts rely on."""
    assert error.exit_code == code
