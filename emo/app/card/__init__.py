"""Cards with a clip to name: the sound and the signs that the game and a review send."""
