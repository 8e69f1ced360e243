"""The script that Streamlit runs, in a folder of its own.

Beside a folder named `pages` Streamlit makes up a navigation of its own, from the names of the files in it.
"""

from pathlib import Path
from typing import Final

SCRIPT: Final = Path(__file__).with_name("dashboard.py")
