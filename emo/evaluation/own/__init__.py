"""Evaluate classifiers on clips of somebody's own, in folds that share no speaker."""
