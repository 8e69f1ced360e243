"""How to measure: what happened on the network, and nothing about what it means."""
