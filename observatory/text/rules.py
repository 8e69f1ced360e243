"""What every rule claims, in plain words: catalogues by rule id, for pages, documents and commands.

The judge never reads them: the words follow the rules, not the other way round.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from observatory.text import FALLBACK, LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """`says`: the claim. `besides`: what else could explain the same observations. `change`: what would have
    led to another verdict. Whole sentences, without placeholders.
    """

    says: str
    besides: str
    change: str


@cache
def load_rule_texts(language: str) -> Mapping[str, RuleText]:
    """Return the texts of all rules by id; a language that is not in `LANGUAGES` falls back to English.

    Errors: TypeError names a text that is missing, or one too many.
    """
    chosen = language if language in LANGUAGES else FALLBACK
    content = resources.files("observatory.text").joinpath(f"rules.{chosen}.toml").read_text(encoding="utf-8")
    return {rule_id: RuleText(**texts) for rule_id, texts in tomllib.loads(content).items()}
