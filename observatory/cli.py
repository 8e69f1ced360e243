"""The `observatory` command."""


def main() -> None: ...
