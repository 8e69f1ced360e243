"""Who may import whom, package by package; what pure packages load; where a test file stands."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("probes", "observatory", "lab", "demo", "benchmarks")

# What the modules of a package may import from the project, beside the package itself. The longest matching
# prefix decides. Every package and every loose module is named: there is no rule for the rest.
RECORDS = "probes.records"
ALLOWED: dict[str, tuple[str, ...]] = {
    # Measuring: records what happened.
    "probes": (),
    "probes.records": (),
    "probes.failures": (RECORDS,),
    "probes.session": (RECORDS,),
    "probes.wire": (RECORDS, "probes.failures"),
    "probes.transport": (RECORDS, "probes.failures"),
    "probes.techniques": (RECORDS, "probes.failures", "probes.session", "probes.transport", "probes.wire"),
    "probes.registry": (RECORDS, "probes.techniques"),
    "probes.procedures": (
        RECORDS,
        "probes.registry",
        "probes.session",
        "probes.techniques",
        "probes.transport",
        "probes.wire",
    ),
    # Values into values: what it means, what it is called, how it is shown.
    "observatory": (),
    "observatory.model": (RECORDS,),
    "observatory.version": (),
    "observatory.faults": (),
    "observatory.analysis": (),
    "observatory.analysis.judging": ("observatory.model", RECORDS),
    "observatory.analysis.events": ("observatory.model",),
    "observatory.text": ("observatory.analysis.events.publication", "observatory.model"),
    "observatory.views": (
        "observatory.analysis",
        "observatory.model",
        "observatory.text",
        RECORDS,
        "probes.registry",
    ),
    "observatory.figures": (
        "observatory.analysis.events.publication",
        "observatory.model",
        "observatory.text",
        "observatory.views",
    ),
    # What is known beforehand, and what operators say.
    "observatory.reference": (
        "observatory.analysis.judging",
        "observatory.model",
        RECORDS,
        "probes.transport.trust",
    ),
    "observatory.config": ("observatory.model", "observatory.text", "observatory.vantage.kinds"),
    # Whether an address is one that can be sent to, only the sender knows.
    "observatory.config.alerts": (
        "observatory.config",
        "observatory.model",
        "observatory.notify.apprise_services",
    ),
    # From vantage points into the store, and from there to events.
    "observatory.vantage": (
        "observatory.faults",
        "observatory.analysis.judging",
        "observatory.config",
        "observatory.ingest",
        "observatory.model",
        "observatory.reference",
        "observatory.version",
        "probes.procedures",
        RECORDS,
        "probes.transport",
    ),
    "observatory.vantage.kinds": (
        "observatory.config.checks",
        "observatory.config.machine",
        "observatory.model",
        "probes.transport.kinds",
    ),
    "observatory.store": ("observatory.model", RECORDS),
    "observatory.ingest": (
        "observatory.analysis.judging",
        "observatory.model",
        "observatory.reference",
        "observatory.store",
        RECORDS,
    ),
    "observatory.detection": (
        "observatory.faults",
        "observatory.analysis.events",
        "observatory.analysis.judging.controls",
        "observatory.model",
        "observatory.notify",
        "observatory.reference",
        "observatory.store",
        "probes.records",
    ),
    # Surfaces and adapters.
    "observatory.notify": (
        "observatory.analysis.events.publication",
        "observatory.config",
        "observatory.model",
        "observatory.store",
        "observatory.text",
    ),
    "observatory.notify.plan": ("observatory.analysis.events.publication", "observatory.model"),
    # Others' certificates and DNS replies are read by the code that reads our own.
    "observatory.importers": (
        "observatory.analysis.judging",
        "observatory.ingest",
        "observatory.model",
        "observatory.reference",
        "observatory.store",
        RECORDS,
        "probes.transport.trust",
        "probes.wire.dns",
    ),
    "observatory.exports": (
        "observatory.analysis.judging",
        "observatory.model",
        "observatory.store",
        "observatory.version",
        RECORDS,
    ),
    "observatory.site": (
        "observatory.analysis.events.publication",
        "observatory.figures",
        "observatory.model",
        "observatory.reference",
        "observatory.store",
        "observatory.text",
        "observatory.views",
        RECORDS,
    ),
    "observatory.site.feeds.atom": (
        "observatory.analysis.events.news",
        "observatory.analysis.events.publication",
        "observatory.model",
        "observatory.text",
        "observatory.views",
    ),
    "observatory.runtime": (
        "observatory.config",
        "observatory.ingest",
        "observatory.model",
        "observatory.reference",
        "observatory.store",
        "observatory.vantage",
        RECORDS,
    ),
    "observatory.cli": (
        "observatory.faults",
        "observatory.analysis",
        "observatory.config",
        "observatory.detection",
        "observatory.exports",
        "observatory.importers",
        "observatory.ingest",
        "observatory.model",
        "observatory.notify",
        "observatory.reference",
        "observatory.runtime",
        "observatory.store",
        "observatory.text",
        "observatory.vantage",
        RECORDS,
    ),
    "observatory.__main__": ("observatory.cli",),
    # Beside it.
    "lab": (),
    "demo": (
        "lab.control",
        "observatory.analysis.events.publication",
        "observatory.cli.output",
        "observatory.config",
        "observatory.detection",
        "observatory.ingest",
        "observatory.model",
        "observatory.reference",
        "observatory.runtime",
        "observatory.store",
        "observatory.text",
        "observatory.vantage",
        RECORDS,
    ),
    "benchmarks": (
        "lab.control",
        "lab.world",
        "observatory.analysis",
        "observatory.config",
        "observatory.detection",
        "observatory.ingest",
        "observatory.model",
        "observatory.reference",
        "observatory.runtime",
        "observatory.store",
        "observatory.vantage",
        RECORDS,
        "probes.techniques",
        "probes.transport",
    ),
}
# Folders inside a package that live under its rule.
WITHIN_A_PACKAGE = {
    "observatory.analysis.judging.rules",
    "observatory.site.components",
    "observatory.site.entry",
    "observatory.site.feeds",
    "observatory.site.pages",
    "observatory.store.migrations",
    "observatory.store.migrations.versions",
}
# Whoever only shows what is kept never holds an object that could write it.
ONLY_READ = ("observatory.exports", "observatory.site", "observatory.views")
FOR_READERS = {
    "StaleDetection",
    "StoreError",
    "StoreReader",
    "StoreUnavailable",
    "URL_VARIABLE",
    "open_reader",
}
# Packages and modules that turn values into values, and what importing any of them may not load, however
# far down. Plotly loads sockets, so it is loaded at the first drawing, not at the import.
PURE = (
    "probes.records",
    "probes.wire",
    "observatory.model",
    "observatory.analysis",
    "observatory.figures",
    "observatory.notify.message",
    "observatory.notify.operator_notices",
    "observatory.notify.payload",
    "observatory.notify.plan",
    "observatory.notify.silent_vantages",
    "observatory.text",
    "observatory.views",
)
OUTSIDE = ("apprise", "asyncio", "socket", "sqlalchemy", "ssl", "streamlit", "subprocess")
# What modules of pure packages may not import themselves; libraries load some of it for their own use.
TOUCHES_OUTSIDE = {"logging", "os", "pathlib", "random", "secrets", "time", "urllib.request", *OUTSIDE}


def modules(root: Path = ROOT, packages: tuple[str, ...] = PACKAGES) -> Iterator[tuple[str, Path]]:
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.level:
                yield f"relative import in {path.name}"
            else:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def rule_of(module: str, allowed: Mapping[str, tuple[str, ...]] = ALLOWED) -> str:
    return max((key for key in allowed if below(module, key)), key=len)


def foreign_imports(module: str, path: Path) -> list[str]:
    rule = rule_of(module)
    own = rule if "." in rule else f"{rule}." if rule == "observatory" else rule
    return [
        name
        for name in imports(path)
        if name.partition(".")[0] in (*PACKAGES, f"relative import in {path.name}", "dashboard", "server")
        and not any(below(name, prefix) for prefix in (own, *ALLOWED[rule]))
    ]


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: str(value))
def test_module_imports_only_what_it_may(module: str, path: Path) -> None:
    assert foreign_imports(module, path) == [], f"{module} may import {ALLOWED[rule_of(module)]}"


def without_a_rule(root: Path) -> set[str]:
    """Return the folders, at any depth, and the loose modules that nobody wrote a rule for."""
    names = set()
    for top in ("probes", "observatory"):
        for module, path in modules(root, (top,)):
            names |= {".".join(module.split(".")[:2]), ".".join(path.parent.relative_to(root).parts)}
    return names - set(ALLOWED) - WITHIN_A_PACKAGE


def test_every_package_has_a_rule_of_its_own() -> None:
    """A new package or loose module falls under no rule that was made for something else."""
    assert without_a_rule(ROOT) == set()


@pytest.mark.parametrize("name", ["observatory/analysis/weather", "observatory/weather", "probes/wire/new"])
def test_a_new_package_needs_a_rule(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / "rain.py").touch()
    assert name.replace("/", ".") in without_a_rule(tmp_path)


def store_imports(path: Path) -> set[str]:
    return {name for name in imports(path) if below(name, "observatory.store")}


@pytest.mark.parametrize(
    ("module", "path"),
    [(m, path) for m, path in modules() if any(below(m, package) for package in ONLY_READ)],
    ids=lambda value: str(value),
)
def test_what_only_shows_opens_nothing_to_write(module: str, path: Path) -> None:
    assert store_imports(path) <= {f"observatory.store.{name}" for name in FOR_READERS}


@pytest.mark.parametrize(
    "line",
    [
        "import observatory.store",
        "from observatory import store",
        "from observatory.store import Store",
        "from observatory.store import open_store as open_reader",
        "from observatory.store.store import open_reader",
    ],
)
def test_a_way_to_write_is_seen(line: str, tmp_path: Path) -> None:
    path = tmp_path / "page.py"
    path.write_text(line + "\n")
    assert not store_imports(path) <= {f"observatory.store.{name}" for name in FOR_READERS}


def test_the_page_of_the_architecture_shows_every_package() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    shown = [f"observatory/{path.name}" for path in (ROOT / "observatory").iterdir() if path.is_dir()]
    shown += [path.stem for path in (ROOT / "probes").iterdir() if path.suffix != ".txt"]
    assert [name for name in shown if "__" not in name and name not in page] == []


def test_every_rule_is_about_something() -> None:
    known = {module for module, _ in modules()}
    assert [rule for rule in ALLOWED if rule not in known] == []
    unknown = [name for names in ALLOWED.values() for name in names if name not in known]
    assert unknown == []


def test_an_import_that_is_not_allowed_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "rules.py"
    path.write_text("from observatory.store import open_store\nfrom observatory.model import State\n")
    found = foreign_imports("observatory.analysis.judging.rules", path)
    assert found == ["observatory.store.open_store"]


def pure_modules() -> Iterator[tuple[str, Path]]:
    return ((m, path) for m, path in modules() if any(below(m, name) for name in PURE))


@pytest.mark.parametrize(("module", "path"), list(pure_modules()), ids=lambda value: str(value))
def test_pure_module_touches_nothing_outside(module: str, path: Path) -> None:
    found = {name for name in imports(path) if any(below(name, outside) for outside in TOUCHES_OUTSIDE)}
    assert found == set()


def loaded_from_outside(names: list[str], folder: Path) -> list[str]:
    """Return what of OUTSIDE a fresh interpreter has loaded after importing these modules."""
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(*(name for name in {OUTSIDE!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.split()


# dnspython, whose codec ours is built on, loads sockets for the calls of its own that nobody here makes.
LOADS_A_LIBRARY_THAT_TALKS = {"probes.wire"}


@pytest.mark.parametrize("package", sorted(set(PURE) - LOADS_A_LIBRARY_THAT_TALKS))
def test_importing_a_pure_package_loads_nothing_from_outside(package: str) -> None:
    names = [module for module, _ in modules() if below(module, package)]
    assert names
    assert loaded_from_outside(names, ROOT) == []


def test_writing_a_document_loads_no_probes() -> None:
    """An export runs where nothing is measured."""
    loaded = loaded_from_outside(["observatory.exports.ooni"], ROOT)
    assert {"asyncio", "ssl", "sqlalchemy"} & set(loaded) == set()


def test_what_a_pure_package_loads_far_down_is_seen(tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text("import far\n")
    (tmp_path / "far.py").write_text("import sqlalchemy\n")
    assert "sqlalchemy" in loaded_from_outside(["near"], tmp_path)


def public_names(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the classes of the sources and the names given to types, each with its module."""
    for module, path in modules(root, ("observatory", "probes")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            # One letter is a type variable; all capitals a constant.
            yield from ((n, module) for n in names if n[0].isupper() and len(n) > 1 and not n.isupper())


def names_used_twice(root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, module in public_names(root):
        found.setdefault(name, []).append(module)
    return {name: where for name, where in found.items() if len(where) > 1}


def test_no_public_class_name_is_used_twice() -> None:
    """Whoever reads `Kind` knows which one is meant."""
    assert names_used_twice(ROOT) == {}


def test_a_name_that_is_used_twice_is_seen(tmp_path: Path) -> None:
    for package, line in (("observatory", "class Kind: ..."), ("probes", "Kind = dict[str, int]")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "one.py").write_text(line + "\n")
    assert names_used_twice(tmp_path) == {"Kind": ["observatory.one", "probes.one"]}


# Test folders that are about several packages at once.
ACROSS = {"observatory/site/browser": "observatory/site"}
# About no module: a file of these is named after the software of others that it runs.
OTHERS = {"independent"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_test_file_stands_where_its_module_stands(path: Path) -> None:
    """`tests/a/b/test_c_when_late.py` is about the module or package `a/b/c`, or about the package `a/b`."""
    folder = path.parent.relative_to(ROOT / "tests").as_posix()
    if folder == "." or folder in OTHERS:
        return
    source = ROOT / ACROSS.get(folder, folder)
    assert source.is_dir(), f"{folder}: expected a folder of the sources"
    about = path.stem.removeprefix("test_")
    known = {source.name} | {p.stem for p in source.iterdir() if p.suffix == ".py" or p.is_dir()}
    if folder in ACROSS:
        known |= {p.stem for p in (source / "pages").glob("*.py")} | {"demo"}
    assert any(about == name or about.startswith(name + "_") for name in known), sorted(known)


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
