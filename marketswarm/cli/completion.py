"""Shell completion, by click's own scripts: a shell asks the command itself what may come next."""

from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from marketswarm.cli.main import PROGRAMS

PLACES: dict[type[ShellComplete], str] = {
    BashComplete: "bash-completion/completions/{}",
    ZshComplete: "zsh/site-functions/_{}",
    FishComplete: "fish/vendor_completions.d/{}.fish",
}
"""Where each shell looks for a command's script, below a share directory."""


def completions() -> dict[str, bytes]:
    """Make every script, by its path below a share directory. Always the same bytes, whatever shells are here."""
    return {place.format(program): _script(shell, program) for program in PROGRAMS for shell, place in PLACES.items()}


def _script(shell: type[ShellComplete], program: str) -> bytes:
    variable = f"_{program}_COMPLETE".replace("-", "_").upper()  # the one that click reads
    asks = shell(PROGRAMS[program], {}, program, variable)
    # Not `source()`: for bash it would start the bash of this host to ask for its version.
    return (asks.source_template % asks.source_vars()).encode()
