"""
Export configuration as code: manifests in git, plans in pull requests, exports that stay as written.

Importing the package does nothing; each floor of the house is a package below and says what belongs in it.
"""

__version__ = "0.1.0"
