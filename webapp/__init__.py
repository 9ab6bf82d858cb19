"""The HTTP face of the engine: parse, call one use case, render."""
