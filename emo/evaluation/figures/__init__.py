"""Figures beyond rates: prediction sets, differences of models, groups, operating points."""
