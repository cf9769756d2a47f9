"""The command line."""

import os

# Set before NumPy and TensorFlow are imported. Small products are faster with one BLAS thread, and
# workers do not fight for cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
