"""
The imperative shell: one file per command, each of which reads top to bottom.

Everything that touches the world is put together in `context`; words and exit codes belong to the command line above.
"""
