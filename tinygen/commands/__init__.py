"""One file a command: its options, its frozen result with text() and plain(), its function.

The file declares `command`; that alone adds it to the command line. What begins with `_` is shared.
"""
