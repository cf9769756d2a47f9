"""Emo: the emotion in a voice, as three trained classifiers hear it.

The modules read in the order of the data: errors, labels, audio, features,
corpora, augment, classifiers, bundle, predict, metrics, figures, train,
evaluate, ui.  Each imports only from those before it, and only ``ui`` imports
Streamlit.
"""
