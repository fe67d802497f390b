"""``./test``: installs what the tests need, starts real servers, runs the stages, counts."""
