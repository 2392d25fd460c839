"""Tiny trained integer models for 8-bit Arduinos, checked row by row over serial."""

__version__ = "0.1.0"
