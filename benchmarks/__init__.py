"""What it costs: figures, each beside its bound. Run with `make bench`."""
