"""Analysis is records in, records out: whoever imports it gets no database, page, socket or process."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import observatory.analysis

ROOT = Path(__file__).parents[3]
FOREIGN = {"sqlalchemy", "streamlit", "apprise", "socket", "ssl", "subprocess", "asyncio", "logging"}
LIST_LOADED = (
    "import json, sys; [__import__(name) for name in sys.argv[1:]]; print(json.dumps(list(sys.modules)))"
)


def test_analysis_loads_nothing_that_does_io() -> None:
    """In an interpreter of its own: what else the tests have imported must not count, nor hide anything."""
    prefix = observatory.analysis.__name__ + "."
    names = [module.name for module in pkgutil.walk_packages(observatory.analysis.__path__, prefix)]
    assert {f"{prefix}judging.controls", f"{prefix}judging.rules.dns"} <= set(names)
    ran = subprocess.run(
        [sys.executable, "-c", LIST_LOADED, *names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert FOREIGN & set(json.loads(ran.stdout)) == set()
