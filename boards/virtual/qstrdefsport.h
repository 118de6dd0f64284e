// Names used by the port's C code that the scanner does not see: main.c's sys.path needs none.
