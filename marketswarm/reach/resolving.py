"""Names looked up at name servers of one's choice, by UDP, and by TCP where an answer is too long for that."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
from dns.rdatatype import AAAA, A, RdataType

from marketswarm.lookup import Address
from marketswarm.reach.finding import FailedError
from marketswarm.trouble import NO_SUCH_HOST

NO_ADDRESS: Final = "it has no address"
_FAMILIES: Final = {AAAA: socket.AF_INET6, A: socket.AF_INET}
_DNS_PORT: Final = 53
_OTHER_FAMILY_SEC: Final = 0.05
"""So long addresses of one family wait for those of the other. RFC 8305, section 3, lets only IPv4 wait for IPv6, and
adds what comes later to an attempt that is under way; without that, a host whose IPv6 is broken needs both."""
_FIRST_WAIT_SEC: Final = 1.0
"""So long a server is waited for, at most, before the next is asked; with each round it is twice as long."""
_MAX_BYTES: Final = 65_535
_SAYS_IT_ALL: Final = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class _Answer:
    """Addresses, or why there are none; ``final``: those of the other family need not be waited for either."""

    found: tuple[Address, ...] = ()
    fault: str = NO_ADDRESS
    final: bool = False


def silence(resolvers: Sequence[str]) -> str:
    """Say that nobody has answered."""
    return f"the name servers do not answer ({', '.join(resolvers)})"


async def addresses(host: str, resolvers: Sequence[str], timeout_sec: float) -> list[Address]:
    """Look up a host: its IPv6 addresses and then the IPv4 ones, at least one.

    Goes on for as long as nobody answers; within ``timeout_sec`` each is asked once. Raises FailedError.
    """
    try:
        name = dns.name.from_text(host)
    except dns.exception.DNSException:  # a label is empty or too long
        raise FailedError(NO_SUCH_HOST) from None
    first_wait_sec = min(_FIRST_WAIT_SEC, timeout_sec / (len(resolvers) + 1))
    asked = {kind: asyncio.ensure_future(_ask_in_turn(name, kind, resolvers, first_wait_sec)) for kind in _FAMILIES}
    try:
        return await _both(asked[AAAA], asked[A])
    finally:
        for task in asked.values():
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)


async def _both(ipv6: asyncio.Task[_Answer], ipv4: asyncio.Task[_Answer]) -> list[Address]:
    tasks = (ipv6, ipv4)
    while True:
        _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        answers = [task.result() for task in tasks if task.done()]
        if waiting and any(answer.found for answer in answers):
            await asyncio.wait(waiting, timeout=_OTHER_FAMILY_SEC)
            answers = [task.result() for task in tasks if task.done()]
        if found := [address for answer in answers for address in answer.found]:
            return found
        if not waiting or any(answer.final for answer in answers):
            raise FailedError(next((one.fault for one in answers if one.fault != NO_ADDRESS), NO_ADDRESS))
        await asyncio.wait(waiting)


async def _ask_in_turn(name: dns.name.Name, kind: RdataType, resolvers: Sequence[str], wait_sec: float) -> _Answer:
    """Ask one server after the other, and all of them again, until one knows.

    Where those that say anything say that they do not want to, or nobody listens at any, that is the answer.
    """
    servers = [_server(text) for text in resolvers]
    while True:
        refusal = ""
        waited = False
        for server in servers:
            try:
                async with asyncio.timeout(wait_sec):
                    answer = await _ask(name, kind, server)
            except TimeoutError:
                waited = True
            except (OSError, EOFError):
                continue
            else:
                rcode = answer.rcode()
                if rcode in _SAYS_IT_ALL:
                    return _read(answer, kind)
                refusal = refusal or f"the name servers refuse ({dns.rcode.to_text(rcode)})"
        if refusal or not waited:
            return _Answer(fault=refusal or silence(resolvers))
        wait_sec *= 2


def _read(answer: dns.message.QueryMessage, kind: RdataType) -> _Answer:
    if answer.rcode() == dns.rcode.NXDOMAIN:
        return _Answer(fault=NO_SUCH_HOST, final=True)
    try:
        records = answer.resolve_chaining().answer or ()
    except dns.exception.DNSException:  # a chain of aliases without an end
        return _Answer()
    return _Answer(tuple((_FAMILIES[kind], record.address) for record in records))


async def _ask(name: dns.name.Name, kind: RdataType, server: tuple[str, int]) -> dns.message.QueryMessage:
    """Ask one server. Raises OSError, EOFError."""
    query = dns.message.make_query(name, kind)
    wire = query.to_wire()
    loop = asyncio.get_running_loop()
    with _socket(server, socket.SOCK_DGRAM) as udp:
        udp.connect(server)  # only that server is heard, and that nobody listens there is
        await loop.sock_sendall(udp, wire)
        answer = None
        while answer is None:
            answer = _parsed(await loop.sock_recv(udp, _MAX_BYTES), query)
    if not answer.flags & dns.flags.TC:
        return answer
    with _socket(server, socket.SOCK_STREAM) as tcp:
        await loop.sock_connect(tcp, server)
        await loop.sock_sendall(tcp, len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(await _exactly(tcp, 2), "big")
        answer = _parsed(await _exactly(tcp, size), query)
    if answer is None:
        raise EOFError
    return answer


def _socket(server: tuple[str, int], kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, kind)
    made.settimeout(0)
    return made


def _parsed(wire: bytes, query: dns.message.Message) -> dns.message.QueryMessage | None:
    try:
        answer = dns.message.from_wire(wire, ignore_trailing=True)
    except dns.exception.DNSException:
        return None
    return answer if isinstance(answer, dns.message.QueryMessage) and query.is_response(answer) else None


async def _exactly(tcp: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        piece = await loop.sock_recv(tcp, size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _server(text: str) -> tuple[str, int]:
    try:
        return str(ip_address(text)), _DNS_PORT
    except ValueError:
        host, _, port = text.rpartition(":")
        return (host.strip("[]"), int(port)) if port.isdecimal() else (text.strip("[]"), _DNS_PORT)
