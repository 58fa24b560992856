"""
What git and the ledger know of the past: who set a field, with which commit, and which apply carried it out.

Nothing here reads a manifest, a vendor or the state: what a commit says of a resource is asked of the caller.
"""
