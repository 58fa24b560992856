"""One module per command, each with a `command`; loaded when it is called."""
