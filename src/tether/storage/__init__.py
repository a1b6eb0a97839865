"""Keys and bytes: the backend contract and its implementations. Nothing here knows objects."""
