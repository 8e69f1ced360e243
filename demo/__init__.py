"""The block of 2017, replayed across the emulated Internet on a virtual calendar."""
