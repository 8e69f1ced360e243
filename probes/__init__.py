"""How to measure. Records what happened on the network; `observatory.analysis` says what it means."""
