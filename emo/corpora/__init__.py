"""Find the clips of the corpora, and divide them into folds."""
