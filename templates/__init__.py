"""Jinja templates: all text that tinygen writes for others."""
