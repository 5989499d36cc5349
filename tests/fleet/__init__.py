"""Past one machine: PostgreSQL, S3 and fleets, over real servers. Each test skips where its server is not installed."""
