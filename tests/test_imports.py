"""Who may import whom, as an allow-list; and what the pure modules may not touch."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("probes", "observatory", "lab", "demo", "benchmarks")

# What a module of the first kind may import from the project. The longest matching prefix decides.
ALLOWED: dict[str, tuple[str, ...]] = {
    "probes": ("probes",),
    "probes.records": (),
    "probes.wire": ("probes.wire", "probes.records", "probes.failures"),
    "observatory": (
        "observatory",
        "probes.records",
        "probes.registry",
        "probes.procedures",
        "probes.transport",
    ),
    # Others' certificates and DNS replies are read by the code that reads our own.
    "observatory.importers": (
        "observatory",
        "probes.records",
        "probes.transport.trust",
        "probes.wire.dns",
    ),
    "observatory.model": ("observatory.model",),
    "observatory.analysis": ("observatory.analysis", "observatory.model", "probes.records"),
    "observatory.store": ("observatory.store", "observatory.model", "probes.records"),
    "observatory.figures": (
        "observatory.figures",
        "observatory.analysis.events.publication",
        "observatory.model",
        "observatory.text",
        "observatory.views",
    ),
    "observatory.views": (
        "observatory.views",
        "observatory.analysis",
        "observatory.model",
        "observatory.text",
        "probes.records",
    ),
    "observatory.site": (
        "observatory.site",
        "observatory.analysis.events.publication",
        "observatory.figures",
        "observatory.model",
        "observatory.store",
        "observatory.text",
        "observatory.views",
        "observatory.reference",
        "probes.records",
    ),
    "observatory.notify": (
        "observatory.notify",
        "observatory.analysis.events.publication",
        "observatory.config",
        "observatory.model",
        "observatory.store",
        "observatory.text",
    ),
    "lab": ("lab",),
    "demo": ("demo", "observatory", "lab.control", "probes.records"),
    "benchmarks": ("benchmarks", "observatory", "lab.control", "lab.world", "probes"),
}
# Modules that turn values into values: no socket, file, clock, randomness, logging or Streamlit.
PURE = (
    "probes/records.py",
    "probes/wire",
    "observatory/model",
    "observatory/analysis",
    "observatory/figures",
)
IMPURE = {
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "ssl",
    "streamlit",
    "subprocess",
    "time",
    "urllib.request",
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.level:
                yield f"relative import in {path.name}"
            elif node.module in PACKAGES:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value))
def test_module_imports_only_what_it_may(module: str, path: Path) -> None:
    rule = max((key for key in ALLOWED if below(module, key)), key=len)
    allowed = ALLOWED[rule]
    foreign = [
        name
        for name in imports(path)
        if name.partition(".")[0] in (*PACKAGES, "relative import in " + path.name, "dashboard")
        and not any(below(name, prefix) for prefix in allowed)
    ]
    assert foreign == [], f"{module} may import {allowed}"


@pytest.mark.parametrize(
    "path",
    [
        path
        for name in PURE
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_pure_module_touches_nothing_outside(path: Path) -> None:
    assert IMPURE.isdisjoint(imports(path))


def requirements(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith(("#", "-r"))}


def test_probes_need_a_subset_of_what_the_observatory_needs() -> None:
    assert requirements(ROOT / "probes/requirements.txt") < requirements(ROOT / "requirements.txt")


def test_every_requirement_is_bounded_above_and_below_and_explained() -> None:
    explained = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8").lower()
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in requirements(ROOT / name):
            assert ">=" in line and ",<" in line, f"{name}: {line}: expected >=x,<y"
            package = line.partition(">=")[0].partition("[")[0]
            assert f"`{package.lower()}`" in explained, f"docs/dependencies.md does not explain {package}"


def test_version_is_one_number() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
