"""What documents and texts name exists: commands, `make` targets, pages, feeds, keys, files, variables.

Names are read from backticks, fenced blocks and links. That a document is right beyond that, no test can say.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from observatory.cli.app import app
from observatory.config.alert_forms import AlertsForm, ChannelForm
from observatory.config.vantage_point_forms import FileForm, VantagePointForm
from observatory.site.feeds.routes import parse_feed
from observatory.text import LANGUAGES, load_text
from observatory.text.rules import load_rule_texts

ROOT: Final = Path(__file__).parents[1]
DOCUMENTS: Final = (
    *("README.md", "CHANGELOG.md", "lab/README.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
)
SOURCES: Final = (*DOCUMENTS, *(f"texts in {language}" for language in LANGUAGES))
FOLDERS: Final = ("benchmarks", "demo", "docs", "lab", "observatory", "probes", "scripts", "tests")
FILES: Final = frozenset(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*")))
    if "__pycache__" not in path.parts
)
# Made by whoever runs the observatory, or while it runs; a package on PyPI.
NOT_OURS: Final = re.compile(r"(?:\./)?alerts\.yaml|var/.*|ruamel\.yaml")
# What `… | filter` may stand for besides another command.
FILTERS: Final = ("head",)
CAPABILITY: Final = re.compile(r"CAP_[A-Z_]+")
CODE: Final = re.compile(
    r"```[a-z]*\n(.*?)```|(?<!`)`([^`\n]+)`(?!`)|^    (\S[^\n]*)$", re.DOTALL | re.MULTILINE
)


SNAKE_CASE: Final = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+"


@cache
def read(source: str) -> str:
    if source in DOCUMENTS:
        return (ROOT / source).read_text(encoding="utf-8")
    language = source.rpartition(" ")[2]
    rules = load_rule_texts(language).values()
    return "\n".join(
        [*load_text(language).entries.values(), *(f"{r.says}\n{r.besides}\n{r.change}" for r in rules)]
    )


def pieces(text: str) -> Iterator[str]:
    """Each line of a fenced or indented block, without its comment, and each span in backticks."""
    for block, span, indented in CODE.findall(text):
        for line in (block or span or indented).splitlines():
            yield re.split(r"\s#\s", line.strip())[0].strip()


def commands(command: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """Every command and group by its words, with its options."""
    found = {path: {"--help", *(name for parameter in command.params for name in parameter.opts)}}
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        found |= commands(command.get_command(None, name), (*path, name))
    return found


COMMANDS: Final = commands(get_command(app))
GROUPS: Final = {path[:-1] for path in COMMANDS if path}


def follow(line: str, path: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The command that a line calls, from the group `path`. Errors: LookupError names what is not there."""
    for word in line.split():
        if (*path, word) in COMMANDS:
            path = (*path, word)
        elif word.startswith("--") and word.partition("=")[0] not in COMMANDS[path]:
            raise LookupError(f"{line}: no option {word}")
        elif path in GROUPS and not word.startswith("--"):
            raise LookupError(f"{line}: no command {word}")
    return path


def check_command(line: str) -> None:
    """`a | b` names commands of one group, side by side, or sends an output through a filter."""
    first, *others = line.split(" | ")
    path = follow(first)
    for other in others:
        if other.split()[0] not in FILTERS:
            follow(other, path[:-1])


@pytest.mark.parametrize("source", SOURCES)
def test_commands_exist(source: str) -> None:
    for piece in pieces(read(source)):
        if found := re.search(r"(?:^|--\s|/)observatory(?: (.*))?$", piece):
            check_command(found[1] or "")


@pytest.mark.parametrize(
    "made_up",
    [
        "check",
        "events lst",
        "measure --every 5m",
        "events list | shw ID",
        "up | measure | check",
        "alerts --json",
    ],
)
def test_commands_that_do_not_exist_are_noticed(made_up: str) -> None:
    with pytest.raises(LookupError):
        check_command(made_up)


