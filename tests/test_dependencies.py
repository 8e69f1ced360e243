"""What is installed is what the locks say, hash by hash, and each licence is one that we may use."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements", "requirements-dev")
# What may be used by a project under BSD-3-Clause that links nothing of it into its own files.
ALLOWED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|MPL|Mozilla|0BSD|Unlicense|Zlib|HPND|CNRI|LGPL|Lesser|CC0|ZPL"
    r"|Public Domain|Artistic",
    re.I,
)


def locked(name: str) -> dict[str, Requirement]:
    """Return what a lock pins on this platform, by name."""
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    found = [Requirement(line.split("--hash")[0].strip()) for line in text.splitlines() if line.strip()]
    return {canonicalize_name(r.name): r for r in found if r.marker is None or r.marker.evaluate()}


def wanted(name: str) -> list[Requirement]:
    lines = (ROOT / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_has_a_version_and_hashes(name: str) -> None:
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        assert "==" in line and "--hash=sha256:" in line, f"{line[:60]}: expected a version and hashes"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_fulfils_its_requirements(name: str) -> None:
    """One that was changed without `make update` would install what nobody asked for."""
    lock = locked(name)
    for requirement in wanted(name):
        (pin,) = lock[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(pin.version), f"{requirement}: {pin.version}: run make update"


def test_both_locks_agree() -> None:
    tests = locked("requirements-dev")
    assert {name: str(tests[name].specifier) for name in locked("requirements")} == {
        name: str(pin.specifier) for name, pin in locked("requirements").items()
    }


def test_what_is_installed_is_what_the_lock_says() -> None:
    installed = {name: f"=={version(name)}" for name in locked("requirements-dev")}
    assert installed == {name: str(pin.specifier) for name, pin in locked("requirements-dev").items()}


def test_the_licences_of_all_that_is_installed_are_listed_and_allowed() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/licences"], capture_output=True, text=True, check=True
    ).stdout
    listed = dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", made, re.M))
    kept = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    # Another version of Python or another platform needs less or more; what is here must be there.
    missing = [name for name, licence in listed.items() if f"| `{name}` | {licence} |" not in kept]
    assert not missing, f"docs/licences.md: run make update: {missing}"
    assert [f"{name}: {licence}" for name, licence in listed.items() if not ALLOWED.search(licence)] == []
