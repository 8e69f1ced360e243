"""Which steps, in which order, on one deadline: rounds, hosts, names, follow-ups, data centres."""
