"""One technique a file: `measure_*` does one step on the network and returns one observation."""
