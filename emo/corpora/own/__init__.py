"""Clips of somebody's own as a corpus: read, checked and divided into folds."""
