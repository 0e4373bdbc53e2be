"""The coordinator: it knows who should be there, who is, and on what; how it works is in service."""

from marketswarm.services.mesh.service import work

__all__ = ["work"]
