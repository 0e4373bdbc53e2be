"""What texts say that one may type, held against what the commands know."""

import click

from marketswarm import cli


def unknown_word(name: str, words: list[str]) -> str | None:
    """Find the first word that names no command and no option; arguments and options' values are the user's."""
    command: click.Command = cli.seed if name == "marketswarm-seed" else cli.main
    for word in words:
        if command.context_settings.get("ignore_unknown_options"):
            return None  # the rest is another program's
        if word.startswith("-"):
            params = command.get_params(click.Context(command))
            if word.partition("=")[0] not in {option for param in params for option in param.opts}:
                return word
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return word
            command = command.commands[word]
    return None
