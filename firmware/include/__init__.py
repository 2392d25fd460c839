"""Runtime headers that generated code includes."""
