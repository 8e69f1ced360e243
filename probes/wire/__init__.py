"""Sans-I/O codecs: bytes in, records out, and back."""
