"""Emo: the emotion in a voice, as three trained classifiers hear it.

The modules read in the order of the data: errors, labels, containers, audio, features,
functionals, corpora, folds, audit, augment, store, epochs, classifiers, bundle, predict, reports,
metrics, figures, train, evaluate, cards, ui.  Each imports only from those before it, and only
``ui*`` import Streamlit.
"""
