"""
The batch import of consent events: what a file must hold, how it is cut into requests, and how these are sent once.

Knows nothing of exports. What of this is documented by Didomi, and what is assumed, stands beside the line that relies
on it.
"""
