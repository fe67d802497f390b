"""A day at a large portal: people, GPUs, models, and who waits how long under which scheduling."""
