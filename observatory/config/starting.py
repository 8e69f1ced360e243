"""The vantage points that a new observatory starts with: this machine's own connection."""

from importlib import resources
from pathlib import Path
from typing import Final

TEMPLATE: Final = "starting_vantage_points.yaml"


def write_starting_file(path: Path) -> bool:
    """Create the default file if it is missing; return whether it was written.

    Errors: OSError when it cannot be written.
    """
    content = resources.files(__package__).joinpath(TEMPLATE).read_bytes()
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
