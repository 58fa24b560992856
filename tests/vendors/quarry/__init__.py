"""
Quarry cuts extracts out of tables: it knows no configuration, only jobs that run once and stay in a list for ever.

`emulator` is what its documents say, `provider` what a client makes of them.
"""
