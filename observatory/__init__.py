"""What the measurements mean: judging, storing, scheduling, showing."""
