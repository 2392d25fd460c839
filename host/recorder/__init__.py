"""Recordings: a board's samples into a CSV file, each of them once and right, or told as lost."""
