"""The files that operators edit -> frozen objects; every mistake at once, each with its line."""
