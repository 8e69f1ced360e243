"""What a surface shows, free of any user interface. Pure."""
