"""The rows that ``emo batch`` has written: read them again, and join those of several runs."""
