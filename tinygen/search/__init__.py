"""Which model: cross-validation on training rows, measured finalists, the ladder, the verdict."""
