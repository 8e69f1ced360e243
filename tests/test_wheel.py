"""The observatory from a built wheel, in an empty environment and folder, as a stranger would run it.

It runs in a network namespace of its own in which there is nothing but loopback: no probe leaves the machine.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SESSION = Path(__file__).with_name("wheel_session.py")
SOURCES = ("LICENSE", "README.md", "lab", "observatory", "probes", "pyproject.toml", "requirements.txt")

PACKAGES = ("lab", "observatory", "probes")

pytestmark = pytest.mark.slow


def clean_environment() -> dict[str, str]:
    """Return our environment without what would lead back to the checkout."""
    leads_back = ("PYTHON", "OBSERVATORY_DATABASE")
    return {name: value for name, value in os.environ.items() if not name.startswith(leads_back)}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str | Path, cwd: Path) -> str:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy: building leaves files beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "sources"
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert needed == ["setuptools>=80"]
    # With an older setuptools here pip has to fetch one.
    alone = ("--no-build-isolation",) if int(version("setuptools").partition(".")[0]) >= 80 else ()
    pip("wheel", "--no-deps", *alone, "--wheel-dir", folder, copy, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment that holds the wheel, and borrows from ours what others wrote."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip("--python", python, "install", "--no-index", "--no-deps", wheel, cwd=wheel.parent)
    [packages] = folder.glob("lib/python*/site-packages")
    # A folder named in a .pth file comes after our own, and the .pth files in it are not read: an editable
    # install of this very project does not get in the way.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def seen(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a visitor of the running observatory sees, and what its operator reads."""
    folder = tmp_path_factory.mktemp("empty")
    alone = ("unshare", "--user", "--map-root-user", "--net")
    with_loopback = ("sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    python, observatory = environment / "bin" / "python", environment / "bin" / "observatory"
    report = run(*alone, *with_loopback, python, "-I", SESSION, observatory, "8501", cwd=folder)
    found: dict[str, Any] = json.loads(report)
    return {**found, "files": sorted(path.name for path in folder.iterdir())}


def test_the_wheel_is_what_runs(environment: Path, tmp_path: Path) -> None:
    code = "import observatory, lab, probes; print(observatory.__file__, lab.__file__, probes.__file__)"
    files = run(environment / "bin" / "python", "-c", code, cwd=tmp_path).split()
    assert len(files) == 3
    assert all(Path(file).is_relative_to(environment) for file in files), files


def third_party_imports() -> dict[str, str]:
    """Return what the packaged code imports from others, at any place in it, with one file that does."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in (name.partition(".")[0] for name in names):
                    if name not in sys.stdlib_module_names and name not in PACKAGES:
                        found.setdefault(name, path.relative_to(ROOT).as_posix())
    return found


def test_the_wheel_requires_whatever_its_code_imports(wheel: Path) -> None:
    """The environment below borrows what others wrote, so that a missing requirement would not show."""
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])
    required = {canonicalize_name(Requirement(line).name) for line in lines if "extra ==" not in line}
    given_by = packages_distributions()
    missing = {
        f"{name}, imported by {path}"
        for name, path in third_party_imports().items()
        if not required & {canonicalize_name(one) for one in given_by.get(name, ())}
    }
    assert missing == set()


def test_in_an_empty_folder_it_begins_with_this_machine(seen: dict[str, Any]) -> None:
    first, *others = seen["said"].splitlines()
    assert first.startswith("Wrote vantage_points.yaml: ")
    assert any(line.startswith("Open http://127.0.0.1:8501") for line in others)
    assert {"vantage_points.yaml", "var"} <= set(seen["files"])


@pytest.mark.parametrize(
    ("path", "body"),
    [("/", '<div id="root">'), ("/_stcore/health", "ok"), ("/feeds/events.atom", "<feed ")],
)
def test_each_part_of_the_site_answers(path: str, body: str, seen: dict[str, Any]) -> None:
    answer = seen["answers"][path]
    assert answer["status"] == 200
    assert body in answer["body"]


def test_the_dashboard_is_drawn_without_an_error(seen: dict[str, Any]) -> None:
    script = seen["script"]
    assert script["finished"]
    assert script["errors"] == []
    assert script["pages"] == ["", "over-time", "events", "vantage-points", "event", "measurement"]
    assert script["texts"]


def test_the_dashboard_has_its_own_colours(seen: dict[str, Any]) -> None:
    options = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))
    assert seen["script"]["theme"] == options["theme"]["light"]["primaryColor"]


def test_it_stops_clean(seen: dict[str, Any]) -> None:
    assert seen["code"] == 0, seen["said"]
    assert "Traceback" not in seen["said"]
    assert seen["said"].rstrip().endswith("Stopped; what was measured is saved.")
