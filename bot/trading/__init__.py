"""The money rules: integers in, decisions with their reasons out. No trio, no I/O, no clock, no randomness here."""
