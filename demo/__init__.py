"""The block of 2017, replayed across the emulated internet on a virtual calendar."""
