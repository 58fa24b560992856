"""
Words in, words out, exit codes: the command line, and nothing that decides.

Each command is a module that is loaded when it is called, so that help and version stay quick.
"""

from reconciler.cli.main import main

__all__ = ["main"]
