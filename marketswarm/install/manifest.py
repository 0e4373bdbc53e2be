"""What was laid down on a host, so that a later version knows what to take away and what the operator has edited."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from marketswarm.files import write
from marketswarm.install.plan import MANIFEST


@dataclass(slots=True)
class Manifest:
    """``files`` are ours to replace and remove; ``config`` has the SHA-256 of each config file as it was shipped."""

    files: set[str] = field(default_factory=set)
    config: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> "Manifest":
        """Read it; where there is none, or none that can be read, nothing is known to be laid down."""
        try:
            found = json.loads((root / MANIFEST).read_bytes())
            return cls(set(found["files"]), dict(found["config"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return cls()

    def write(self, root: Path) -> None:
        """Write it."""
        content = json.dumps({"files": sorted(self.files), "config": self.config}, indent=2).encode() + b"\n"
        write(root / MANIFEST, content, 0o644)


def digest(content: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
