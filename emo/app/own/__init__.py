"""Own models on the pages: the folder that EMO_MODELS names, its labels, and its own texts."""
