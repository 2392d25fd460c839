"""Decision trees: their shapes, and how each form is written in C."""
