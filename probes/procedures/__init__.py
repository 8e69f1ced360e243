"""Which steps, in which order, on one deadline: a round, a host, a data centre."""
