"""Why the models answer as they do: a sentence first, then what is behind it."""
