"""Trains the demo checkpoint: a tiny Stable Diffusion 1.x-layout model on emoji."""
