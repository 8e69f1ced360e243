"""Ordered rules, one file a layer; the first that matches decides its layer, and its id is stored.

Rule ids are append-only: a new meaning gets a new id.
"""
