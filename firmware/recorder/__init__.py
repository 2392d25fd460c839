"""The recording firmware: samples by a timer, kept in a ring, sent in frames."""
