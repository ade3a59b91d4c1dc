"""Who trades on the local chain: a seeded generator of launches and traders, or a replay of a recorded market. Sans-IO."""
