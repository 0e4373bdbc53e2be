"""A Redis server in Python, for machines that have no other: ``python -m marketswarm.local.embedded PORT``.

fakeredis answers over TCP and knows pub/sub, streams, expiry and transactions; it keeps nothing and is slow, which is
enough for one swarm in one terminal.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

from fakeredis import TcpFakeServer


def server(port: int) -> TcpFakeServer:
    """Listen on loopback. Raises OSError where the port is taken."""
    made = TcpFakeServer(("127.0.0.1", port), server_type="redis", server_version=(7, 2))
    # A thread that waits in a blocking read must not hold up the end.
    made.daemon_threads = True
    return made


def serve(port: int) -> None:
    """Serve on loopback until SIGTERM. Raises OSError where the port is taken."""
    served = server(port)
    signal.signal(signal.SIGTERM, _leave)
    served.serve_forever()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
