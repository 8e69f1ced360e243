"""The `observatory` command: one module for each command or group; `app` puts them together."""
