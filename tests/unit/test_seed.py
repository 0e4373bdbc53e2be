"""The file that the bootstrap reads."""

from pathlib import Path

import pytest

from marketswarm import hostfiles, names
from marketswarm.errors import NoTruthFileError
from marketswarm.seed import find_file, read_file
from marketswarm.truth import parse, warnings


def test_the_file_given_is_the_one() -> None:
    """Whether it is there or not: its absence is an error that names it."""
    assert find_file(Path("nowhere.json")) == Path("nowhere.json")


def test_the_hosts_file_comes_before_the_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without either, one is told of both."""
    host = tmp_path / "truth.json"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(names, "TRUTH_FILE", str(host))
    with pytest.raises(NoTruthFileError, match=r"truth\.json nor etc/truth\.json is here; name one by --truth FILE"):
        find_file(None)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/truth.json").touch()
    assert find_file(None) == Path("etc/truth.json")
    host.touch()
    assert find_file(None) == host


def test_a_file_is_read_to_one_byte_more_than_is_allowed(tmp_path: Path) -> None:
    """Enough to see that it is too long."""
    file = tmp_path / "truth.json"
    file.write_bytes(b"x" * (names.MAX_TRUTH_BYTES + 100))
    assert len(read_file(file)) == names.MAX_TRUTH_BYTES + 1


@pytest.mark.parametrize(("name", "reason"), [("gone.json", "no such file or directory"), (".", "is a directory")])
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, name: str, reason: str) -> None:
    """The file, the reason, what next."""
    with pytest.raises(NoTruthFileError) as caught:
        read_file(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {reason}; name the file that holds the truth"


def test_the_truth_that_comes_along_is_good() -> None:
    """Without a fault, without a warning."""
    assert not warnings(parse(read_file(hostfiles.find("etc/truth.json"))))


def test_a_host_file_that_never_was_is_an_error() -> None:
    """It is a bug of the caller's, not of the host's."""
    with pytest.raises(FileNotFoundError, match=r"etc/no\.such"):
        hostfiles.find("etc/no.such")
