"""The whole swarm in one terminal, without root or systemd: ``marketswarm up`` and ``marketswarm demo``."""
