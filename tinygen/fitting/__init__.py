"""What families share: training rows, solvers in floats, and lowering to integer nodes."""
