"""The host board."""
