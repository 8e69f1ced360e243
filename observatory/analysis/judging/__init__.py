"""One measurement in, one verdict out."""
