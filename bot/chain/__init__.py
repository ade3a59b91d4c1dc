"""Solana: endpoints, the launchpad's bytes, transactions and the launch stream behind the ports `Chain` and `LaunchStream`.

Nothing here decides about money, knows a user or touches a key; solders and httpx stay inside this room.
"""
