"""The latest of many keys."""

from collections import OrderedDict
from typing import Final

LIMIT: Final = 5000


class Remembered:
    """The keys that were added last, up to LIMIT of them."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Remember one, as the latest."""
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > LIMIT:
            self._keys.popitem(last=False)
