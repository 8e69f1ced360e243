"""Others' measurements turned into our records: what happened, never a conclusion."""
