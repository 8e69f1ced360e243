"""How soon, how surely and how fast onsets are found, over made-up years."""
