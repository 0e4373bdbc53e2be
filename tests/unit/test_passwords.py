"""The passwords of the users of the buses, and files that are replaced as a whole."""

import hashlib
import os
import stat
from functools import partial
from pathlib import Path

import pytest

from marketswarm import files
from marketswarm.passwords import Passwords


def mode(path: Path) -> int:
    """A file's or folder's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def sha256(password: str) -> str:
    """What a server is given."""
    return hashlib.sha256(password.encode()).hexdigest()


def folder(tmp_path: Path, **held: str) -> Passwords:
    """A folder that has these."""
    made = Passwords(tmp_path / "redis")
    made.folder.mkdir()
    for user, password in held.items():
        (made.folder / user).write_text(password, encoding="utf-8")
    return made


def test_each_user_gets_one_that_nobody_guesses(tmp_path: Path) -> None:
    """43 characters that need no quotes anywhere, no two alike; for the owner's eyes alone."""
    passwords = Passwords(tmp_path / "credentials/redis")
    assert passwords.make(["mesh", "marketswarm-admin"]) == ["marketswarm-admin", "mesh"]
    made = [passwords.of(user) for user in passwords.known()]
    assert len(set(made)) == 2
    assert all(len(password) == 43 and password.replace("-", "").replace("_", "").isalnum() for password in made)
    assert mode(passwords.folder) == 0o700
    assert {mode(passwords.folder / user) for user in passwords.known()} == {0o600}
    assert sorted(path.name for path in passwords.folder.iterdir()) == ["marketswarm-admin", "mesh"]


def test_only_missing_ones_are_made(tmp_path: Path) -> None:
    """Whoever has one keeps it, and so does who is not asked for any more."""
    passwords = folder(tmp_path, mesh="old", gone="old")
    assert passwords.make(["mesh", "healer"]) == ["healer"]
    assert passwords.known() == ["gone", "healer", "mesh"]
    assert passwords.of("mesh") == passwords.of("gone") == "old"
    assert passwords.make(["mesh", "healer"]) == []


def test_a_line_end_is_no_part_of_it(tmp_path: Path) -> None:
    """An operator's editor leaves one."""
    passwords = folder(tmp_path, mesh=" my word\u00e9\r\n")
    assert passwords.of("mesh") == "my word\u00e9"
    assert passwords.hashes() == {"mesh": (sha256("my word\u00e9"),)}


@pytest.mark.parametrize(
    "name", ["mesh.bak", "mesh (copy)", "mesh~", ".mesh.swp", "Mesh", "marketswarm-other", "m\u00e9sh", "x" * 65]
)
def test_what_else_lies_there_is_no_user(tmp_path: Path, name: str) -> None:
    """A server would not start from a file with a user whose name has a blank."""
    passwords = folder(tmp_path, **{"mesh": "x", name: "y"})
    assert passwords.known() == ["mesh"]
    assert passwords.hashes().keys() == {"mesh"}


def test_a_folder_is_no_users_password(tmp_path: Path) -> None:
    """Whatever its name."""
    passwords = folder(tmp_path, mesh="x")
    (passwords.folder / "old").mkdir()
    assert passwords.known() == ["mesh"]


@pytest.mark.parametrize("nothing", ["", "\n", "  \n"])
def test_an_empty_file_lets_nobody_in(tmp_path: Path, nothing: str) -> None:
    """Its hash would be that of a password that everybody knows."""
    passwords = folder(tmp_path, mesh=nothing, healer="x")
    assert "mesh" not in {user for user, hashes in passwords.hashes().items() if hashes}
    assert passwords.hashes()["healer"] == (sha256("x"),)


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    """A disk that was full may have left it."""
    passwords = folder(tmp_path, mesh="")
    assert passwords.make(["mesh"]) == ["mesh"]
    assert passwords.of("mesh")


def test_what_is_no_text_is_named_and_not_shown(tmp_path: Path) -> None:
    """As an error of the file, as one that may not be read is."""
    passwords = folder(tmp_path)
    (passwords.folder / "mesh").write_bytes(b"hunter2\xff")
    for ask in (partial(passwords.of, "mesh"), passwords.hashes):
        with pytest.raises(OSError, match="holds no text") as caught:
            ask()
        assert caught.value.filename == str(passwords.folder / "mesh")
        assert "hunter2" not in repr(caught.value)


def test_where_the_folder_cannot_be_it_is_said(tmp_path: Path) -> None:
    """A file in its place, say."""
    (tmp_path / "redis").write_text("", encoding="ascii")
    passwords = Passwords(tmp_path / "redis")
    with pytest.raises(OSError, match="redis"):
        passwords.make(["mesh"])
    with pytest.raises(OSError, match="redis"):
        passwords.known()
    with pytest.raises(OSError, match="mesh"):
        passwords.of("mesh")


