"""The whole portal as ``./run`` starts it, on SQLite and on PostgreSQL."""
