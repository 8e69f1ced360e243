"""Situations across the emulated Internet, the verdict each must get, and how well the judge names them."""
