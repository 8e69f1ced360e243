"""Our measurements in the formats of others."""
