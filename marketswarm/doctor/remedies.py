"""What to type about it: every remedy, on a host that systemd runs and anywhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import join, quote

from marketswarm import names, unitnames
from marketswarm.address import Address
from marketswarm.trouble import BAD_CERTIFICATE, hint


@dataclass(frozen=True, slots=True)
class Remedies:
    """The remedies for this machine.

    ``managed``: MarketSwarm's units are installed here. ``file``: its truth file. ``moved``: the ports of those of its
    own buses that an operator has moved. ``logins``: the buses that have users, where they were asked.
    """

    managed: bool
    file: Path | None = None
    moved: Mapping[str, int] = field(default_factory=dict)
    logins: Mapping[str, Address] = field(default_factory=dict)

    def variables(self, wrong: Iterable[str]) -> str:
        """Against variables that cannot be used."""
        return f"unset {' '.join(wrong)}"

    def check_file(self, path: Path) -> str:
        """Against a faulty truth file."""
        return f"correct it, until this is content: marketswarm truth check {quote(str(path))}"

    def find_file(self) -> str:
        """Against a truth file that is not where it was said to be."""
        return "marketswarm doctor --truth FILE"

    def seed(self) -> str:
        """Against a bus without the right truth."""
        if self.managed and self.file in (None, Path(names.TRUTH_FILE)):
            return "marketswarm-seed"
        return f"marketswarm-seed --truth {quote(str(self.file or 'FILE'))}"

    def compare_and_seed(self) -> str:
        """Against truths that differ: look first."""
        return f"marketswarm truth diff {quote(str(self.file or 'FILE'))}; then: {self.seed()}"

    def start_bus(self, bus: str, address: Address) -> str:
        """Against a bus that nobody serves."""
        if self._is_ours(bus, address):
            return f"systemctl start {unitnames.redis_unit(bus)}"
        if address.local and not address.path and not address.tls:
            return f"redis-server --port {address.port} --appendonly yes --maxmemory-policy noeviction"
        return f"start the Redis server at {address}, or say where it is: export {_variable(bus)}=redis://HOST:PORT"

    def restart_bus(self, bus: str, address: Address) -> str:
        """Against a bus that is there and does not answer."""
        if self._is_ours(bus, address):
            return f"systemctl restart {unitnames.redis_unit(bus)}"
        return f"{self._cli(address)} PING; while that hangs, end it and start it again"

    def mend_tls(self, address: Address, why: str) -> str:
        """Against a bus, or a client of it, whose certificate is not taken."""
        shown = f"openssl s_client -connect {quote(str(address))} </dev/null | openssl x509 -noout -text"
        look = f"it is shown by: {shown}; " if why.startswith(BAD_CERTIFICATE) else ""
        return f"{hint(address, why)}; {look}then: {redis_cli(address)} PING"

    def free_port(self, bus: str, address: Address) -> str:
        """Against a program that has a bus's port."""
        return f"ss -ltnp 'sport = :{address.port}' shows who it is; stop it, then: {self.start_bus(bus, address)}"

    def log_in(self, bus: str) -> str:
        """Against a bus that wants to know who asks."""
        return f"export {_variable(bus)}=redis://USER:PASSWORD@HOST:PORT"

    def see_users(self) -> str:
        """Against a bus that is open to everybody."""
        return "marketswarm acl show, for the users that it should have"

    def give_rights(self) -> str:
        """Against a bus that refuses a service its work."""
        return "marketswarm acl show, for what each may do; where a bus has it otherwise: marketswarm acl apply"

    def see_bus(self, bus: str, address: Address) -> str:
        """Against a bus that refuses for reasons of its own."""
        if self._is_ours(bus, address):
            return f"journalctl -u {unitnames.redis_unit(bus)} -n 20"
        return f"{self._cli(address)} INFO persistence"

    def await_loading(self, address: Address) -> str:
        """Against a bus that reads its file."""
        return f"wait; how long, says loading_eta_seconds in: {self._cli(address)} INFO persistence"

    def detach_replica(self, address: Address) -> str:
        """Against a bus that follows another server."""
        return f"{self._cli(address)} REPLICAOF NO ONE"

    def free_disk(self, address: Address) -> str:
        """Against a full disk."""
        return f'make room where it writes, and writes go on: df -h "$({self._cli(address)} CONFIG GET dir | tail -1)"'

    def save_again(self, address: Address, command: str) -> str:
        """Against a background save that went wrong."""
        return f"{self._cli(address)} {command}, once there is room on its disk"

    def free_memory(self, bus: str, address: Address, limit_bytes: int) -> str:
        """Against a bus that is full."""
        more = self.set_option(bus, address, "maxmemory", str(2 * limit_bytes))
        return f"{self._cli(address)} --bigkeys shows what fills it; to give it more: {more}"

    def seed_and_forget(self, address: Address) -> str:
        """Against keys that are gone: what was thrown away may have been the truth."""
        return f"{self.seed()}; then, to count anew: {self._cli(address)} CONFIG RESETSTAT"

    def set_option(self, bus: str, address: Address, option: str, value: str) -> str:
        """Against a setting of Redis. First in the running server: one that starts with AOF newly on would be empty."""
        where = unitnames.redis_conf(bus) if self._is_ours(bus, address) else "its redis.conf"
        return f"{self._cli(address)} CONFIG SET {option} {value}; for its next start, in {where}: {option} {value}"

    def systemd(self) -> str:
        """Against a service manager that does not answer."""
        return "journalctl -b -p err -n 20"

    def unit_log(self, unit: str) -> str:
        """Against a unit that failed."""
        return f"journalctl -u {unit} -n 20"

    def start_unit(self, unit: str) -> str:
        """Against a unit that is stopped."""
        return f"systemctl start {unit}"

    def load_unit(self, unit: str, load: str) -> str:
        """Against a unit that systemd cannot use."""
        verbs = {"masked": "systemctl unmask", "not-found": "systemctl daemon-reload; then: systemctl status"}
        return f"{verbs.get(load, 'systemd-analyze verify')} {unit}"

    def disable_debian_redis(self) -> str:
        """Against Debian's own server on the port of system-redis."""
        return f"systemctl disable --now redis-server; then: systemctl restart {unitnames.redis_unit(names.SYSTEM_BUS)}"

    def start(self, service: str) -> str:
        """Against a service that does not beat."""
        return f"systemctl start {unitnames.service_unit(service)}" if self.managed else f"marketswarm run {service}"

    def restart(self, services: Iterable[str]) -> str:
        """Against services that run on something old, or do not hear."""
        if self.managed:
            return f"systemctl restart {' '.join(map(unitnames.service_unit, services))}"
        return f"stop and start again: {', '.join(f'marketswarm run {service}' for service in services)}"

    def await_beats(self, services: Iterable[str]) -> str:
        """Against services that have not said yet that they follow a truth."""
        return f"look again after the next beat; if they are still there then: {self.restart(services)}"

    def see_service(self, service: str) -> str:
        """Against a service that is dark."""
        if self.managed:
            return f"journalctl -u {unitnames.service_unit(service)} -n 20"
        return f"marketswarm run {service}, or where `up` runs it: marketswarm up start {service}"

    def hear(self, address: Address, channel: str) -> str:
        """Against a program, not of this package, that is dark."""
        return f"start it; its beats are seen by: {self._cli(address)} SUBSCRIBE {channel}"

    def watch(self) -> str:
        """Against a verdict that is about to come."""
        return "marketswarm alerts --follow"

    def move_alert_log(self, address: Address) -> str:
        """Against another thing under the alert log's key."""
        cli, key = self._cli(address), names.ALERT_LOG
        return f"{cli} TYPE {key}; unless that is a stream: {cli} RENAME {key} {key}:old"

    def prove(self) -> str:
        """Against a target of which nobody knows whether it takes anything."""
        return "marketswarm notify test"

    def see_undelivered(self) -> str:
        """Against alerts that a target has refused."""
        return "marketswarm alerts --undelivered; once its reason is gone: marketswarm alerts --undelivered --resend"

    def see_feeds(self) -> str:
        """Against feeds that are broken."""
        return "marketswarm feeds"

    def see_probes(self) -> str:
        """Against targets that fail."""
        return "marketswarm probes"

    def see_queue(self) -> str:
        """Against a queue on which too much waits."""
        return "marketswarm queue"

    def see_dead_items(self) -> str:
        """Against items that no worker could work through."""
        return "marketswarm queue --dead; once their reasons are gone: marketswarm queue --resend"

    def set_target(self) -> str:
        """Against a target that does not take a test."""
        if self.managed:
            return f"correct it in {names.ENV_FILE} or in {names.CREDENTIALS}; then: {self.restart(names.WATCHERS)}"
        return f"correct the variables of healer and sentinel; then: {self.restart(names.WATCHERS)}"

    def open_name_servers(self) -> str:
        """Against name servers that have come since the installation, and lie where services may not go."""
        return "marketswarm install --start opens those that are there now"

    def open_bus(self, address: Address) -> str:
        """Against units that are cut off from a bus on another host."""
        allowed = f"PrivateNetwork=no, RestrictAddressFamilies=AF_INET and IPAddressAllow={address.host}"
        return f'a drop-in with {allowed}: docs/operate.md, "A bus on another host"'

    def set_clock(self) -> str:
        """Against a clock that is off."""
        return "timedatectl set-ntp true, on the host whose clock is off"

    def _cli(self, address: Address) -> str:
        """Spell redis-cli for a server, as who may do anything there."""
        bus = next((bus for bus, at in self.logins.items() if at == address), None)
        return f"marketswarm acl cli {bus}" if bus else redis_cli(address)

    def _is_ours(self, bus: str, address: Address) -> bool:
        if not self.managed or bus not in names.DEFAULT_BUS_URLS:
            return False
        own = Address.parse(names.DEFAULT_BUS_URLS[bus])
        return address.same_server(replace(own, port=self.moved.get(bus, own.port)))


def redis_cli(address: Address) -> str:
    """Spell redis-cli for a server, without its password."""
    return join(["redis-cli", *address.for_redis_cli()])


def _variable(bus: str) -> str:
    return bus if bus == names.ENV_TRUTH_REDIS_URL else names.bus_env(bus)
