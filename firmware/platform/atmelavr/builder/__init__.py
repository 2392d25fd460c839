"""SCons scripts that PlatformIO runs for each environment."""
