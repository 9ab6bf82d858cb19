"""The operator board: one page that uses the public API, and signing in to it."""
