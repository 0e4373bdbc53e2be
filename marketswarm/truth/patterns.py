"""Names as Redis' ACL means them: a right is for whatever matches a pattern, and a truth names what is no pattern."""

import string
from typing import Final

_PLAIN: Final = frozenset((string.ascii_letters + string.digits + ":_-./@+=,#&!").encode()) | frozenset(range(128, 256))
_ANY: Final = ord("?")


def pattern(name: str) -> str:
    """Make of a name the pattern that means it, and as little else as can be.

    What has a meaning in patterns or in ACL files stands as ``?``, which is any one byte.
    """
    return bytes(byte if byte in _PLAIN else _ANY for byte in name.encode()).decode()


def could_mean(meant: str, name: str) -> bool:
    """Whether a pattern that ``pattern`` made matches a name."""
    if "?" not in meant:
        return meant == name
    there, wanted = meant.encode(), name.encode()
    return len(there) == len(wanted) and all(byte in (_ANY, other) for byte, other in zip(there, wanted, strict=True))
