"""Truth documents under test: read, or why not."""

import json

from marketswarm.errors import BadTruthError
from marketswarm.truth import Truth, parse


def read(document: object) -> Truth:
    """Parse what must be taken."""
    return parse(json.dumps(document).encode())


def faults(document: object) -> list[str]:
    """Tell every fault of a document; none if it is taken."""
    try:
        read(document)
    except BadTruthError as error:
        return list(error.faults)
    return []
