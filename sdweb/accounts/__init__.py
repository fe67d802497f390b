"""People: who they are, how they sign in, and whether newcomers may join."""
