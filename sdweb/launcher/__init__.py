"""What ``./run`` does before and around Django: environment, interface, Redis, migrations, processes.

Everything here but ``prepare`` uses the standard library alone, because it runs before anything is installed.
"""
