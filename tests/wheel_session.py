"""What `test_wheel` runs inside an empty network namespace: `observatory up`, seen as a visitor sees it.

    python -I wheel_session.py OBSERVATORY PORT < nothing > what-was-seen.json

The observatory is started in the current folder and stopped with SIGTERM; everything seen is printed as JSON.
"""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

# Only a failure waits that long.
PATIENCE_S = 120


def read_until_address(process: subprocess.Popen[str], said: list[str]) -> str:
    for line in process.stderr or ():
        said.append(line)
        if found := re.match(r"Open (http://\S+)", line):
            return found[1]
    raise SystemExit("observatory up ended:\n" + "".join(said))


def fetch(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        return {"status": answer.status, "body": answer.read().decode()}


def run_script(url: str) -> dict[str, Any]:
    """Open the dashboard as a browser does; return theme, pages, texts and errors of one run."""
    seen: dict[str, Any] = {"theme": "", "pages": [], "texts": [], "errors": [], "finished": False}
    address = url.replace("http://", "ws://") + "/_stcore/stream"
    with connect(address, subprotocols=["streamlit"], open_timeout=PATIENCE_S) as socket:  # type: ignore[list-item]
        asked = BackMsg()
        asked.rerun_script.query_string = "lang=en"
        socket.send(asked.SerializeToString())
        while not seen["finished"]:
            message = ForwardMsg.FromString(socket.recv(PATIENCE_S))  # type: ignore[arg-type]
            look_at(message, seen)
    return seen


def look_at(message: ForwardMsg, seen: dict[str, Any]) -> None:
    match message.WhichOneof("type"):
        case "new_session":
            seen["theme"] = message.new_session.custom_theme.light.primary_color
        case "navigation":
            seen["pages"] = [page.url_pathname for page in message.navigation.app_pages]
        case "delta":
            element = message.delta.new_element
            if element.WhichOneof("type") == "exception":
                seen["errors"].append(element.exception.message)
            if element.WhichOneof("type") in ("heading", "markdown"):
                seen["texts"].append(element.heading.body or element.markdown.body)
        case "script_finished":
            seen["finished"] = True
            if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                seen["errors"].append("the script does not compile")


def main(observatory: str, port: str) -> None:
    said: list[str] = []
    command = [observatory, "up", "--port", port]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = read_until_address(process, said)
            paths = ("/", "/_stcore/health", "/feeds/events.atom")
            seen = {"answers": {path: fetch(url + path) for path in paths}, "script": run_script(url)}
        finally:
            process.send_signal(signal.SIGTERM)
            _, rest = process.communicate(timeout=PATIENCE_S)
    said.append(rest)
    json.dump({**seen, "code": process.returncode, "said": "".join(said)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
