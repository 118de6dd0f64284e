"""Tests of the image, on the virtual board; a package, so that others may have the same names."""
