"""The port `Mailer` over SMTP: URLs smtp://, smtp+starttls:// or smtps://, with a name and password if the URL has
them."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from broker.domain.errors import Invalid, Unavailable

ANSWER_SECONDS = 10
DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class SmtpMailer:
    """Opens a new connection for each message, because there are few. Raises Invalid for a bad URL, Unavailable if
    sending fails."""

    def __init__(self, url: str, sender: str) -> None:
        self._url, self._sender = urlsplit(url), sender
        if self._url.scheme not in DEFAULT_PORTS or not self._url.hostname:
            raise Invalid("mail-url", f"A mail server is {', '.join(DEFAULT_PORTS)} with ://host:port.", "mail_url")
        # It would cross the network in plain text.
        if self._url.password and self._url.scheme == "smtp":
            raise Invalid("mail-url", "A password goes to a mail server over TLS only.", "mail_url")

    def send(self, to: str, subject: str, text: str) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._sender, to, subject
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=self._sender.rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"  # no out-of-office replies
        letter.set_content(text)
        try:
            with self._connected() as server:
                server.send_message(letter)
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable("The mail server does not answer, or does not take the letter.") from error

    def _connected(self) -> smtplib.SMTP:
        host, port = self._url.hostname or "", self._url.port or DEFAULT_PORTS[self._url.scheme]
        secure = ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=ANSWER_SECONDS, context=secure)
        else:
            server = smtplib.SMTP(host, port, timeout=ANSWER_SECONDS)
        if self._url.scheme == "smtp+starttls":
            server.starttls(context=secure)
        if self._url.username:
            server.login(unquote(self._url.username), unquote(self._url.password or ""))
        return server
