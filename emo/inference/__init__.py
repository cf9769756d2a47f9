"""Answer for a recording: predict, explain, follow over time, and adapt to a few examples."""
