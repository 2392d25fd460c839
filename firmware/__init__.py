"""The hand-written firmware that every generated project shares."""
