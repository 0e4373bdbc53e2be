"""The files on a host: laid down, brought up to date, taken away."""

from marketswarm.install.laying import lay_down
from marketswarm.install.logins import make_logins
from marketswarm.install.permission import check_host, check_root
from marketswarm.install.plan import Generated
from marketswarm.install.removing import take_away
from marketswarm.install.running import set_going
from marketswarm.install.systemd import make_user

__all__ = ["Generated", "check_host", "check_root", "lay_down", "make_logins", "make_user", "set_going", "take_away"]
