"""
Two vendors that do not exist, so that the contract is not shaped by those that do.

`harbor` is asynchronous and has objects that cannot be changed; `quarry` knows no configuration, only jobs. Each folder
holds a provider and an emulator that shares nothing with it; what the suite does with them belongs elsewhere.
"""
