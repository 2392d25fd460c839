"""All that is known of one model, gathered, and the figures taken from it."""
