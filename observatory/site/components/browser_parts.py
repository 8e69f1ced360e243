"""The files next to the components that go to the browser: markup, style and script."""

from functools import cache
from importlib import resources


@cache
def read_part(name: str) -> str:
    """Return one of these files, such as `table.js`. Errors: FileNotFoundError when there is none."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
