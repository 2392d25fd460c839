"""Data that nobody measured, for machines that have none: the same for the same seed."""
