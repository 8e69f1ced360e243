"""From changed cells to events."""
