"""One module per meter protocol."""
