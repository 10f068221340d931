"""Who a worker is, what it holds, how often it beats, and what ends with it."""
