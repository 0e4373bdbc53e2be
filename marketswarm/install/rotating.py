"""New passwords for all users of the buses of a host, without an outage."""

import asyncio

from marketswarm import unitnames, users
from marketswarm.granting import Keeper, Say
from marketswarm.install import systemd
from marketswarm.text import counted, listed
from marketswarm.truth import Truth

RESTART_SEC = 60.0
_NAMED = 8


def rotate(keeper: Keeper, truth: Truth, say: Say) -> None:
    """Make new passwords, tell the servers, restart who runs one after another, and let the old ones end.

    Raises MarketSwarmError where a step fails; then the old ones are good, and another run goes on from there.
    """
    passwords = keeper.passwords
    if passwords.changing:
        say("going on with a change of passwords that was cut off")
    else:
        passwords.prepare_change()
        asyncio.run(keeper.apply([truth], say))
    passwords.change()
    say(f"{counted(len(passwords.known()), 'user')} on the buses have new passwords; the old ones are still good")
    running = systemd.running()
    for number, unit in enumerate(running, 1):
        # One at a time, and each until it is ready: healer and sentinel are never away together.
        systemd.systemctl("try-restart", unit, timeout_sec=RESTART_SEC)
        say(f"{unit} has its new one ({number} of {len(running)})")
    passwords.end_change()
    kept = {*users.OWN, *truth.services, *(name for unit in running if (name := unitnames.service_of(unit)))}
    gone = [user for user in passwords.known() if user not in kept]
    if gone:
        asyncio.run(keeper.forget(gone, [truth]))
        say(f"no user any more, since no truth has them and they do not run: {listed(gone, _NAMED)}")
    asyncio.run(keeper.apply([truth], say))
    say("the old passwords are good no more")
