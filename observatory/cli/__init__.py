"""Commands of `observatory` that stand in files of their own."""
