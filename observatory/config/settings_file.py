"""What every settings file has in common: read within bounds, checked by forms, mistakes with their lines."""

import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from observatory.config.checks import Unexpected, suggest
from observatory.config.problems import ConfigError, Problem, hide_login, show_value
from observatory.config.vantage_point_forms import expected_of
from observatory.config.yaml import Fault, Tree, parse_tree
from observatory.config.yaml import Path as TreePath

MAX_FILE_BYTES: Final = 1_000_000
F = TypeVar("F", bound=BaseModel)
Show = Callable[[object], str]


def load_content(path: Path) -> bytes:
    """Return what a file holds. Errors: ConfigError when it cannot be read or is too large."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise whole_file(path, "a regular file", "something else")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise whole_file(path, "a file that can be read", reason) from error
    if len(content) > MAX_FILE_BYTES:
        raise whole_file(path, f"at most {MAX_FILE_BYTES} bytes", "more")
    return content


def whole_file(path: Path, expected: str, found: str) -> ConfigError:
    """Return the error of a file that cannot be used at all."""
    return ConfigError([Problem(file=str(path), line=0, field="", expected=expected, found=found)])


def parse_content(content: bytes) -> Tree:
    """Return the tree of a YAML file; what is not UTF-8 is a fault with its line. Errors: none raised."""
    try:
        return parse_tree(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault(expected="UTF-8 text", found=f"the byte 0x{content[error.start]:02x}", line=line)
        return Tree(faults=[fault])


def check_form(
    form: type[F],
    raw: dict[str, Any],
    place: TreePath,
    context: object,
    faults: list[Fault],
    show: Show = show_value,
) -> F | None:
    """Return a mapping as its form understands it; with mistakes, add a fault for each and return None.

    Shape:  `place` is the path of the mapping, `context` what checks may look at besides, `show` says what
            was found.
    """
    try:
        return form.model_validate(raw, context=context)
    except ValidationError as error:
        faults.extend(
            _fault_of(form, details, raw, place, show) for details in error.errors(include_url=False)
        )
        return None


def _fault_of(form: type[BaseModel], details: Any, raw: dict[str, Any], place: TreePath, show: Show) -> Fault:
    key = details["loc"][0]
    refusal = details.get("ctx", {}).get("error")
    refusal = refusal if isinstance(refusal, Unexpected) else Unexpected()
    path = (*place, key)
    hint, found = refusal.hint, show(raw.get(key))
    if details["type"] == "extra_forbidden":
        hint, found = suggest(key, tuple(form.model_fields)), show(key)
    elif refusal.at:
        path, found = (*path, refusal.at), show(raw[key][refusal.at])
    expected = refusal.expected or expected_of(form, key)
    return Fault(path=path, expected=expected, found=found, hint=hint, of_machine=refusal.of_machine)


def no_mapping(value: object, path: TreePath, show: Show = show_value) -> Fault:
    """Return the fault of a value where keys and values should be."""
    return Fault(path=path, expected="a mapping of keys to values", found=show(value))


def name_faults(
    faults: Iterable[Fault], tree: Tree, path: Path, name_field: Callable[[TreePath, Any], str]
) -> list[Problem]:
    """Return faults as problems of a file, by line; `name_field` names a path of the tree.

    A key may be an address with a password too, where the space after `socks5:` was forgotten.
    """
    problems = [
        Problem(
            file=str(path),
            line=fault.line or tree.line_of(fault.path),
            field=name_field(_without_logins(fault.path), tree.value),
            expected=fault.expected,
            found=fault.found,
            hint=fault.hint,
            of_machine=fault.of_machine,
        )
        for fault in faults
    ]
    return sorted(problems, key=lambda problem: problem.line)


def _without_logins(path: TreePath) -> TreePath:
    return tuple(hide_login(key) if isinstance(key, str) else key for key in path)
