"""The page of ``emo review``: play the clips of a batch, take labels, and show what they say."""
