"""An emulated internet with censoring ISPs, in network namespaces of its own; see lab/README.md."""
