"""Situations across the emulated internet, the verdict each must get, and how well the judge names them."""
