"""Letters by SMTP: the standard library's client in a thread of its own, since it blocks."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import trio

from agbot.notify.channel import SEND_S, NotSent, Refused, Sender
from agbot.notify.notice import Message
from agbot.notify.settings import Mail
from agbot.secrets import Secret


class MailChannel:
    """One server and one list of recipients. The certificate is checked; without STARTTLS nothing is sent.

    Args:
        password: None where the server asks for none.
    """

    def __init__(self, mail: Mail, password: Secret | None, sender: Sender) -> None:
        self._mail = mail
        self._password = password
        self._sender = sender
        self._thread = trio.CapacityLimiter(1)

    async def send(self, message: Message) -> str:
        """Deliver and return what the server said. NotSent, Refused."""
        letter = self._letter(message)
        try:
            # A server that says a byte now and then keeps the thread; the next letter waits for it, trading does not.
            with trio.fail_after(2 * SEND_S):
                return await trio.to_thread.run_sync(
                    self._deliver, letter, limiter=self._thread, abandon_on_cancel=True
                )
        except trio.TooSlowError:
            raise NotSent(f"not done within {2 * SEND_S:g} s", silent=True) from None

    def _letter(self, message: Message) -> EmailMessage:
        lines = message.lines
        letter = EmailMessage()
        letter["From"] = self._mail.sender
        letter["To"] = ", ".join(self._mail.recipients)
        letter["Subject"] = f"{self._sender}: {lines[0]}"[:200] if lines else str(self._sender)
        letter["Date"] = formatdate()
        letter["Message-ID"] = make_msgid(domain="agbot.invalid")
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content("\n".join(lines) + "\n")
        return letter

    def _deliver(self, letter: EmailMessage) -> str:
        try:
            with self._connected() as server:
                if self._password is not None:
                    server.login(self._mail.user, self._password.reveal())
                refused = server.send_message(letter)
        except smtplib.SMTPNotSupportedError as e:
            raise Refused(str(e)) from None
        except smtplib.SMTPResponseException as e:
            raise _of_code(e.smtp_code, f"{e.smtp_code} {_text(e.smtp_error)}") from None
        except smtplib.SMTPRecipientsRefused as e:
            raise _none_accepted(e) from None
        except (smtplib.SMTPException, OSError) as e:
            raise _broken(e) from None
        return f"taken, refused for {', '.join(refused)}" if refused else "250 taken"

    def _connected(self) -> smtplib.SMTP:
        mail, context = self._mail, ssl.create_default_context()
        if mail.tls == "tls":
            return smtplib.SMTP_SSL(mail.host, mail.port, timeout=SEND_S, context=context)
        server = smtplib.SMTP(mail.host, mail.port, timeout=SEND_S)
        try:
            if mail.tls == "starttls":
                server.starttls(context=context)
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server


def _of_code(code: int, said: str) -> NotSent | Refused:
    """SMTP's own rule: 4yz may work later, 5yz will not."""
    return Refused(said) if 500 <= code < 600 else NotSent(said)


def _none_accepted(error: smtplib.SMTPRecipientsRefused) -> NotSent | Refused:
    codes = [(code, _text(said)) for code, said in error.recipients.values()]
    worst = min(codes) if codes else (500, "no recipient was accepted")
    return _of_code(worst[0], f"{worst[0]} {worst[1]}")


def _broken(error: Exception) -> NotSent | Refused:
    reason = f"{type(error).__name__}: {error}".rstrip(": ")
    return Refused(reason) if isinstance(error, ssl.SSLCertVerificationError) else NotSent(reason, silent=True)


def _text(said: bytes | str) -> str:
    return said.decode("ascii", "replace") if isinstance(said, bytes) else said
