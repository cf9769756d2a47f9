"""The page *Confusion matrices*."""
