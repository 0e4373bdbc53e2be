"""Text for a line of a log or a terminal: what comes from elsewhere made fit for it, and sizes as people write them."""


def printable(text: str) -> str:
    r"""Escape what is not printable (``\n``, ``\x1b``), so that it forges no second line and moves no cursor."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def size(count: int) -> str:
    """Write a number of bytes in the largest unit in which it is a whole one ("64 KiB")."""
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if count and count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    return f"{count} bytes"
