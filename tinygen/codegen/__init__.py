"""C text from a model."""
