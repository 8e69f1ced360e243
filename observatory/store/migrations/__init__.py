"""The history of the tables; `observatory.store.migrate` plays it."""
