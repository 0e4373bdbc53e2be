"""The programs that read man pages and completion scripts accept them."""

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from testkit import need

from marketswarm.cli.completion import completions
from marketswarm.cli.main import PROGRAMS
from marketswarm.cli.manual import man_pages

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BIN = Path(sys.executable).parent
PAGES = man_pages()
SCRIPTS = completions()
ASK = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={last}
{function} {program}
printf '%s\n' "${{COMPREPLY[@]}}"
"""


def output(*command: str | Path, stdin: bytes = b"") -> str:
    """Run a command, which must do well and complain of nothing, and return what it printed."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A share directory with the scripts."""
    for name, script in SCRIPTS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(script)
    return tmp_path


def test_the_manual_is_about_what_is_installed() -> None:
    """The programs are the console scripts of the project."""
    assert PROGRAMS.keys() == PROJECT["scripts"].keys()


def test_install_lays_them_down(tmp_path: Path) -> None:
    """Where `man` and the shells look on a host, byte for byte."""
    output(BIN / "marketswarm", "install", "--root", tmp_path)
    share = tmp_path / "usr/local/share"
    assert {path: (share / path).read_bytes() for path in PAGES | SCRIPTS} == PAGES | SCRIPTS


@pytest.mark.parametrize("path", sorted(PAGES))
def test_groff_takes_every_page(path: str) -> None:
    """With all warnings on it has none, and no line is wider than a terminal of 80 columns."""
    need("groff")
    shown = output("groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=80n", stdin=PAGES[path])
    assert "NAME" in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("program", "words", "offered"),
    [
        ("marketswarm", "run he", ["healer"]),
        ("marketswarm", "up stop m", ["massive", "mesh"]),
        ("marketswarm", "truth s", ["schema", "show"]),
        ("marketswarm-seed", "--wai", ["--wait-sec"]),
    ],
)
def test_bash_completes(scripts: Path, program: str, words: str, offered: list[str]) -> None:
    """The script asks the installed command, as bash-completion would have it, before anybody gets impatient."""
    need("bash")
    ask = ASK.format(
        script=scripts / f"bash-completion/completions/{program}",
        words=f"{program} {words}",
        last=len(words.split()),
        function=f"_{program.replace('-', '_')}_completion",
        program=BIN / program,
    )
    began = time.monotonic()
    assert output("bash", "--norc", "-c", ask).split() == offered
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    ("shell", "check", "folder"),
    [("bash", "-n", "bash-completion"), ("zsh", "-n", "zsh"), ("fish", "--no-execute", "fish")],
)
def test_each_shell_can_read_its_scripts(scripts: Path, shell: str, check: str, folder: str) -> None:
    """Their syntax is right, for both commands."""
    need(shell)
    found = [path for path in (scripts / folder).rglob("*") if path.is_file()]
    assert len(found) == len(PROGRAMS)
    for path in found:
        assert output(shell, check, path) == ""
