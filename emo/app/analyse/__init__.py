"""The page *Analyse*."""
