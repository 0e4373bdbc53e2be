"""The files on a host: laid down, brought up to date, taken away."""

from marketswarm.install.laying import lay_down
from marketswarm.install.permission import check_host, check_root
from marketswarm.install.plan import Generated
from marketswarm.install.removing import take_away
from marketswarm.install.running import set_going

__all__ = ["Generated", "check_host", "check_root", "lay_down", "set_going", "take_away"]
