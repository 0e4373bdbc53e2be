"""Who the buses know: the users of Redis beside those of the services, which are called as the services are.

A hyphen, which no service has in its name, keeps them apart.
"""

from typing import Final

from marketswarm import names

DEFAULT: Final = "default"
"""Who gives no login."""
SEED: Final = "marketswarm-seed"
ADMIN: Final = "marketswarm-admin"
"""Who gives rights to the others, and so can do anything: no daemon has its password."""
OPERATOR: Final = "marketswarm-operator"
"""The commands, as root types them."""
FAILED: Final = "marketswarm-failed"
"""What tells that systemd has given a unit up."""
OWN: Final = (ADMIN, SEED, OPERATOR, FAILED)
PASSWORDS: Final = f"{names.CREDENTIALS}/redis"
"""On a host: a folder with a file a user, which holds the password."""
