"""Other people's measurements, turned into ours: records of what happened, never anybody's conclusion."""
