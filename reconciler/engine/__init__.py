"""
What should happen: pure functions from values to values, with no clock, disk, network or environment.

Vendors do not exist here; all that is known of a kind is its `Traits`.
"""
