"""How many requests one client may send: the same budget for HTTP and the WebSocket (docs/security.md)."""
