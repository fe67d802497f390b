"""Trains the demo family: tiny real models, in the formats of the big ones, on openly licensed emoji."""
