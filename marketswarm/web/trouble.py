"""Why there was no usable answer, in plain words: of an address nothing is said, for it may hold a secret."""

from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from marketswarm import errors
from marketswarm.trouble import BROKE_OFF, LONG_HEADERS, NO_HTTP, NO_REQUEST, of_connection
from marketswarm.web.body import TooLargeError
from marketswarm.web.places import BAD_ADDRESS
from marketswarm.web.unpacking import BadPackingError

TROUBLE: Final = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    ValueError,  # what no request can be made of
    RuntimeError,
    TooLargeError,
    BadPackingError,
)
"""Everything that may be raised on the way to an answer and through it."""
_TOO_LONG: Final = ("Got more than", "Too many headers")
"""What aiohttp's parser says; the type of its error does not come through."""
_SAME_FOR_ALL: Final = (
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), BAD_ADDRESS),
    ((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError), BROKE_OFF),
    ((ValueError,), NO_REQUEST),
)


def reason(error: BaseException) -> str:
    """Say what an error of TROUBLE means."""
    match error:
        case TooLargeError() | BadPackingError():
            return str(error)
        case aiohttp.ClientConnectorError(__cause__=OSError() as inner):
            return of_connection(inner)
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return LONG_HEADERS if error.message.startswith(_TOO_LONG) else NO_HTTP
    for kinds, words in _SAME_FOR_ALL:
        if isinstance(error, kinds):
            return words
    return of_connection(error) if isinstance(error, OSError) else errors.reason(error)
