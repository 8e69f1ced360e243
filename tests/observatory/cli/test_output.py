"""What every command prints goes through one place."""

import json

import pytest

from observatory.cli.output import print_json


@pytest.mark.parametrize(
    "text", ["Jaringan “XL” é", 'a "quote" and a \\', "a name that is not UTF-8: \udcff", "\n\x00"]
)
def test_json_is_one_line_that_reads_back_the_same(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": text})
    [line] = capsys.readouterr().out.splitlines()
    line.encode("utf-8")
    assert json.loads(line) == {"text": text}