# A change of passwords.


def good(passwords: Passwords, user: str) -> set[str]:
    """The hashes by which a user is let in."""
    return set(passwords.hashes()[user])


def test_an_old_password_is_good_until_the_change_ends(tmp_path: Path) -> None:
    """And a new one before anybody is given it."""
    passwords = folder(tmp_path, mesh="old")
    passwords.prepare_change()
    assert passwords.of("mesh") == "old"
    (new,) = good(passwords, "mesh") - {sha256("old")}
    assert not passwords.changing
    passwords.change()
    assert passwords.changing
    assert sha256(passwords.of("mesh")) == new
    assert good(passwords, "mesh") == {sha256("old"), new}
    assert passwords.known() == ["mesh"]
    passwords.end_change()
    assert not passwords.changing
    assert good(passwords, "mesh") == {new}
    assert [path.name for path in passwords.folder.iterdir()] == ["mesh"]


def test_a_change_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """Wherever: what servers were told of stays, and what is given out is among it."""
    passwords = folder(tmp_path, mesh="old", healer="old")
    passwords.prepare_change()
    before = passwords.hashes()
    passwords.prepare_change()
    assert passwords.hashes() == before, "no further one is made"
    (passwords.folder / ".mesh.last").write_text("old", encoding="ascii")  # cut off before the new one was in place
    assert passwords.changing
    passwords.change()
    passwords.change()
    assert {user: set(hashes) for user, hashes in passwords.hashes().items()} == {
        user: set(hashes) for user, hashes in before.items()
    }
    assert all(sha256(passwords.of(user)) in before[user] and passwords.of(user) != "old" for user in before)


def test_a_new_password_that_a_power_cut_has_emptied_is_made_again(tmp_path: Path) -> None:
    """Nobody is ever given an empty one."""
    passwords = folder(tmp_path, mesh="old")
    (passwords.folder / ".mesh.next").touch()
    passwords.change()
    assert passwords.of("mesh") == "old"
    passwords.prepare_change()
    passwords.change()
    assert len(passwords.of("mesh")) == 43


def test_who_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    """Whatever stage a change is at; who has none is no matter."""
    passwords = folder(tmp_path, mesh="x", healer="x")
    passwords.prepare_change()
    passwords.change()
    passwords.prepare_change()
    passwords.drop("mesh")
    passwords.drop("nobody")
    assert {path.name for path in passwords.folder.iterdir()} == {"healer", ".healer.last", ".healer.next"}


# Files.


def test_a_file_has_its_mode_and_its_folder(tmp_path: Path) -> None:
    """Whatever the mask of the process, and whatever the file was before."""
    path = tmp_path / "a/b"
    before = os.umask(0o077)
    try:
        files.write(path, b"one", 0o644)
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode(path)) == (b"one", 0o644)
    files.write(path, b"two", 0o600)
    assert (path.read_bytes(), mode(path)) == (b"two", 0o600)
    assert [found.name for found in path.parent.iterdir()] == ["b"]


def test_who_reads_meanwhile_has_the_old_file_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new content is on the disk before it has the name; nobody else can read it under the other one."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen: list[tuple[bytes, bytes, set[int]]] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        (beside,) = [found for found in tmp_path.iterdir() if found != path]
        seen.append((path.read_bytes(), beside.read_bytes(), {mode(beside)}))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    files.write(path, b"new", 0o600)
    assert seen == [(b"old", b"new", {0o600})]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(("euid", "owned"), [(0, True), (1000, False)])
def test_what_root_writes_belongs_to_the_owner_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, euid: int, *, owned: bool
) -> None:
    """So that the unit whose folder it is can read it; who is not root owns what he writes."""
    given: list[tuple[int, int]] = []

    def give(_descriptor: int, *ids: int) -> None:
        assert [found.read_bytes() for found in tmp_path.iterdir()] == [b""], "before there is anything in it"
        given.append((ids[0], ids[1]))

    monkeypatch.setattr(os, "geteuid", lambda: euid)
    monkeypatch.setattr(os, "fchown", give)
    files.write(tmp_path / "file", b"secret", 0o600)
    folder_of = tmp_path.stat()
    assert given == ([(folder_of.st_uid, folder_of.st_gid)] if owned else [])


def test_a_write_that_fails_at_any_step_leaves_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the old file as it was."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fails(*_words: object) -> None:
        raise OSError(28, "No space left on device")

    for owner, step in ((os, "fchmod"), (os, "fsync"), (Path, "replace")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, step, fails)
            with pytest.raises(OSError, match="No space"):
                files.write(path, b"new", 0o600)
        assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("file", b"old")]
