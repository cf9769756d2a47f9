"""Find the recordings in a file, and repair what can be repaired before it is decoded."""
