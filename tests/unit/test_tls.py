"""The files by which TLS is done: what is said of those that cannot be used, and how others take their place."""

import logging
import os
import ssl
import subprocess
from pathlib import Path
from typing import Final

import pytest
from securing import Authority, Pair, environ, files

from marketswarm import names, settings, tls
from marketswarm.address import Address, TlsFiles
from marketswarm.errors import BadEnvironmentError

CA, CERT, KEY = names.TLS_ENV
NOT_SHOWN: Final = "MC4CAQAwBQYDK2VwBCIEIA"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A CA."""
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    """A certificate of it."""
    return authority.issue("swarm.example")


def faults(variables: dict[str, str]) -> list[str]:
    """Load what cannot be used, and return what is said of it."""
    with pytest.raises(BadEnvironmentError) as caught:
        settings.load(variables)
    return str(caught.value).splitlines()


def text_file(directory: Path, text: str) -> str:
    """Write what is no certificate."""
    path = directory / "text.pem"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_files_that_can_be_used_go_with_every_address_over_tls(authority: Authority, pair: Pair) -> None:
    """Wherever it comes from: a variable, the truth, or TRUTH_REDIS_URL; and with no other."""
    found = settings.load(
        {
            **environ(authority, pair),
            "SYSTEM_REDIS_URL": "rediss://a:1",
            "TRUTH_REDIS_URL": "rediss://b:2",
        }
    )
    assert found.tls_files == files(authority, pair)
    assert found.address("system-redis").tls_files == found.tls_files
    assert found.address("feed-redis", {"feed-redis": "rediss://c:3"}).tls_files == found.tls_files
    assert found.truth_address == Address("b", 2, tls=True, tls_files=found.tls_files)
    assert found.address("market-redis").tls_files == TlsFiles()


def test_the_ca_alone_will_do(authority: Authority) -> None:
    """A server that wants no certificate of its clients."""
    assert settings.load({CA: str(authority.path)}).tls_files == TlsFiles(ca=str(authority.path))


@pytest.mark.parametrize("variable", [CA, CERT, KEY])
def test_a_file_that_cannot_be_read_is_told(variable: str, authority: Authority, pair: Pair, tmp_path: Path) -> None:
    """With the variable, the path, and the system's reason."""
    missing = str(tmp_path / "missing.pem")
    variables = environ(authority, pair)
    assert faults(variables | {variable: missing}) == [f"{variable}: {missing}: no such file or directory"]
    assert faults(variables | {variable: str(tmp_path)}) == [f"{variable}: {tmp_path}: is a directory"]


def test_a_denial_says_how_units_get_the_file(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    """With who may read it. Faked, for root, who may run the tests, is denied nothing."""

    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        (_, _, fault) = faults(environ(authority, pair))
    assert fault == f"{KEY}: {pair.key}: permission denied; root may read it, and a unit by LoadCredential="


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        (CA, "hello", "must hold certificates in PEM"),
        (CA, "", "must hold certificates in PEM"),
        (CA, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "must hold certificates in PEM"),
        (CERT, "hello", "must hold a certificate in PEM"),
        (CERT, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "must hold a certificate in PEM"),
        (KEY, "hello", "must hold a private key in PEM"),
        (KEY, "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n", "must hold a private key in PEM"),
    ],
)
def test_a_file_with_something_else_in_it_is_told(
    authority: Authority, pair: Pair, variable: str, text: str, says: str
) -> None:
    """And with what it must hold."""
    path = text_file(authority.path.parent, text)
    assert faults(environ(authority, pair) | {variable: path}) == [f"{variable}: {path}: {says}"]


def test_a_certificate_is_no_key_and_a_key_no_certificate(authority: Authority, pair: Pair) -> None:
    """The two variables were taken for each other."""
    assert faults({CERT: str(pair.key), KEY: str(pair.cert)}) == [f"{CERT}: {pair.key}: must hold a certificate in PEM"]
    assert faults({CERT: str(pair.cert), KEY: str(pair.cert)}) == [
        f"{KEY}: {pair.cert}: must hold a private key in PEM"
    ]
    assert faults({CA: str(pair.key)}) == [f"{CA}: {pair.key}: must hold certificates in PEM"]
    assert authority.path.exists()


def openssl(*words: str) -> None:
    """Run it."""
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30)


@pytest.mark.parametrize("kind", ["of another certificate", "of another kind"])
def test_a_key_of_another_certificate_is_told(authority: Authority, pair: Pair, tmp_path: Path, kind: str) -> None:
    """Be it one of another kind."""
    other = authority.issue().key
    if kind == "of another kind":
        openssl("genpkey", "-algorithm", "ed25519", "-out", str(other))
    says = f"{KEY}: {other}: does not belong to the certificate {pair.cert}"
    assert faults({CERT: str(pair.cert), KEY: str(other)}) == [says]


@pytest.mark.parametrize("form", [("pkey",), ("ec",)])
def test_an_encrypted_key_is_told_and_nobody_is_asked(pair: Pair, tmp_path: Path, form: tuple[str]) -> None:
    """In either of the forms that there are; the line says how to write it without a password."""
    encrypted = tmp_path / "encrypted.pem"
    openssl(*form, "-aes256", "-passout", "pass:hunter2", "-in", str(pair.key), "-out", str(encrypted))
    remedy = f"openssl pkey -in {encrypted} -out FILE writes it without one"
    assert faults({CERT: str(pair.cert), KEY: str(encrypted)}) == [
        f"{KEY}: {encrypted}: is encrypted by a password; {remedy}"
    ]


