"""The ways in which tensors of single files are named, one module for each kind of model."""
