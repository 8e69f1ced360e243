"""The servers of the emulated internet; none of them shares code with the probes that measure them."""
