"""Which files are read, whether they may be, how far they were read, and how."""
