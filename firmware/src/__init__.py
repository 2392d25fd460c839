"""The sketch: receive a row, predict, set the LED, answer."""
