"""Results for people: words, and the page."""
