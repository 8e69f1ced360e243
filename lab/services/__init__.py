"""The servers of the emulated Internet; none of them shares code with the probes that measure them."""
