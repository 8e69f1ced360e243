"""The forms agree with the model and with the docs."""

from pathlib import Path

from observatory.config.vantage_point_forms import FileForm, VantagePointForm
from observatory.model import Settings, VantagePoint

ROOT = Path(__file__).parents[3]


def test_defaults_are_those_of_the_model() -> None:
    a_vantage = VantagePoint(id="x", name="x", isp="x", asn=1, country="ID")
    for key, field in VantagePointForm.model_fields.items():
        if not field.is_required():
            assert field.default == getattr(a_vantage, "every_s" if key == "every" else key), key
    for key, field in FileForm.model_fields.items():
        if not field.is_required():
            assert field.default == getattr(Settings(), key), key


def test_document_explains_every_key() -> None:
    text = (ROOT / "docs" / "vantage-points.md").read_text(encoding="utf-8")
    fields = FileForm.model_fields | VantagePointForm.model_fields
    for key, field in fields.items():
        assert f"| `{key}` | {field.description} |" in text, key
