"""Text from elsewhere, made fit for a line of a log or a terminal."""


def printable(text: str) -> str:
    r"""Escape what is not printable (``\n``, ``\x1b``), so that it forges no second line and moves no cursor."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
