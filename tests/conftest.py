"""Settings that every test shares."""

import os

from hypothesis import settings

# How long one example takes says nothing on a machine that trains a network beside the tests. In
# CI the examples are the same in every run; elsewhere each run tries new ones.
settings.register_profile("emo", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("emo")
