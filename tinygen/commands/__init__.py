"""One file a command: what it takes, what it does, and its result as text and plain values."""
