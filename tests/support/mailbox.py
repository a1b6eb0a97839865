"""A server that takes mail by SMTP, in threads of the test."""

import socketserver
import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from types import TracebackType
from typing import Self


class Mailbox:
    """Takes mail for everybody.

    Attributes:
        mails: What came: the recipient of the envelope, and the message.
        answers: What to say to the next recipients, such as `550 no`; `250 ok` where it is empty.
    """

    def __init__(self) -> None:
        self.mails: list[tuple[str, Message]] = []
        self.answers: list[str] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer._talk(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _talk(self, client: socketserver.StreamRequestHandler) -> None:
        def say(line: str) -> None:
            client.wfile.write(line.encode() + b"\r\n")

        say("220 ready")
        recipient = ""
        while line := client.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                say(self.answers.pop(0) if self.answers else "250 ok")
            elif verb == b"DATA":
                say("354 go on")
                lines = iter(client.rfile.readline, b".\r\n")
                data = b"".join(each.removeprefix(b".") for each in lines)
                self.mails.append((recipient, message_from_bytes(data, policy=default)))
                say("250 taken")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
