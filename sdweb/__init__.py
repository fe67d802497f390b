"""The portal: settings, accounts, routes and the processes' entry points."""

__version__ = "0.1.0"
