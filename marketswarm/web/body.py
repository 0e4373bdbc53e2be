"""The body of an answer, read up to a cap that holds for what comes over the wire as for what comes out of it."""

from aiohttp import ClientResponse, hdrs

from marketswarm.text import size
from marketswarm.web.unpacking import unpacker


class TooLargeError(Exception):
    """A body that goes over the cap; the text says so."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"larger than {size(max_bytes)}")


async def read(response: ClientResponse, max_bytes: int) -> bytes:
    """Read and unpack all of it; the session must have ``auto_decompress=False``.

    aiohttp would decompress by itself, but its word on what is broken or endless differs between its versions.
    Raises TooLargeError, BadPackingError, and what aiohttp raises.
    """
    if (response.content_length or 0) > max_bytes:
        raise TooLargeError(max_bytes)
    unpacking = unpacker(", ".join(response.headers.getall(hdrs.CONTENT_ENCODING, ())))
    body = bytearray()
    came = 0
    async for data in response.content.iter_any():
        came += len(data)
        if came > max_bytes:
            raise TooLargeError(max_bytes)
        for piece in unpacking.feed(data):
            body += piece
            if len(body) > max_bytes:
                raise TooLargeError(max_bytes)
    unpacking.finish()
    return bytes(body)
