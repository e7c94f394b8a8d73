"""What several bots share through Redis: one kill switch for all of them, and a lease on each wallet.

Whatever cannot be read, is torn, was never set or is stale counts as closed.
"""
