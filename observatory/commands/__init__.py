"""Commands of `observatory` that have a module of their own."""