def test_one_without_the_other_is_told(authority: Authority, pair: Pair) -> None:
    """By the variable that is set."""
    assert faults({CERT: str(pair.cert)}) == [f"{CERT}: is set without {KEY}"]
    assert faults({KEY: str(pair.key), CA: str(authority.path)}) == [f"{KEY}: is set without {CERT}"]


def test_a_key_in_place_of_its_file_is_not_shown(pair: Pair) -> None:
    """Somebody has set what is in the file."""
    for text in (pair.key.read_text(encoding="ascii"), NOT_SHOWN, "key.pem", "/a\nb"):
        assert faults({CERT: str(pair.cert), KEY: text}) == [f"{KEY}: must be the path of a file, from / on"]


def test_all_faults_are_told_at_once(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    """A line each."""
    missing = str(tmp_path / "missing.pem")
    found = faults(environ(authority, pair) | {CA: missing, CERT: missing, "LOG_LEVEL": "loud"})
    assert [line.partition(":")[0] for line in found] == [CA, CERT, "LOG_LEVEL"]


def test_a_credential_of_the_name_of_a_variable_is_the_file(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    """As LoadCredential= gives a key to a unit; a variable wins."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key = credentials / KEY
    key.write_bytes(pair.key.read_bytes())
    given = {CERT: str(pair.cert), names.ENV_CREDENTIALS_DIRECTORY: str(credentials)}
    assert settings.load(given).tls_files == TlsFiles(cert=str(pair.cert), key=str(key))
    assert settings.load(given | {KEY: str(pair.key)}).tls_files.key == str(pair.key)
    assert authority.path.exists()


def test_a_typed_command_finds_the_key_that_units_have_as_a_credential(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """marketswarm.env names the certificate, which everybody may read; the key lies with the other secrets."""
    for variable in [name for name in os.environ if name.endswith("REDIS_URL")]:
        monkeypatch.delenv(variable)
    file = tmp_path / "marketswarm.env"
    file.write_text(f"{CERT}={pair.cert}\n", encoding="utf-8")
    monkeypatch.setattr(names, "ENV_FILE", str(file))
    monkeypatch.setattr(names, "CREDENTIALS", str(tmp_path))
    (tmp_path / KEY).write_bytes(pair.key.read_bytes())
    assert settings.load().tls_files == TlsFiles(cert=str(pair.cert), key=str(tmp_path / KEY))
    monkeypatch.setenv(KEY, str(pair.key))
    assert settings.load().tls_files.key == str(pair.key)
    monkeypatch.delenv(KEY)
    monkeypatch.setenv(names.ENV_CREDENTIALS_DIRECTORY, str(tmp_path / "no-such"))
    with pytest.raises(BadEnvironmentError, match=f"{CERT}: is set without {KEY}"):
        settings.load()


def test_nothing_of_a_key_is_in_what_is_shown(authority: Authority, pair: Pair) -> None:
    """Settings and addresses have paths."""
    found = settings.load(environ(authority, pair) | {"SYSTEM_REDIS_URL": "rediss://u:hunter2@a"})
    shown = f"{found!r} {found.address('system-redis')!r}"
    assert "hunter2" not in shown
    assert not any(line in shown for line in pair.key.read_text(encoding="ascii").splitlines())


def test_hosts_are_verified_and_tls_is_new_enough(authority: Authority, pair: Pair) -> None:
    """Whatever Python's defaults become."""
    for each in (TlsFiles(), files(authority, pair)):
        context = tls.context(each)
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_context_is_one_for_all_connections_until_a_file_changes(
    authority: Authority, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """A renewed certificate is there for the next connection, which is said once."""
    caplog.set_level(logging.INFO)
    one = files(authority, pair)
    first = tls.context(one)
    assert tls.context(one) is first
    pair.become(authority.issue("swarm.example"))
    second = tls.context(one)
    assert second is not first
    assert tls.context(one) is second
    assert [record.message for record in caplog.records] == [
        "the files for TLS have changed: new connections go by what they hold now"
    ]


def test_what_was_good_stays_where_what_comes_is_not(
    authority: Authority, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    """As between a new certificate and its key; that is said once, and the whole pair is used when it is there."""
    one = files(authority, pair)
    first = tls.context(one)
    new = authority.issue("swarm.example")
    pair.cert.write_bytes(new.cert.read_bytes())
    assert [tls.context(one) for _ in range(3)] == [first] * 3
    fault = f"{KEY}: {pair.key}: does not belong to the certificate {pair.cert}"
    assert [record.message for record in caplog.records] == [f"{fault}; new connections go on by what was read before"]
    pair.key.unlink()
    assert tls.context(one) is first
    pair.key.write_bytes(new.key.read_bytes())
    assert tls.context(one) is not first


def test_files_that_never_were_good_are_an_error_of_the_connection(tmp_path: Path) -> None:
    """Who has not read them as settings is told by the first connection."""
    with pytest.raises(OSError, match=f"{CA}: .*no such file"):
        tls.context(TlsFiles(ca=str(tmp_path / "missing.pem")))


def test_the_system_is_trusted_without_a_file(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what OpenSSL takes for the system's CAs, read again when that changes."""
    before = tls.context(TlsFiles())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    after = tls.context(TlsFiles())
    assert after is not before
    assert len(after.get_ca_certs()) == 1


def test_an_intermediate_ca_may_be_the_one_that_is_trusted(authority: Authority) -> None:
    """The one that signs the buses' certificates, without the root above it."""
    assert tls.context(TlsFiles(ca=str(authority.path))).verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
