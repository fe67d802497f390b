"""What the portal tells about itself: logs and metrics (docs/observability.md)."""
