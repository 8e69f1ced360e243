"""vantage_points.yaml -> frozen objects, or every mistake in it at once, each with its line."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from observatory.config.checks import ID_FORM
from observatory.config.machine import REAL_MACHINE, Machine
from observatory.config.machine_checks import CheckContext
from observatory.config.problems import ConfigError, show_value
from observatory.config.settings_file import check_form, load_content, name_faults, no_mapping, parse_content
from observatory.config.vantage_point_forms import FileForm, VantagePointForm
from observatory.config.yaml import Fault
from observatory.config.yaml import Path as TreePath
from observatory.model import Config, Settings, VantagePoint

_LIST_KEY: Final = "vantage_points"
_OLDER_NAMES: Final = {"control": "canary_host"}

_PRIVATE_ASNS: Final = (range(64_512, 65_535), range(4_200_000_000, 4_294_967_295))


def load_config(path: Path | str, *, machine: Machine = REAL_MACHINE) -> Config:
    """Return the settings and vantage points of a file, checked as a whole.

    Errors: ConfigError with every problem: unreadable file, bad YAML, wrong values, ids used twice, devices,
            addresses and namespaces that this machine does not have. An entry that is switched off is
            checked for its form only. Nothing else is raised.
    """
    return parse_config(load_content(Path(path)), Path(path), machine)


def warn_config(config: Config) -> tuple[str, ...]:
    """Return what a valid file may say and the operator should still know, a line each."""
    enabled = [vantage for vantage in config.vantage_points if vantage.enabled]
    warnings = []
    if not enabled:
        warnings.append(f"{config.path}: no vantage point is enabled, so nothing will be measured")
    for vantage in enabled:
        if any(vantage.asn in private for private in _PRIVATE_ASNS):
            warnings.append(
                f"{config.path}: {vantage.id}.asn: {vantage.asn} is a private number that names no network; "
                "write the number of your ISP, and its country and name"
            )
    return tuple(warnings)


def parse_config(content: bytes, path: Path, machine: Machine) -> Config:
    """Return what the content of the file at `path` says; see `load_config`."""
    tree = parse_content(content)
    faults = list(tree.faults)
    settings, entries = None, []
    # A document that could not be read to its end has no value: its one fault says enough.
    if tree.value is not None or not faults:
        top = tree.value
        if isinstance(top, dict):
            settings = _check_settings(top, machine, path, faults)
            entries = _check_entries(top.get(_LIST_KEY), machine, path, faults)
        else:
            faults.append(no_mapping(top, ()))
    if faults or settings is None:
        raise ConfigError(name_faults(faults, tree, path, _name_field))
    return Config(path=str(path), settings=settings, vantage_points=tuple(entries))


def _check_settings(
    top: dict[str, Any], machine: Machine, path: Path, faults: list[Fault]
) -> Settings | None:
    context = CheckContext(machine=machine, folder=path.parent)
    found: list[Fault] = []
    form = check_form(FileForm, _with_clear_names(top, faults), (), context, found)
    # A mistake is shown under the name that the file uses.
    written: dict[TreePath, TreePath] = {
        (new,): (old,) for old, new in _OLDER_NAMES.items() if old in top and new not in top
    }
    faults += [replace(fault, path=written.get(fault.path, fault.path)) for fault in found]
    if form is None:
        return None
    return Settings(
        public_resolver=form.public_resolver,
        no_dns_address=form.no_dns_address,
        ca_file=form.ca_file,
        canary_host=form.canary_host,
    )


def _with_clear_names(top: dict[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Return the settings under the names they have today; files with the older ones stay valid."""
    renamed = dict(top)
    for old, new in _OLDER_NAMES.items():
        if old in top and new in top:
            expected = f"{new} alone, of which {old} is the older name"
            faults.append(Fault(path=(old,), expected=expected, found="both", hint="delete this line"))
            del renamed[old]
        elif old in top:
            renamed[new] = renamed.pop(old)
    return renamed


def _check_entries(
    raw_entries: object, machine: Machine, path: Path, faults: list[Fault]
) -> list[VantagePoint]:
    if not isinstance(raw_entries, list):
        return []
    entries: list[VantagePoint] = []
    first_index: dict[str, int] = {}
    for index, raw in enumerate(raw_entries):
        place = (_LIST_KEY, index)
        if not isinstance(raw, dict):
            faults.append(no_mapping(raw, place))
            continue
        vantage_id = raw.get("id")
        if isinstance(vantage_id, str):
            if (first := first_index.setdefault(vantage_id, index)) != index:
                faults.append(_id_again(vantage_id, first, index))
        context = CheckContext(machine=None if raw.get("enabled") is False else machine, folder=path.parent)
        form = check_form(VantagePointForm, raw, place, context, faults)
        if form is not None:
            same = {key: getattr(form, key) for key in VantagePointForm.model_fields if key != "every"}
            entries.append(VantagePoint(**same, every_s=form.every))
    return entries


def _id_again(vantage_id: str, first: int, index: int) -> Fault:
    return Fault(
        path=(_LIST_KEY, index, "id"),
        expected="an id that no other vantage point has",
        found=show_value(vantage_id),
        hint=f"already used by entry {first + 1}",
    )


def _name_field(path: TreePath, top: Any) -> str:
    """Return `jkt-xl.via.device` for a path in that entry, `vantage_points[3].asn` where it has no id."""
    if len(path) > 1 and path[0] == _LIST_KEY and isinstance(path[1], int):
        raw = top[_LIST_KEY][path[1]] if isinstance(top, dict) else None
        named = raw.get("id") if isinstance(raw, dict) else None
        is_named = isinstance(named, str) and ID_FORM.fullmatch(named)
        owner = named if is_named else f"{_LIST_KEY}[{path[1] + 1}]"
        return ".".join([str(owner), *map(str, path[2:])])
    return ".".join(map(str, path))
