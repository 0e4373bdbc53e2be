"""Names of hosts turned into addresses, each lookup by a thread of its own.

Not by the threads that asyncio keeps: there are six of them on two cores, a server of names that does not answer holds
one for half a minute, and then nothing else gets its turn. Nor does a daemon's end wait for such a thread.
"""

import asyncio
import contextlib
import errno
import socket
import threading
from typing import Final

Address = tuple[socket.AddressFamily, str]
"""A family, and an address as getaddrinfo writes it."""
_NO_THREAD: Final = "no thread can be started"


async def addresses(host: str, port: int, family: socket.AddressFamily) -> list[Address]:
    """Look up a host: its addresses in the order in which they should be tried, each once, at least one.

    Raises OSError (socket.gaierror among them). Cancelled, it leaves the thread to end by itself.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def tell(found: list[Address], error: OSError | None) -> None:
        if answer.done():  # nobody waits any more
            return
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def look() -> None:
        found, error = _ask(host, port, family)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, found, error)

    try:
        threading.Thread(target=look, name="lookup", daemon=True).start()
    except RuntimeError:
        raise OSError(errno.EAGAIN, _NO_THREAD) from None
    return await answer


def _ask(host: str, port: int, family: socket.AddressFamily) -> tuple[list[Address], OSError | None]:
    try:
        answers = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except OSError as error:
        return [], error
    except ValueError:  # a label is empty or too long for DNS, or the port is out of range
        return [], socket.gaierror(socket.EAI_NONAME, "not a name")
    found: list[Address] = list(dict.fromkeys((kind, str(sockaddr[0])) for kind, *_, sockaddr in answers))
    return found, None if found else socket.gaierror(socket.EAI_NONAME, "no address")
