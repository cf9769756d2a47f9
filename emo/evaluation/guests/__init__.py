"""Score the predictions of models that others made beside those of the stored models."""
