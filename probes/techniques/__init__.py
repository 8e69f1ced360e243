"""One technique a file: `measure_*` makes one step on the network and returns one observation."""
