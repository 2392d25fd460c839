"""PlatformIO platforms that stand in where its registry cannot be reached."""
