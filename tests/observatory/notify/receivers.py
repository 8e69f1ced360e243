"""Who receives: a web server and a mail server on loopback that do as the test says."""

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class Receiver:
    """A web server. `answer` gives the status of each request; None breaks the connection off after it."""

    answer: Callable[[Request], int | None] = lambda _: 204
    requests: list[Request] = field(default_factory=list)
    reply: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                request = Request(path=self.path, headers=headers, body=body)
                receiver.requests.append(request)
                status = receiver.answer(request)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                for key, value in receiver.headers.items():
                    self.send_header(key, value)
                self.send_header("content-length", str(len(receiver.reply)))
                self.end_headers()
                with contextlib.suppress(OSError):  # whoever asked may have heard enough
                    self.wfile.write(receiver.reply)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.json for request in self.requests]

    @property
    def subjects(self) -> list[str]:
        return [body["data"]["subject"] for body in self.bodies]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