@pytest.mark.parametrize("source", SOURCES)
def test_make_targets_and_modules_to_run_exist(source: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = "\n".join(pieces(read(source)))
    targets = set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    assert sorted(targets - set(re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE))) == []
    for module in sorted(set(re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)", text))):
        found = importlib.util.find_spec(module)
        assert found is not None, module
        if found.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__") is not None, module


def pages() -> set[str]:
    code = (ROOT / "observatory/site/dashboard.py").read_text(encoding="utf-8")
    return set(re.findall(r'url_path="([^"]+)"', code))


@pytest.mark.parametrize("source", [s for s in SOURCES if s != "lab/README.md"])
def test_pages_and_feeds_exist(source: str) -> None:
    text = read(source)
    for path in sorted(set(re.findall(r"/feeds/([^\s,`|]+\.atom)", text))):
        assert parse_feed(re.sub(r"AS<[^>]*>", "AS1", re.sub(r"(?<=host/)<[^>]*>", "t.me", path))), path
    linked = {piece[1:] for piece in pieces(text) if re.fullmatch(r"/[a-z-]+(\?.*)?", piece)}
    assert pages() >= {"now", "events"}
    assert sorted(path for path in linked if path.partition("?")[0] not in pages()) == []


def messages_of_the_code() -> Iterator[tuple[str, str]]:
    """Every text in the code of the product, docstrings too, with its file."""
    for path in sorted((ROOT / "observatory").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield str(path.relative_to(ROOT)), node.value


def test_commands_that_the_code_tells_people_of_exist() -> None:
    named = {
        (file, command)
        for file, text in messages_of_the_code()
        for command in re.findall(r"`observatory ([^`…]+)`", text)
    }
    assert len(named) > 10
    for file, command in sorted(named):
        try:
            check_command(command)
        except LookupError as error:
            pytest.fail(f"{file}: {error}")


def test_every_path_on_the_page_of_the_architecture_exists() -> None:
    """In its drawing too."""
    page = read("docs/architecture.md")
    paths = {path.rstrip("./") for path in re.findall(r"\b(?:observatory|probes|tests|docs)/[\w./-]+", page)}
    assert "observatory/analysis/judging" in paths
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []
    bare = [piece for piece in pieces(page) if re.fullmatch(r"\w+\.(?:py|toml)", piece)]
    assert bare == [], "whole paths, so that nobody has to guess the folder"


@cache
def snake_case_words() -> frozenset[str]:
    """Every word `like_this` of the code, the catalogues and the files of settings."""
    words: set[str] = set()
    for file in FILES - {"tests/test_docs.py"}:
        if file.endswith((".py", ".toml", ".yaml", "Makefile", ".js")):
            words |= set(re.findall(SNAKE_CASE, (ROOT / file).read_text(encoding="utf-8")))
    return frozenset(words)


@pytest.mark.parametrize("source", DOCUMENTS)
def test_names_of_fields_tables_and_failures_exist(source: str) -> None:
    named = {piece for piece in pieces(read(source)) if re.fullmatch(SNAKE_CASE, piece)}
    assert sorted(named - snake_case_words()) == []


@pytest.mark.parametrize("source", DOCUMENTS)
def test_anchors_of_links_exist(source: str) -> None:
    for link, anchor in re.findall(r"\]\(([^)\s#]*)#([^)\s]+)\)", read(source)):
        if re.match(r"[a-z]+:", link):
            continue
        target = (ROOT / source).parent / link if link else ROOT / source
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in known, f"{source}: {link}#{anchor}"


def test_keys_of_the_config_files_exist() -> None:
    forms = {
        "docs/vantage-points.md": {*FileForm.model_fields, *VantagePointForm.model_fields},
        "docs/alerts.md": {*AlertsForm.model_fields, *ChannelForm.model_fields},
    }
    for source, keys in forms.items():
        tables = re.findall(r"^\| (?:key|Key) \|.*\n\|[-|]+\n((?:\|.*\n)+)", read(source), re.MULTILINE)
        named = {
            key for table in tables for row in table.splitlines() for key in CODE.findall(row.split("|")[1])
        }
        assert named
        assert sorted({key[1] for key in named} - keys) == [], source
    known = {*forms["docs/vantage-points.md"], *forms["docs/alerts.md"]}
    written = {p.partition(":")[0] for p in pieces(read("README.md")) if re.fullmatch(r"[a-z_]+: \S.*", p)}
    assert {"role", "via"} <= written
    assert sorted(written - known) == []


def is_there(name: str) -> bool:
    """Whether a file or folder has this path, or one that ends like it."""
    pattern = re.compile(r"(?:.*/)?" + re.escape(name.rstrip("/")).replace(r"\*", "[^/]*"))
    return any(pattern.fullmatch(file) for file in FILES)


@pytest.mark.parametrize("source", SOURCES)
def test_files_exist(source: str) -> None:
    text, folder = read(source), (ROOT / source).parent
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)}
    absent = [
        link
        for link in links
        if link and "{" not in link and not re.match(r"[a-z]+:", link) and not (folder / link).exists()
    ]
    named = {
        p
        for p in pieces(text)
        if re.fullmatch(r"[\w.*-]+(?:/[\w.*-]+)*(?:\.(?:py|toml|md|yaml|js|css)|/)", p)
        or re.fullmatch(r"(?:observatory|probes|lab|tests|docs)(?:/[\w-]+)+", p)
    }
    absent += [name for name in named if not NOT_OURS.fullmatch(name) and not is_there(name)]
    assert sorted(absent) == []


@cache
def upper_case_words() -> frozenset[str]:
    code = "\n".join(
        (ROOT / file).read_text(encoding="utf-8")
        for file in sorted(FILES)
        if file.endswith((".py", "Makefile")) and not file.startswith("tests/")
    )
    return frozenset(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", code))


@pytest.mark.parametrize("source", SOURCES)
def test_environment_variables_exist(source: str) -> None:
    named = {
        n
        for p in pieces(read(source))
        for n in re.findall(r"^\$?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?$", p)
    }
    assert sorted(name for name in named - upper_case_words() if not CAPABILITY.fullmatch(name)) == []
