"""Real processes killed, real Redis emptied, in the middle of real jobs."""
