"""The demo family, through the libraries that its formats come from."""
