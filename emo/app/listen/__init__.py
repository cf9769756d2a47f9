"""The page *Listen*: name the emotion of a clip first, then see what listeners and models said."""
