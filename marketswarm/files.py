"""Files that are replaced as a whole."""

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes, mode: int, *, sync: bool = True) -> None:
    """Replace a file as a whole, whatever cuts this off: the content goes to a name of its own first.

    What root writes belongs to the owner of the folder. Without ``sync`` a power cut may leave it empty: who writes
    thousands calls os.sync() once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            if os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
