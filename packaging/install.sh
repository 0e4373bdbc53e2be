#!/bin/sh
# Installs MarketSwarm on a Debian 12 or 13, or brings it to this version. Run it as root; run it again whenever you like.
set -eu

usage() {
    cat <<'END'
Usage: packaging/install.sh [OPTIONS] [WHEEL]

Installs MarketSwarm on this host, or brings it to this version: what apt must bring, an environment in
/opt/marketswarm, the units and config, and then everything is started. Without WHEEL it installs the checkout that
this script lies in. Your config and data stay. Every step may be cut off and run again.

Options:
  --system-port N   let the bus system-redis listen on port N instead of 6379
  --market-port N   let the bus market-redis listen on port N instead of 6380
  -h, --help        show this
END
}

VENV=/opt/marketswarm
STATE=/var/lib/marketswarm
CUT_OFF="$VENV/.being-filled"

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
fail() {
    code="$1"
    shift
    printf 'error: %s\n' "$*" >&2
    exit "$code"
}

system_port=''
market_port=''
wheel=''
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) usage; exit 0 ;;
        --system-port | --market-port)
            case "${2-}" in
                '' | *[!0-9]*) fail 64 "$1: needs a port number" ;;
            esac
            case "$1" in
                --system-port) system_port="$2" ;;
                *) market_port="$2" ;;
            esac
            shift
            ;;
        -*) fail 64 "$1: no such option; see $0 --help" ;;
        *)
            [ -z "$wheel" ] || fail 64 "one wheel at most; see $0 --help"
            wheel="$1"
            ;;
    esac
    shift
done

umask 022
[ "$(id -u)" = 0 ] || fail 77 "a host's files are root's: run it with sudo"
[ -d /run/systemd/system ] || fail 78 "this host was not booted with systemd, which runs the services"
command -v apt-get >/dev/null || fail 78 "there is no apt-get: this installer is for Debian 12 and 13"
if [ -n "$wheel" ]; then
    [ -f "$wheel" ] || fail 66 "$wheel: no such file; name a wheel, or none to install the checkout"
    source="$wheel"
else
    source="$(cd "$(dirname "$0")/.." && pwd)"
    [ -f "$source/pyproject.toml" ] || fail 66 "$source is no checkout of MarketSwarm: name a wheel"
fi

# Two of these at once would step on each other.
exec 9>/run/marketswarm-install.lock
flock --nonblock 9 || fail 75 "another installation is under way"

# --- who is on our ports --------------------------------------------------------------------------------------------

# Prints "UNIT (pid PID, PROGRAM)" of whoever listens on a port of loopback or of all addresses. By /proc, since a bare
# host may not have ss.
holder() {
    hex="$(printf '%04X' "$1")"
    inode="$(awk -v port=":$hex\$" '$4 == "0A" && $2 ~ port && $2 ~ /^(0100007F|0+|0+FFFF00000100007F|0+01000000):/ {
        print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)"
    [ -n "$inode" ] || return 0
    fd="$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)"
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    [ -n "$pid" ] || { say "a process outside this host's view"; return 0; }
    unit="$(sed -n 's#^0::.*/\([^/]*\.service\)\(/.*\)\{0,1\}$#\1#p' "/proc/$pid/cgroup" | tail -n 1)"
    say "${unit:-no unit} (pid $pid, $(cat "/proc/$pid/comm"))"
}

check_port() { # the option that moves the bus, its port
    who="$(holder "$2")"
    case "$who" in
        '' | marketswarm-redis@*) return 0 ;;
    esac
    unit="${who%% *}"
    case "$unit" in
        *.service) free="systemctl disable --now $unit" ;;
        *) free="stop that process" ;;
    esac
    fail 69 "port $2, which a bus needs, is held by $who. Either free it: $free; or give the bus another port:" \
        "$0 $1 $(($2 + 100)). Nothing was changed."
}

# A bus that was moved before is looked for where it is.
port_of() { sed -n 's/^port //p' "/etc/marketswarm/redis/$1.conf" 2>/dev/null || true; }
: "${system_port:=}" "${market_port:=}"
now_system="$(port_of system)"
now_market="$(port_of market)"
check_port --system-port "${system_port:-${now_system:-6379}}"
check_port --market-port "${market_port:-${now_market:-6380}}"

# --- what apt must bring --------------------------------------------------------------------------------------------

installed() { [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=''
for package in ca-certificates python3 python3-venv redis-server; do
    installed "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
    step "installing$missing"
    case "$missing" in
        *redis-server*)
            # Debian starts it on 6379 at once, and at each boot. We bring it for its program alone.
            mkdir -p "$STATE"
            touch "$STATE/brought-redis-server"
            systemctl mask --quiet redis-server.service 2>/dev/null # it says that there is no such unit yet
            ;;
    esac
    export DEBIAN_FRONTEND=noninteractive
    apt-get --quiet --quiet --option DPkg::Lock::Timeout=120 update
    # shellcheck disable=SC2086 # a list of words
    apt-get --quiet --quiet --yes --no-install-recommends --option DPkg::Lock::Timeout=120 install $missing >/dev/null
fi

# --- the environment ------------------------------------------------------------------------------------------------

if [ -e "$CUT_OFF" ] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    if [ -e "$VENV" ]; then
        # Half filled, or made for a Python that an upgrade of Debian took away.
        step "$VENV does not work; making it anew. Packages of your own have to be installed again."
    else
        step "making $VENV"
    fi
    python3 -m venv --clear "$VENV"
fi

step "getting MarketSwarm and what it needs"
wheels="$(mktemp -d)"
trap 'rm -rf "$wheels"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
pip() { "$VENV/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
# Everything is here before anything is replaced, so that services which run meanwhile hardly notice.
pip wheel --use-pep517 --wheel-dir "$wheels" "$source"
touch "$CUT_OFF"
pip install --no-index --find-links "$wheels" --upgrade --upgrade-strategy eager "$wheels"/marketswarm-*.whl
pip install --no-index --no-deps --force-reinstall "$wheels"/marketswarm-*.whl
rm -f "$CUT_OFF"

# --- the host files, and go -----------------------------------------------------------------------------------------

step "laying down units and config"
"$VENV/bin/marketswarm" install --start \
    ${system_port:+--system-port "$system_port"} ${market_port:+--market-port "$market_port"}

say
# Not those that only run now and then: what they do at this moment tells nothing.
systemctl list-units --no-pager --no-legend --plain marketswarm.target marketswarm-bootstrap.service \
    'marketswarm-redis@*' 'marketswarm@*' | awk '{ printf "%-40s %s\n", $1, $3 }'
cat <<'END'

MarketSwarm runs. Look at it:
  marketswarm status
  marketswarm doctor
  marketswarm alerts --follow
  journalctl -fu 'marketswarm@*'
It tells nobody before it knows whom: docs/operate.md, "How people are told"; then: marketswarm notify test
END
