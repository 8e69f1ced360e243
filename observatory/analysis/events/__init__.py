"""From counts to events: onsets, ends, and what may be said of them."""
