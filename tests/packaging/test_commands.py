"""The installed commands answer."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from marketswarm import hostfiles

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BIN = Path(sys.executable).parent
SCRIPTS = sorted(PROJECT["scripts"])


def output(*command: str | Path) -> str:
    """Run a command, which must do well and complain of nothing, and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_version_is_the_one_of_pyproject(script: str) -> None:
    """`--version` prints the name and the one version that there is."""
    assert output(BIN / script, "--version") == f"{script} {PROJECT['version']}\n"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_explains_itself(script: str) -> None:
    """`--help` names the script and its options."""
    said = output(BIN / script, "--help")
    assert said.startswith(f"Usage: {script} ")
    assert "--version" in said


def test_the_package_runs_as_a_module() -> None:
    """`python -m marketswarm` is the same command, and says so."""
    assert output(sys.executable, "-m", "marketswarm", "run", "--help").startswith("Usage: python -m marketswarm run ")


def test_the_packaged_truth_is_good() -> None:
    """The document that comes with the package passes `marketswarm-seed --check`, without a warning."""
    path = hostfiles.find("etc/truth.json")
    said = output(BIN / "marketswarm-seed", "--check", "--truth", path)
    assert said == f"{path}: good, 6 service(s), 0 warning(s)\n"
