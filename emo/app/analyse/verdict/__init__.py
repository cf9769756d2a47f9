"""The verdict beside the player: the ensemble's answer, and a row for each model."""
