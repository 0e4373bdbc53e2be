"""journald itself reads the catalog."""

import subprocess
from pathlib import Path

import pytest
from testkit import need

from marketswarm import unitnames

CATALOG = Path(__file__).parents[2] / "systemd/marketswarm.catalog"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host's file system that holds nothing but the catalog, where the operator's own are."""
    need("journalctl")
    folder = tmp_path / "usr/local/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (folder / CATALOG.name).write_bytes(CATALOG.read_bytes())
    return tmp_path


def journalctl(root: Path, verb: str) -> str:
    """Run journalctl on that file system, which must do well and complain of nothing."""
    command = ["journalctl", f"--root={root}", verb, "--no-pager"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_journald_takes_every_entry_as_it_is_written(root: Path) -> None:
    """`journalctl --update-catalog` reads all of them, and has them word for word."""
    journalctl(root, "--update-catalog")
    listed = [line.split(" ", 1) for line in journalctl(root, "--list-catalog").splitlines()]
    assert sorted(message_id for message_id, _ in listed) == sorted(unitnames.MESSAGE_IDS.values())
    assert all(title.startswith("MarketSwarm: ") for _, title in listed)
    assert paragraphs(journalctl(root, "--dump-catalog")) == paragraphs(CATALOG.read_text(encoding="utf-8"))


def paragraphs(text: str) -> list[str]:
    """The entries' paragraphs in an order of their own, without the file's comment."""
    return sorted(part.strip("\n") for part in text.split("\n\n") if part.strip() and not part.startswith("#"))
