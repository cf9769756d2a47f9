"""Folders of models that somebody trained on recordings of their own."""
