"""
Harbor ships cargo along routes: accounts, cargoes and routes behind an asynchronous API with etags.

`emulator` is what its documents say, the other files are what a client makes of them.
"""
