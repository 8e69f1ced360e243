"""The model is records alone: whoever imports it, a probe or a page, gets no I/O with it."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import observatory.model

ROOT = Path(__file__).parents[3]
FOREIGN = {"sqlalchemy", "streamlit", "apprise", "numpy", "socket", "ssl", "subprocess", "asyncio", "logging"}
LIST_LOADED = (
    "import json, sys; [__import__(name) for name in sys.argv[1:]]; print(json.dumps(list(sys.modules)))"
)


def test_the_model_loads_nothing_that_does_io() -> None:
    names = [
        f"observatory.model.{module.name}" for module in pkgutil.iter_modules(observatory.model.__path__)
    ]
    assert "observatory.model.codec" in names
    ran = subprocess.run(
        [sys.executable, "-c", LIST_LOADED, "observatory.model", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert FOREIGN.isdisjoint(json.loads(ran.stdout))
