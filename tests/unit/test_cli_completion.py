"""Shell completion: the scripts, and what the commands answer them."""

import subprocess
import sys

import click
import pytest
from click.shell_completion import BashComplete

from marketswarm import cli, services
from marketswarm.cli.completion import completions


def answers(command: click.Command, *words: str) -> list[str]:
    """What may stand in place of the last word."""
    asked = BashComplete(command, {}, "marketswarm", "_MARKETSWARM_COMPLETE").get_completions([*words[:-1]], words[-1])
    return [item.value for item in asked]


def test_each_shell_finds_a_script_for_each_command() -> None:
    """Where its own documentation says, below a share directory."""
    assert sorted(completions()) == [
        "bash-completion/completions/marketswarm",
        "bash-completion/completions/marketswarm-seed",
        "fish/vendor_completions.d/marketswarm-seed.fish",
        "fish/vendor_completions.d/marketswarm.fish",
        "zsh/site-functions/_marketswarm",
        "zsh/site-functions/_marketswarm-seed",
    ]


def test_making_them_needs_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is started, so a host without bash gets the same scripts as any other."""

    def started(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a program was started")

    monkeypatch.setattr(subprocess, "Popen", started)
    assert all(script.endswith(b"\n") for script in completions().values())


@pytest.mark.parametrize("words", [("run",), ("up", "stop"), ("up", "start"), ("up", "kill")])
def test_services_are_offered(words: tuple[str, ...]) -> None:
    """Every installed one, the user's own too, and only those that begin so."""
    assert answers(cli.main, *words, "") == sorted(services.installed())
    assert answers(cli.main, *words, "he") == ["healer"]


def test_commands_options_and_buses_are_offered() -> None:
    """What a group lists, what a command takes, what an option may be."""
    assert answers(cli.main, "st") == ["status"]
    assert answers(cli.main, "truth", "show", "--bus", "m") == ["market-redis"]
    assert answers(cli.seed, "--d") == ["--diff"]
    assert "seed" not in answers(cli.main, "")


def test_naming_the_services_loads_no_service() -> None:
    """Someone waits for it at a prompt: neither redis nor pydantic is imported."""
    ask = "import sys; from marketswarm import cli, services; services.installed(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, timeout=30)
    modules = set(loaded.stdout.split())
    assert modules.isdisjoint({"redis", "hiredis", "pydantic", "msgspec"})
    assert "marketswarm.services" in modules
