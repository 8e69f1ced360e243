"""alerts.yaml -> channels of alerts, or every mistake at once, each with its line. Shows no secret."""

import os
import re
import stat
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from observatory.config.alert_forms import AlertsForm, ChannelForm, WebhookForm
from observatory.config.checks import ID_FORM, suggest
from observatory.config.problems import ConfigError, show_value
from observatory.config.settings_file import check_form, load_content, name_faults, no_mapping, parse_content
from observatory.config.yaml import Fault
from observatory.config.yaml import Path as TreePath
from observatory.model.channels import Channel, Channels
from observatory.notify.apprise_services import find_fault

DEFAULT_PATH: Final = Path("alerts.yaml")
PATH_VARIABLE: Final = "OBSERVATORY_ALERTS"
_LIST_KEY: Final = "channels"
_SECRET_KEYS: Final = ("url", "webhook", "secret")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_ -]{1,20}")
_HIDDEN: Final = "a value that is not shown"


def find_path(option: Path | None = None) -> Path:
    """Return where the channels are described: the option, else $OBSERVATORY_ALERTS, else ./alerts.yaml."""
    return option or Path(os.environ.get(PATH_VARIABLE) or DEFAULT_PATH)


def load_channels(path: Path) -> Channels:
    """Return the channels of a file, checked as a whole; none when there is no file.

    Errors: ConfigError with every problem; none of them shows a secret.
    """
    if not path.exists():
        return Channels(path=str(path))
    tree = parse_content(load_content(path))
    faults = [_hide_syntax(fault) for fault in tree.faults]
    top, form, entries = tree.value, None, []
    if top is not None or not faults:
        if isinstance(top, dict):
            form = check_form(AlertsForm, top, (), None, faults, _show_kind)
            entries = _check_entries(top.get(_LIST_KEY), faults)
        else:
            faults.append(no_mapping(top, (), _show_kind))
    if faults or form is None:
        raise ConfigError(name_faults(faults, tree, path, _name_field))
    return Channels(path=str(path), site=form.site, channels=tuple(entries))


def warn_rights(path: Path) -> str | None:
    """Return a warning where every user of this machine may read the file: its addresses are secrets."""
    try:
        is_open = path.stat().st_mode & stat.S_IROTH
    except OSError:
        return None
    if not is_open:
        return None
    return f"{path}: every user of this machine may read its addresses, which are secrets; chmod 600 {path}"


def _check_entries(raw_entries: object, faults: list[Fault]) -> list[Channel]:
    entries: list[Channel] = []
    first_index: dict[str, int] = {}
    for index, raw in enumerate(raw_entries if isinstance(raw_entries, list) else ()):
        place: TreePath = (_LIST_KEY, index)
        if not isinstance(raw, dict):
            faults.append(no_mapping(raw, place, _show_kind))
            continue
        name = raw.get("name")
        if isinstance(name, str) and (first := first_index.setdefault(name, index)) != index:
            hint = f"already used by entry {first + 1}"
            expected = "a name that no other channel has"
            faults.append(Fault(path=(*place, "name"), expected=expected, found=_show_kind(name), hint=hint))
        channel = _check_channel(raw, place, faults)
        if channel is not None:
            entries.append(channel)
    return entries


def _check_channel(raw: dict[str, Any], place: TreePath, faults: list[Fault]) -> Channel | None:
    n_before = len(faults)
    form = _check_hiding(ChannelForm, raw, place, faults)
    ways = [key for key in ("url", "url_env", "webhook") if key in raw]
    if len(ways) != 1:
        found = " and ".join(ways) or "none of them"
        faults.append(Fault(path=place, expected="one of url, url_env and webhook", found=found))
    for key, address in (("url", raw.get("url")), ("url_env", os.environ.get(str(raw.get("url_env")), ""))):
        # An empty one is a mistake that the form has found already.
        if isinstance(address, str) and address.strip() and (fault := find_fault(address.strip())):
            faults.append(
                Fault(path=(*place, key), expected=fault.expected, found=fault.found, hint=fault.hint)
            )
    hook = None
    if isinstance(raw.get("webhook"), dict):
        hook = _check_webhook(raw["webhook"], (*place, "webhook"), faults)
    if form is None or len(faults) > n_before:
        return None
    return Channel(
        name=form.name,
        audience=form.audience,
        url=form.url or form.url_env,
        webhook_url=hook[0] if hook else None,
        secret=hook[1] if hook else None,
        isps=form.isps or frozenset(),
        hosts=form.hosts or frozenset(),
        language=form.language,
        settle=form.settle,
        digest=form.digest,
        max_per_hour=form.max_per_hour,
    )


def _check_webhook(
    raw: dict[str, Any], place: TreePath, faults: list[Fault]
) -> tuple[SecretStr, SecretStr] | None:
    form = _check_hiding(WebhookForm, raw, place, faults)
    for key in ("url", "secret"):
        ways = [name for name in (key, f"{key}_env") if name in raw]
        if len(ways) != 1:
            found = " and ".join(ways) or "neither"
            faults.append(Fault(path=place, expected=f"either {key} or {key}_env", found=found))
    if form is None:
        return None
    url, secret = form.url or form.url_env, form.secret or form.secret_env
    return (url, secret) if url and secret else None


def _check_hiding(form: type[Any], raw: dict[str, Any], place: TreePath, faults: list[Fault]) -> Any:
    """Check a form whose mistakes may be in a secret: what was found there is not said."""
    found: list[Fault] = []
    checked: BaseModel | None = check_form(form, raw, place, None, found, _show_kind)
    for fault in found:
        key = fault.path[-1]
        is_known = key in form.model_fields
        if is_known and key not in _SECRET_KEYS and not str(key).endswith("_env"):
            shown = show_value(raw.get(str(key))) if key in raw else "nothing"
        elif is_known:
            shown = _HIDDEN if key in raw else "nothing"
        else:
            shown = _show_kind(key)
        path = fault.path if is_known or _is_plain(key) else place
        hint = fault.hint if is_known else suggest(key, tuple(form.model_fields))
        faults.append(Fault(path=path, line=fault.line, expected=fault.expected, found=shown, hint=hint))
    return checked


def _is_plain(key: object) -> bool:
    return isinstance(key, str) and _PLAIN_KEY.fullmatch(key) is not None


def _show_kind(value: object) -> str:
    """Say what was found without saying it, unless it is a plain word: anything may be a misplaced secret."""
    return show_value(value) if not isinstance(value, str) or _is_plain(value) else _HIDDEN


def _hide_syntax(fault: Fault) -> Fault:
    """The parser repeats aliases and tags, which is what a secret that begins with * or ! is to it."""
    if "anchor" in fault.expected or "tag" in fault.expected:
        expected, hint = (
            "plain YAML without tags and references",
            "put values that begin with * or ! in quotes",
        )
        return Fault(path=fault.path, line=fault.line, expected=expected, found="one", hint=hint)
    return fault


def _name_field(path: TreePath, top: Any) -> str:
    """Return `press.webhook.url` for a path in that channel, `channels[3].url` where it has no name."""
    if len(path) > 1 and path[0] == _LIST_KEY and isinstance(path[1], int):
        raw = top[_LIST_KEY][path[1]] if isinstance(top, dict) else None
        named = raw.get("name") if isinstance(raw, dict) else None
        is_named = isinstance(named, str) and ID_FORM.fullmatch(named)
        owner = named if is_named else f"{_LIST_KEY}[{path[1] + 1}]"
        return ".".join([str(owner), *map(str, path[2:])])
    return ".".join(map(str, path))
