"""`python -m observatory`, the same as the `observatory` command."""

from observatory.cli.app import main

main()
