"""Measure how many answers stay right, and how many stay the same, for altered clips."""
