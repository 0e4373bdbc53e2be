"""Reads one variable at a time, each with its faults."""

import logging
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

from marketswarm import names
from marketswarm.address import Address

_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_MAX_PORT = 65535
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Reader:
    """Reads variables and keeps what is wrong with them, so that all faults are told at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def text(self, name: str) -> str | None:
        """Return the value; empty counts as unset. A systemd credential of the same name stands in for a variable."""
        value = self._environ.get(name, "").strip()
        directory = self._environ.get(names.ENV_CREDENTIALS_DIRECTORY)
        if not value and directory:
            try:
                value = Path(directory, name).read_text(encoding="utf-8").strip()
            except FileNotFoundError:
                return None
            except (OSError, UnicodeDecodeError) as error:
                self.faults.append(f"{name}: its credential cannot be read: {error}")
        return value or None

    def password(self, user: str) -> str | None:
        """Read the password of a user of the buses; None where there is none, or none that this process may read."""
        directory = self.text(names.ENV_REDIS_CREDENTIALS)
        if directory is None:
            return None
        try:
            return Path(directory, user).read_text(encoding="utf-8").strip() or None
        except (FileNotFoundError, PermissionError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(f"{names.ENV_REDIS_CREDENTIALS}: the password of {user} cannot be read: {error}")
            return None

    def path(self, name: str) -> str | None:
        """Read where a file is. A systemd credential of the same name is that file."""
        text = self._environ.get(name, "").strip()
        directory = self._environ.get(names.ENV_CREDENTIALS_DIRECTORY)
        if not text and directory and os.access(file := Path(directory, name), os.F_OK):
            return str(file)
        if text and not (text.startswith("/") and text.isprintable()):
            # It is not shown: somebody may have set a key in place of its file.
            self.fault(name, "must be the path of a file, from / on")
            return None
        return text or None

    def fault(self, name: str, what: str) -> None:
        """Keep what is wrong with a variable. Only a value that can be no secret may be shown."""
        self.faults.append(f"{name}: {what}")

    def seconds(self, name: str, *, or_none: bool = False) -> float | None:
        """Read a duration; 0 is one where ``or_none`` says so."""
        text = self.text(name)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (0 < value < math.inf or (or_none and value == 0)):
            self.fault(name, f"must be a number of seconds {'>=' if or_none else '>'} 0, is {text!r}")
            return None
        return value

    def integer(self, name: str, least: int, most: int) -> int | None:
        """Read a whole number of ``least`` to ``most``."""
        text = self.text(name)
        if text is None:
            return None
        # Python refuses to read numbers of thousands of digits.
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
            self.fault(name, f"must be a whole number from {least} to {most}, is {text!r}")
            return None
        return int(text)

    def switch(self, name: str, *, default: bool) -> bool:
        """Read what is either on or off."""
        text = (self.text(name) or "").lower()
        if text and text not in _SWITCH:
            self.fault(name, f"must be 1 or 0, is {text!r}")
        return _SWITCH.get(text, default)

    def level(self) -> str:
        """Read the log level."""
        text = (self.text(names.ENV_LOG_LEVEL) or "INFO").upper()
        if text not in LEVELS or text not in logging.getLevelNamesMapping():
            self.faults.append(f"{names.ENV_LOG_LEVEL}: must be one of {', '.join(LEVELS)}, is {text!r}")
        return text

    def address(self, name: str) -> Address | None:
        """Read the address of a bus."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return Address.parse(text)
        except ValueError as error:  # the value is not shown: it may hold a password
            self.faults.append(f"{name}: {error}")
            return None

    def sockets(self) -> dict[int, str]:
        """Read which socket the server on which port of loopback has."""
        found: dict[int, str] = {}
        for pair in (self.text(names.ENV_REDIS_SOCKETS) or "").split():
            port, _, path = pair.partition("=")
            if not (_PORT.fullmatch(port) and int(port) <= _MAX_PORT and path.startswith("/")):
                wanted = "must be PORT=PATH, with blanks between several, as in 6379=/run/marketswarm/system/redis.sock"
                self.fault(names.ENV_REDIS_SOCKETS, f"{wanted}; is {pair!r}")
            elif found.setdefault(int(port), path) != path:
                self.fault(names.ENV_REDIS_SOCKETS, f"has two sockets for port {port}")
        return found

    def buses(self) -> dict[str, Address]:
        """Return the addresses that are set, whatever the bus: ``SYSTEM_REDIS_URL`` for system-redis, and so on."""
        found = {}
        defaults = {names.bus_env(bus): bus for bus in names.DEFAULT_BUS_URLS}
        others = {variable: bus for variable in self._environ if (bus := _bus_of(variable))}
        # The general one first, so that the special one wins.
        for variable, bus in {names.ENV_REDIS_URL: names.SYSTEM_BUS, **defaults, **others}.items():
            address = self.address(variable)
            if address is None or address.host == bus:
                continue  # a bus's own name says nothing about where it is
            if address.host in names.DEFAULT_BUS_URLS:
                wanted = names.bus_env(address.host)
                self.faults.append(f"{variable}: names {address.host}, but sets {bus}; set {wanted} instead")
                continue
            found[bus] = address
        return found


def _bus_of(variable: str) -> str | None:
    if variable in (names.ENV_REDIS_URL, names.ENV_TRUTH_REDIS_URL) or not variable.endswith("_REDIS_URL"):
        return None
    return variable.removesuffix("_URL").lower().replace("_", "-")
