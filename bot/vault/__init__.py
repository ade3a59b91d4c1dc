"""Keys: sealed at rest under a master key, opened only to sign, never shown.

Nothing outside this room sees a private key, and nothing in it logs or puts one into an error.
"""
