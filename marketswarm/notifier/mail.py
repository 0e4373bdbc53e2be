"""Mail by way of one SMTP server."""

import contextlib
import email.policy
import email.utils
import hashlib
import re
import smtplib
import socket
import ssl
from email.message import EmailMessage
from typing import Final

from marketswarm import names
from marketswarm.notices.channels import Mail
from marketswarm.notices.message import Message, Outcome, Result
from marketswarm.notifier import failures
from marketswarm.text import printable

CONNECT_SEC: Final = 10.0
"""For each address of a host: where IPv6 leads nowhere, IPv4 still gets its turn."""
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,62}[A-Za-z0-9_+-]")
_POLICY: Final = email.policy.SMTP.clone(cte_type="7bit")
"""Not every server takes eight bits; what has them is encoded."""
_PERMANENT: Final = 5
"""What such codes begin with (RFC 5321, 4.2.1)."""
_ENHANCED_CODE: Final = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")


def send(channel: Mail, message: Message) -> Outcome:
    """Hand a mail over to the server. It counts as delivered once the server has taken it for one recipient."""
    try:
        smtp = _connect(channel)
        try:
            return _converse(smtp, channel, write(channel, message))
        finally:
            # It has been said what came of it: the server's goodbye is not waited for, and can spoil nothing.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                smtp.putcmd("QUIT")
            smtp.close()
    except smtplib.SMTPResponseException as error:
        return _refused(channel, "refuses to talk", error.smtp_code, error.smtp_error)
    except smtplib.SMTPServerDisconnected:
        return Outcome(Result.TRANSIENT, f"{channel.host}: closed the connection")
    except smtplib.SMTPException as error:
        return Outcome(Result.TRANSIENT, f"{channel.host}: {type(error).__name__}")
    except OSError as error:
        return failures.no_connection(channel.host, error, f"is {names.ENV_SMTP_TLS} right for this port?")


def write(channel: Mail, message: Message) -> EmailMessage:
    """Write the mail. The same message has the same Message-ID; no title can add a header."""
    mail = EmailMessage(policy=_POLICY)
    mail["Subject"] = printable(message.title)
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.recipients)
    mail["Date"] = email.utils.formatdate()
    mail["Message-ID"] = _message_id(message.key, channel.sender)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text, charset="utf-8")
    return mail


def _message_id(key: str, sender: str) -> str:
    """Make an id of the key, which may hold anything."""
    left = key if _PLAIN_KEY.fullmatch(key) and ".." not in key else hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"<{left}@{sender.rpartition('@')[2] or 'marketswarm.local'}>"


def _connect(channel: Mail) -> smtplib.SMTP:
    """Connect. Raises OSError, or SMTPException where what answers is not ready for mail."""
    own = socket.gethostname()
    name = own if "." in own else "[127.0.0.1]"  # RFC 5321 wants a full name or an address; asking DNS may hang
    smtp = (
        smtplib.SMTP_SSL(channel.host, channel.port, name, timeout=CONNECT_SEC, context=ssl.create_default_context())
        if channel.security == "tls"
        else smtplib.SMTP(channel.host, channel.port, name, timeout=CONNECT_SEC)
    )
    if smtp.sock is not None:
        smtp.sock.settimeout(channel.timeout_sec)
    return smtp


def _converse(smtp: smtplib.SMTP, channel: Mail, mail: EmailMessage) -> Outcome:
    """Secure the connection, log in, send. Raises what smtplib does where a refusal has no words of its own here."""
    try:
        if channel.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
    except smtplib.SMTPNotSupportedError:
        return Outcome(
            Result.PERMANENT, f"{channel.host}: offers no STARTTLS; set {names.ENV_SMTP_TLS} to tls, or to none"
        )
    try:
        if channel.user:
            smtp.login(channel.user, channel.password)
    except smtplib.SMTPAuthenticationError as error:
        hint = f"refuses the login ({names.ENV_SMTP_USER}, {names.ENV_SMTP_PASS})"
        return _refused(channel, hint, error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError:
        return Outcome(Result.PERMANENT, f"{channel.host}: takes no login; unset {names.ENV_SMTP_USER}")
    except smtplib.SMTPResponseException:
        raise
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException:
        return Outcome(Result.PERMANENT, f"{channel.host}: knows no way to log in that we know")
    except UnicodeEncodeError:
        return Outcome(Result.PERMANENT, f"{names.ENV_SMTP_USER} and {names.ENV_SMTP_PASS} have to be ASCII")
    return _hand_over(smtp, channel, mail)


def _hand_over(smtp: smtplib.SMTP, channel: Mail, mail: EmailMessage) -> Outcome:
    """Send the mail on a connection that is ready for it."""
    everyone = len(channel.recipients)
    try:
        refused = smtp.sendmail(channel.sender, list(channel.recipients), mail.as_bytes())
    except smtplib.SMTPRecipientsRefused as error:
        codes = list(error.recipients.values())
        code, text = next((pair for pair in codes if not _for_good(pair[0])), codes[0])
        return _refused(channel, f"refuses every recipient ({names.ENV_SMTP_TO})", code, text)
    except smtplib.SMTPSenderRefused as error:
        return _refused(channel, f"refuses the sender ({names.ENV_SMTP_FROM})", error.smtp_code, error.smtp_error)
    except smtplib.SMTPDataError as error:
        return _refused(channel, "refuses the mail", error.smtp_code, error.smtp_error)
    if refused:
        return Outcome(Result.DELIVERED, f"{channel.host}: taken; {len(refused)} of {everyone} recipients refused")
    return Outcome(Result.DELIVERED, f"{channel.host}: taken")


def _refused(channel: Mail, what: str, code: int, text: bytes | str) -> Outcome:
    """Say what was refused. Of the server's words only codes are kept: it may repeat what it was told."""
    raw = text if isinstance(text, bytes) else text.encode("ascii", "replace")
    detail = _ENHANCED_CODE.match(raw)
    codes = f"{code} {detail.group().decode('ascii')}" if detail else f"{code}"
    result = Result.PERMANENT if _for_good(code) else Result.TRANSIENT
    return Outcome(result, f"{channel.host}: {what}: {codes}")


def _for_good(code: int) -> bool:
    return code // 100 == _PERMANENT
