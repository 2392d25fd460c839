"""PlatformIO projects beside that of one model: of several models, and of a board that records."""
