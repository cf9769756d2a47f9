"""Run a model by others, in ONNX, beside the classifiers: a guest, never part of the ensemble."""
