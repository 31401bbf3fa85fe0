"""Where profiles stand: the contract, the Redis store and the memory store."""
