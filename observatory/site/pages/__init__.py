"""The dashboard's pages: `show` of each module draws it."""
