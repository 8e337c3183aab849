"""Special functions on rows of fixed-point numbers."""
